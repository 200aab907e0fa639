"""Runs models before and after a pass in ONNX Runtime and compares the outputs.

    AAT_ONNX_PASSES_IN=models AAT_ONNX_PASSES_OUT=out go test -run TestWriteTransformed ./graphsurgery/passes
    python compare.py out [pass ...]

Inputs are those of test_data_set_0 beside a model (onnx's backend tests), else
random ones. Needs onnx 1.22 and onnxruntime 1.32; no test of the project needs it.
"""

import collections
import json
import os
import sys

import numpy as np
import onnx
import onnxruntime as ort
from onnx import numpy_helper

ort.set_default_logger_severity(4)


def session(path):
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


KINDS = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16, "tensor(int64)": np.int64,
         "tensor(int32)": np.int32, "tensor(bool)": np.bool_, "tensor(uint8)": np.uint8, "tensor(int8)": np.int8}


def random_feeds(sess):
    rng, feeds = np.random.default_rng(0), {}
    symbols = {}
    for i in sess.get_inputs():
        shape = [d if isinstance(d, int) else symbols.setdefault(d, 2) for d in i.shape]
        kind = KINDS[i.type]
        if np.issubdtype(kind, np.floating):
            feeds[i.name] = rng.standard_normal(shape).astype(kind)
        elif "mask" in i.name:
            # a row that masks everything: ONNX Runtime 1.32's Attention gives zeros
            # there, against the operator's definition; no caller looks at such a row
            feeds[i.name] = np.ones(shape, kind)
        else:
            feeds[i.name] = rng.integers(0, 2, shape).astype(kind)
    return feeds


def stored_feeds(folder, sess):
    feeds = {}
    for k, i in enumerate(sess.get_inputs()):
        with open(os.path.join(folder, f"input_{k}.pb"), "rb") as f:
            t = onnx.TensorProto()
            t.ParseFromString(f.read())
            feeds[i.name] = numpy_helper.to_array(t)
    return feeds


def feeds_for(path, sess):
    folder = os.path.join(os.path.dirname(path), "test_data_set_0")
    return stored_feeds(folder, sess) if os.path.isdir(folder) else random_feeds(sess)


def random(path):
    """ONNX Runtime seeds a random node by its place, which a pass may change."""
    nodes = onnx.load(path, load_external_data=False).graph.node
    return any(n.op_type.startswith("Random") or n.op_type in ("Bernoulli", "Multinomial") or n.op_type == "Dropout" and len(n.input) > 2 for n in nodes)


def tolerance(path):
    """What a difference may be, relative to the largest element of an output."""
    m = onnx.load(path, load_external_data=False)
    kinds = {t.data_type for t in m.graph.initializer}
    kinds |= {a.i for n in m.graph.node if n.op_type == "Cast" for a in n.attribute}
    if any(n.op_type == "DynamicQuantizeLinear" for n in m.graph.node):
        return 2e-2  # a last-bit difference moves a value to the next of 255 steps
    if onnx.TensorProto.FLOAT16 in kinds:
        return 5e-3  # ten bits, and casts that ONNX Runtime puts elsewhere
    return 1e-5  # sums in another order


def same(a, b, tol):
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(same(x, y, tol) for x, y in zip(a, b))
    if a is None or b is None:
        return a is b
    if isinstance(a, dict):
        return str(a) == str(b)
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype.kind == "f":
        # onnx's own tolerance, and relative to the largest element where sums cancel
        scale = np.max(np.abs(a[np.isfinite(a)]), initial=0).astype(np.float64)
        return np.allclose(a, b, rtol=1e-3, atol=1e-7 + tol * scale, equal_nan=True)
    return np.array_equal(a, b)


def distance(want, got):
    """The largest difference of float outputs, relative to the largest element."""
    worst = 0.0
    for a, b in zip(want, got):
        a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
        if a.shape == b.shape and a.size:
            worst = max(worst, float(np.max(np.abs(a - b)) / max(np.max(np.abs(a)), 1e-30)))
    return worst


def main():
    out, chosen = sys.argv[1], sys.argv[2:]
    counts = collections.defaultdict(collections.Counter)
    reference = {}
    for line in open(os.path.join(out, "outcomes.jsonl")):
        o = json.loads(line)
        name = o["Pass"]
        if chosen and name not in chosen:
            continue
        if o["Error"]:
            counts[name]["refused"] += 1
            print(name, "REFUSED", o["In"].split("/")[-2:], o["Error"][:300])
            continue
        if not o["Changed"]:
            counts[name]["unchanged"] += 1
            continue
        path = o["In"]
        if path not in reference:
            try:
                s = session(path)
                feeds, tol = feeds_for(path, s), tolerance(path)
                reference[path] = feeds, s.run(None, feeds), tol
                if random(path):
                    reference[path] = "random"
            except Exception as e:  # ONNX Runtime cannot run the original
                reference[path] = None
        if reference[path] is None:
            counts[name]["original does not run"] += 1
            continue
        if reference[path] == "random":
            counts[name]["original is random"] += 1
            continue
        feeds, want, tol = reference[path]
        try:
            got = session(o["Out"]).run(None, feeds)
        except Exception as e:
            counts[name]["BROKEN"] += 1
            print(name, "BROKEN", path, str(e)[:300])
            continue
        if all(same(a, b, tol) for a, b in zip(want, got)):
            counts[name]["equal"] += 1
        else:
            counts[name]["DIFFERS"] += 1
            print(name, "DIFFERS", path, f"by {distance(want, got):.2g} of the largest element")
    for name, c in counts.items():
        print(name, dict(c))


if __name__ == "__main__":
    main()
