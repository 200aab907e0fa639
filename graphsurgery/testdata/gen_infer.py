"""Writes infer.golden.gz: what onnx's shape inference knows of onnx's own test models, and
what is true of them.

    python gen_infer.py BACKEND_TEST_DATA infer.golden.gz

BACKEND_TEST_DATA is onnx/backend/test/data of the onnx package. Needs onnx 1.22.0 and
onnxruntime 1.32.0.

Each model is stripped of value_info and of the types of its outputs, so that there is
something to infer. One line a model: folder, then tab-separated the inputs as fed and,
for each output of each node of the main graph in order, "known|true". A type is
"dtype:dim,dim", true ones of small integer tensors with their elements,
"dtype:dim,dim=element,element"; "" is an unknown type, "dtype:?" one of unknown rank, "?" an unknown
dimension; sequences, optionals and maps are "seq", "opt" and "map". True types come from
the test's output files, from onnxruntime with every value an output, or from onnx's
reference evaluator; "" where none of them gives the value.
"""

import glob
import gzip
import os
import sys
import warnings

import numpy as np
import onnx
import onnx.reference
import onnxruntime
from onnx import numpy_helper

warnings.filterwarnings("ignore")
onnxruntime.set_default_logger_severity(4)


def strip(model):
    model = onnx.ModelProto.FromString(model.SerializeToString())
    del model.graph.value_info[:]
    for o in model.graph.output:
        o.ClearField("type")
    return model


def known(tp):
    kind = tp.WhichOneof("value")
    if kind == "tensor_type":
        t = tp.tensor_type
        if not t.HasField("shape"):
            return f"{t.elem_type}:?" if t.elem_type else ""
        dims = []
        for d in t.shape.dim:
            which = d.WhichOneof("value")
            dims.append(str(d.dim_value) if which == "dim_value" else d.dim_param if which and d.dim_param else "?")
        return f"{t.elem_type}:" + ",".join(x.replace(",", ";").replace("|", "!") for x in dims)
    return {"sequence_type": "seq", "optional_type": "opt", "map_type": "map"}.get(kind, "")


def true(x):
    if x is None:
        return "opt"
    if isinstance(x, list):
        return "seq"
    if isinstance(x, dict):
        return "map"
    x = np.asarray(x)
    try:
        kind = onnx.helper.np_dtype_to_tensor_dtype(x.dtype) if x.dtype != object and x.dtype.kind not in "US" else 8
    except Exception:
        return ""
    return f"{kind}:" + ",".join(map(str, x.shape)) + elements(x)


def elements(x):
    """The elements of a small integer or boolean tensor."""
    if x.dtype not in (np.int64, np.int32, np.bool_) or x.size > 64:
        return ""
    return "=" + ",".join(str(int(v)) for v in x.flatten())


def load(path, tp):
    data = open(path, "rb").read()
    kind = tp.WhichOneof("value")
    if kind == "sequence_type":
        p = onnx.SequenceProto.FromString(data)
        return numpy_helper.to_list(p), "seq"
    if kind == "optional_type":
        return numpy_helper.to_optional(onnx.OptionalProto.FromString(data)), "opt"
    t = onnx.TensorProto.FromString(data)
    x = numpy_helper.to_array(t)
    return x, f"{t.data_type}:" + ",".join(map(str, t.dims)) + elements(x)


def infer(model):
    try:
        done = onnx.shape_inference.infer_shapes(strip(model), check_type=True, strict_mode=False, data_prop=True)
    except Exception:
        return {}
    out = {}
    for v in list(done.graph.value_info) + list(done.graph.output):
        out[v.name] = known(v.type)
    return out


def run(model, feeds, names, outputs):
    """Types of the values as they come out of a run. The reference evaluator is not
    believed where its outputs are not those of the test."""
    result = {}
    wide = strip(model)
    del wide.graph.output[:]
    wide.graph.output.extend(onnx.ValueInfoProto(name=n) for n in names)
    try:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(wide.SerializeToString(), options, providers=["CPUExecutionProvider"])
        for n, x in zip(names, session.run(names, feeds)):
            result[n] = true(x)
    except Exception:
        pass
    if len(result) < len(names):
        try:
            got = onnx.reference.ReferenceEvaluator(model).run(None, feeds, intermediate=True)
            if any(n in got and true(got[n]) != t for n, t in outputs.items()):
                return result
            for n in names:
                if n in got and n not in result:
                    result[n] = true(got[n])
        except Exception:
            pass
    return result


def main(root, target):
    lines = []
    for kind in ["node", "simple", "pytorch-converted", "pytorch-operator"]:
        for path in sorted(glob.glob(os.path.join(root, kind, "test_*", "model.onnx"))):
            folder = os.path.dirname(path)
            model = onnx.load(path)
            names = [o for n in model.graph.node for o in n.output if o]
            inits = {t.name for t in model.graph.initializer}
            inputs = [i for i in model.graph.input if i.name not in inits]
            feeds, fed = {}, []
            try:
                for k, i in enumerate(inputs):
                    feeds[i.name], shape = load(os.path.join(folder, "test_data_set_0", f"input_{k}.pb"), i.type)
                    fed.append(shape)
            except Exception:
                feeds = None
            outputs = {}
            for k, o in enumerate(model.graph.output):
                try:
                    outputs[o.name] = load(os.path.join(folder, "test_data_set_0", f"output_{k}.pb"), o.type)[1]
                except Exception:
                    pass
            truth = run(model, feeds, names, outputs) if feeds is not None else {}
            truth.update(outputs)
            found = infer(model)
            values = [f"{found.get(n, '')}|{truth.get(n, '')}" for n in names]
            lines.append("\t".join([f"{kind}/{os.path.basename(folder)}", ";".join(fed), *values]))
    with open(target, "wb") as f, gzip.GzipFile(filename="", fileobj=f, mode="wb", mtime=0, compresslevel=9) as z:
        z.write(("\n".join(lines) + "\n").encode())
    total = [v for line in lines for v in line.split("\t")[2:]]
    print(len(lines), "models,", len(total), "values,", sum(not v.endswith("|") for v in total), "of known truth")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
