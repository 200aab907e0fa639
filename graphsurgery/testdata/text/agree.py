"""Compares our text form with that of onnx, both ways, over onnx's backend tests.

    python agree.py FOLDER [--golden golden.json] [--list]

FOLDER is onnx/backend/test/data (see testdata/nodetests.sh). Run from the
repository's root; needs Go and onnx==1.22.0. It prints counts:

  read:  onnx.printer writes the model, onnx.parser reads that text, we read it too:
         the messages must be equal.
  write: we write the model, onnx.parser reads it: the message must be the model,
         but for what the syntax has no words for (see Model.Text).

--golden writes a sample of the cases, which TestTextGolden reads; --list names the
disagreements.
"""
import argparse
import base64
import collections
import glob
import json
import os
import subprocess

import numpy as np
import onnx
import onnx.parser
import onnx.printer

DROPPED = {"denotation", "quantization_annotation", "training_info", "configuration", "device_configurations", "segment"}
WIDTH = {onnx.TensorProto.UINT16: 2, onnx.TensorProto.INT16: 2, onnx.TensorProto.FLOAT16: 2,
         onnx.TensorProto.BFLOAT16: 2, onnx.TensorProto.INT32: 4, onnx.TensorProto.UINT32: 4, onnx.TensorProto.UINT64: 8}


def settle(t):
    """Puts a tensor's values into raw bytes."""
    if t.data_location == onnx.TensorProto.EXTERNAL or t.data_type == onnx.TensorProto.STRING:
        return
    raw = t.raw_data
    width = WIDTH.get(t.data_type, 1)
    if not t.HasField("raw_data"):
        raw = b"".join((x % (1 << 8 * width)).to_bytes(width, "little") for x in [*t.int32_data, *t.uint64_data])
        raw += np.array(t.int64_data, "<i8").tobytes() + np.array(t.float_data, "<f4").tobytes()
        raw += np.array(t.double_data, "<f8").tobytes()
    for field in ("int32_data", "uint64_data", "int64_data", "float_data", "double_data"):
        t.ClearField(field)
    t.raw_data = raw


def strip(m):
    """Removes what the text syntax has no words for."""
    if isinstance(m, onnx.TensorProto):
        settle(m)
    keeps = isinstance(m, (onnx.ModelProto, onnx.FunctionProto))
    for f, v in m.ListFields():
        if f.name in DROPPED or f.name in ("doc_string", "metadata_props") and not keeps:
            m.ClearField(f.name)
        elif f.type == f.TYPE_MESSAGE:
            for x in v if isinstance(v, collections.abc.Sequence) or hasattr(v, "add") else [v]:
                strip(x)
        elif not hasattr(v, "append") and f.containing_oneof is None and v == f.default_value:
            m.ClearField(f.name)
    return m


def textual(m):
    c = type(m)()
    c.CopyFrom(m)
    return strip(c).SerializeToString(deterministic=True)


def unstray(m):
    """A copy without integers in float attributes."""
    c = onnx.ModelProto()
    c.CopyFrom(m)
    for nodes in [c.graph.node, *(f.node for f in c.functions)]:
        for a in (a for n in nodes for a in n.attribute if a.type == onnx.AttributeProto.FLOAT):
            a.ClearField("i")
    return c


def ours(messages):
    """Asks our printer and parser."""
    lines = "\n".join(json.dumps(m) for m in messages)
    done = subprocess.run(["go", "run", "./graphsurgery/testdata/text"], input=lines, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def b64(data):
    return base64.b64encode(data).decode()


def parse(text):
    try:
        return onnx.parser.parse_model(text), ""
    except Exception as e:  # onnx raises several kinds
        return None, str(e).split("\n")[-1] if "ParseError" in str(e) else type(e).__name__ + ": " + str(e)


def show(model):
    try:
        return onnx.printer.to_text(model)
    except UnicodeDecodeError:
        return None


def main():
    args = argparse.ArgumentParser()
    args.add_argument("folder")
    args.add_argument("--golden")
    args.add_argument("--list", action="store_true")
    args = args.parse_args()
    files = sorted(glob.glob(os.path.join(args.folder, "*", "test_*", "model.onnx")))
    models = [onnx.load(f, load_external_data=False) for f in files]
    names = [os.path.basename(os.path.dirname(f)) for f in files]
    our_texts = [a.get("text") or a["error"] for a in ours([{"model": b64(m.SerializeToString())} for m in models])]
    onnx_texts = [show(m) for m in models]
    reads = [parse(t) if t else (None, "not printed: invalid UTF-8") for t in onnx_texts]
    readable = [i for i, (m, _) in enumerate(reads) if m is not None]
    our_reads = dict(zip(readable, ours([{"text": onnx_texts[i]} for i in readable])))

    read, write, golden = collections.Counter(), collections.Counter(), []
    for i, m in enumerate(models):
        theirs, why = reads[i]
        if theirs is None:
            outcome = "onnx refuses its own text: " + why[:60]
        elif "error" in our_reads[i]:
            outcome = "we refuse: " + our_reads[i]["error"]
        else:
            got = onnx.load_from_string(base64.b64decode(our_reads[i]["model"]))
            outcome = "equal" if textual(got) == textual(theirs) else "differs"
            if outcome == "differs" and textual(got) == textual(unstray(theirs)):
                outcome = "equal but for the i that onnx's parser leaves beside the f of a float written as 2"
        read[outcome.split("\n")[0]] += 1
        if args.list and outcome != "equal":
            print("read ", names[i], outcome)
        back, why = parse(our_texts[i])
        if back is None:
            verdict = "onnx refuses: " + why[:60]
        else:
            verdict = "equal" if textual(back) == textual(m) else "differs"
        write[verdict] += 1
        if args.list and verdict != "equal":
            print("write", names[i], verdict)
        if outcome == verdict == "equal":
            golden.append({"name": names[i], "model": b64(m.SerializeToString()), "text": our_texts[i],
                           "onnx_text": onnx_texts[i], "onnx_model": b64(theirs.SerializeToString())})
    print(f"onnx {onnx.__version__}, {len(models)} models")
    for title, counts in (("read", read), ("write", write)):
        for what, n in counts.most_common():
            print(f"{title:6}{n:6}  {what}")
    if args.golden:
        write_sample(golden, args.golden)


def write_sample(cases, path):
    """Keeps one small case of each operator set of a model, up to 90 kB."""
    seen, sample, size = set(), [], 0
    for c in sorted(cases, key=lambda c: (len(c["text"]), c["name"])):
        m = onnx.load_from_string(base64.b64decode(c["model"]))
        ops = {n.op_type for n in m.graph.node} | {f.name for f in m.functions}
        n = len(json.dumps(c)) + 2
        if ops <= seen or n > 6000 or size + n > 90_000:
            continue
        seen |= ops
        size += n
        sample.append(c)
    with open(path, "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(c) for c in sorted(sample, key=lambda c: c["name"])) + "\n]\n")
    print(f"{len(sample)} cases, {size} bytes in {path}")


main()
