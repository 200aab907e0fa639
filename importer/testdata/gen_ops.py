"""Writes the operator fixtures of package importer: small ONNX models, inputs,
and the outputs of ONNX Runtime, one .npz per family.

Run: python importer/testdata/gen_ops.py   (numpy, onnx, onnxruntime)

Keys of one case: "<case>/model" (the file as int32 words, zero-padded),
"<case>/len" (its bytes), "<case>/in/<name>", "<case>/out/<i>". Each case comes
in two forms: data fed at run time, and "<case>/fold", where the data are
Constant nodes, so that small tensors are computed on the host. Cases of
differentiable operators have "<case>/grad" as well: the same model in float64,
for checks by finite differences.
"""

import os

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

HERE = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(20260823)
families = {}


def f(*shape, lo=-2.0, hi=2.0):
    """Random float32 in a range."""
    return rng.uniform(lo, hi, shape).astype(np.float32)


def pos(*shape):
    """Random float32, away from zero."""
    return f(*shape, lo=0.3, hi=2.0)


def i64(*values):
    return np.array(values, dtype=np.int64)


def build(op, feeds, consts, attrs, opset, outs, form, order):
    nodes, inputs, inits, names = [], [], [], []
    for name in order:
        if name == "":
            names.append("")
            continue
        names.append(name)
        if name in feeds:
            a = feeds[name]
            if form == "grad" and a.dtype == np.float32:
                a = a.astype(np.float64)
            if form == "fold":
                nodes.append(helper.make_node("Constant", [], [name], name="const_" + name, value=numpy_helper.from_array(a)))
            else:
                inputs.append(helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape))
        else:
            a = consts[name]
            if form == "grad" and a.dtype == np.float32:
                a = a.astype(np.float64)
            inits.append(numpy_helper.from_array(a, name))
    out_names = ["y%d" % i for i in range(outs)]
    nodes.append(helper.make_node(op, names, out_names, name="the_" + op, **attrs))
    outputs = [helper.make_empty_tensor_value_info(n) for n in out_names]
    graph = helper.make_graph(nodes, "case", inputs, outputs, inits)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    return onnx.shape_inference.infer_shapes(model)


def words(model):
    data = model.SerializeToString()
    return np.frombuffer(data + b"\0" * (-len(data) % 4), dtype="<i4"), np.int64(len(data))


def case(family, name, op, feeds, consts=None, opset=17, outs=1, grad=False, fold=True, order=None, **attrs):
    """Adds one case. feeds and consts are dicts; order defaults to feeds then consts."""
    feeds = {k: np.asarray(v) for k, v in feeds.items()}
    consts = {k: np.asarray(v) for k, v in (consts or {}).items()}
    order = list(feeds) + list(consts) if order is None else order
    store = families.setdefault(family, {})
    key = "%s-%d%s" % (op, opset, "-" + name if name else "")
    assert key + "/model" not in store, key
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    model = build(op, feeds, consts, attrs, opset, outs, "feed", order)
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    want = session.run(None, feeds)
    store[key + "/model"], store[key + "/len"] = words(model)
    for k, v in feeds.items():
        store["%s/in/%s" % (key, k)] = v
    for i, v in enumerate(want):
        store["%s/out/%d" % (key, i)] = v
    if fold:
        store[key + "/fold"], store[key + "/foldlen"] = words(build(op, feeds, consts, attrs, opset, outs, "fold", order))
    if grad:
        store[key + "/grad"], store[key + "/gradlen"] = words(build(op, feeds, consts, attrs, opset, outs, "grad", order))


def elementwise():
    fam = "elementwise"
    for op in ["Add", "Sub", "Mul", "Div"]:
        case(fam, "", op, {"a": f(2, 3), "b": pos(2, 3)}, grad=True)
        case(fam, "row", op, {"a": f(2, 3, 4), "b": pos(4)}, grad=True)
        case(fam, "both", op, {"a": f(2, 1, 3), "b": pos(4, 1)}, opset=13, grad=True)
        case(fam, "scalar", op, {"a": f(), "b": pos(2, 2)}, opset=7, grad=True)
        case(fam, "int", op, {"a": i64(7, -7, 9, -9), "b": i64(2, 2, -4, -4)})
    for op, x in [("Neg", f(5)), ("Abs", f(5)), ("Sqrt", pos(5)), ("Exp", f(5)), ("Log", pos(5)), ("Erf", f(5)),
                  ("Reciprocal", pos(5)), ("Sin", f(5)), ("Cos", f(5)), ("Tanh", f(5)), ("Sigmoid", f(5)),
                  ("Relu", f(6)), ("LeakyRelu", f(6)), ("Elu", f(6)), ("Softplus", f(6) * 20), ("HardSigmoid", f(6) * 2),
                  ("HardSwish", f(6) * 2)]:
        case(fam, "", op, {"x": x}, grad=True)
    for op in ["Floor", "Ceil", "Sign"]:
        case(fam, "", op, {"x": f(7)}, grad=True)
    case(fam, "alpha", "LeakyRelu", {"x": f(6)}, alpha=0.3)
    case(fam, "alpha", "Elu", {"x": f(6)}, alpha=0.3)
    case(fam, "alpha", "HardSigmoid", {"x": f(6)}, alpha=0.3, beta=0.4)
    case(fam, "tail", "Softplus", {"x": np.array([-90, 0, 90], np.float32)})
    case(fam, "", "Gelu", {"x": f(2, 3) * 2}, opset=20, grad=True)
    case(fam, "none", "Gelu", {"x": f(2, 3) * 2}, opset=21, grad=True, approximate="none")
    case(fam, "tanh", "Gelu", {"x": f(2, 3) * 2}, opset=20, grad=True, approximate="tanh")
    for p in [2.0, 3.0, 0.5, -0.5, -1.0, 1.0, 0.0, 1.7]:
        case(fam, "p%g" % p, "Pow", {"x": pos(5)}, {"p": np.array(p, np.float32)}, grad=True)
    case(fam, "negative", "Pow", {"x": f(5)}, {"p": np.array([3.0], np.float32)}, grad=True)
    case(fam, "tensor", "Pow", {"x": pos(2, 3), "p": f(3)}, opset=13, grad=True)
    case(fam, "mixed", "Pow", {"x": pos(4)}, {"p": np.array(2, np.int64)}, opset=13)
    case(fam, "ints", "Pow", {"x": i64(2, 3, -4), "p": i64(3, 2, 1)}, opset=13)
    for op in ["Max", "Min", "Sum"]:
        case(fam, "", op, {"a": f(4, 3), "b": f(3), "c": f(4, 1)}, opset=13, grad=True)
        case(fam, "one", op, {"a": f(2)}, opset=8, grad=True)
    case(fam, "", "Clip", {"x": f(24)}, opset=6 + 1, grad=True, min=-0.5, max=0.75)
    case(fam, "", "Clip", {"x": f(24)}, {"lo": np.array(-0.5, np.float32), "hi": np.array(0.75, np.float32)}, opset=11, grad=True)
    case(fam, "hi", "Clip", {"x": f(8)}, {"hi": np.array(0.75, np.float32)}, opset=13, grad=True, order=["x", "", "hi"])
    case(fam, "none", "Clip", {"x": f(3)}, opset=13)
    for op in ["Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual"]:
        case(fam, "", op, {"a": i64(1, 2, 3), "b": i64(3, 2, 1)})
        case(fam, "float", op, {"a": f(2, 3), "b": f(3)})
    for op in ["And", "Or", "Xor"]:
        case(fam, "", op, {"a": np.array([0, 0, 1, 1], bool), "b": np.array([0, 1, 0, 1], bool)})
    case(fam, "", "Not", {"a": np.array([0, 1], bool)})
    case(fam, "", "IsNaN", {"a": np.array([0, np.nan, np.inf], np.float32)})
    cond = np.array([[1, 0, 1], [0, 1, 0]], bool)
    case(fam, "", "Where", {"x": f(2, 3), "y": f(2, 3)}, {"c": cond}, grad=True, order=["c", "x", "y"])
    case(fam, "wide", "Where", {"c": cond[:, :1], "x": f(3), "y": f(4, 1, 1)}, opset=16, order=["c", "x", "y"])
    case(fam, "wide-grad", "Where", {"x": f(3), "y": f(4, 1, 1)}, {"c": cond[:, :1]}, grad=True, order=["c", "x", "y"])
    case(fam, "scalars", "Where", {"c": cond, "x": i64(5)[0], "y": i64(7)[0]}, order=["c", "x", "y"])
    for to, x in [(TensorProto.INT64, f(4) * 3), (TensorProto.FLOAT, i64(1, -2)), (TensorProto.BOOL, np.array([0, 0.5, -1], np.float32)),
                  (TensorProto.INT32, i64(1 << 33, 5)), (TensorProto.FLOAT, np.array([0, 1], bool)), (TensorProto.FLOAT, f(2)),
                  (TensorProto.DOUBLE, f(3)), (TensorProto.INT64, np.array([1, 0], bool))]:
        case(fam, "%s-to-%d" % (x.dtype, to), "Cast", {"x": x}, opset=13, to=to)
    case(fam, "", "Identity", {"x": f(2, 3)}, opset=16, grad=True)
    case(fam, "", "Dropout", {"x": f(2, 3)}, opset=7, grad=True, ratio=0.4)
    case(fam, "", "Dropout", {"x": f(2, 3)}, {"r": np.array(0.4, np.float32), "t": np.array(False)}, opset=13, grad=True)


def shape():
    fam = "shape"
    case(fam, "", "Shape", {"x": f(2, 3, 4)}, opset=13)
    case(fam, "cut", "Shape", {"x": f(2, 3, 4)}, opset=15, start=1, end=-1)
    case(fam, "beyond", "Shape", {"x": f(2, 3, 4)}, opset=19, start=-9, end=9)
    case(fam, "", "Size", {"x": f(2, 3, 4)})
    case(fam, "", "Reshape", {"x": f(2, 3, 4)}, {"s": i64(0, -1)}, opset=13, grad=True)
    case(fam, "zero", "Reshape", {"x": np.zeros((0, 3), np.float32)}, {"s": i64(3, 0)}, opset=14, allowzero=1)
    case(fam, "scalar", "Reshape", {"x": f(1, 1)}, {"s": np.zeros(0, np.int64)}, opset=14)
    case(fam, "keep", "Reshape", {"x": f(4, 6)}, {"s": i64(0, 2, 3)}, opset=14, allowzero=0)
    for axis in [0, 1, 2, -1]:
        case(fam, "a%d" % axis, "Flatten", {"x": f(2, 3, 4)}, opset=13, axis=axis, grad=True)
    case(fam, "", "Flatten", {"x": f(2, 3, 4)}, opset=9)
    case(fam, "", "Squeeze", {"x": f(1, 3, 1)}, opset=11, axes=[0])
    case(fam, "all", "Squeeze", {"x": f(1, 3, 1)}, opset=11)
    case(fam, "", "Squeeze", {"x": f(1, 3, 1)}, {"a": i64(-1)}, opset=13, grad=True)
    case(fam, "all", "Squeeze", {"x": f(1, 3, 1)}, opset=13)
    case(fam, "", "Unsqueeze", {"x": f(3, 2)}, opset=11, axes=[0, 3])
    case(fam, "", "Unsqueeze", {"x": f(3, 2)}, {"a": i64(-1, 1)}, opset=13, grad=True)
    case(fam, "", "Transpose", {"x": f(2, 3, 4)}, grad=True)
    case(fam, "perm", "Transpose", {"x": f(2, 3, 4)}, grad=True, perm=[1, 2, 0])
    case(fam, "", "Expand", {"x": f(3, 1)}, {"s": i64(2, 1, 4)}, opset=13, grad=True)
    case(fam, "keep", "Expand", {"x": f(3, 4)}, {"s": i64(1)}, opset=8, grad=True)
    case(fam, "", "Tile", {"x": f(2, 3)}, {"r": i64(2, 3)}, opset=13, grad=True)
    case(fam, "int", "Tile", {"x": i64(1, 2)}, {"r": i64(2)}, opset=13)
    case(fam, "", "Concat", {"a": f(2, 3), "b": f(2, 1), "c": f(2, 2)}, grad=True, axis=1)
    case(fam, "neg", "Concat", {"a": f(2, 3), "b": f(1, 3)}, grad=True, axis=-2)
    case(fam, "empty", "Concat", {"a": f(0, 3), "b": f(2, 3)}, axis=0)
    case(fam, "ints", "Concat", {"a": i64(1, 2), "b": i64(3)}, axis=0)
    case(fam, "", "Split", {"x": f(2, 6)}, opset=11, outs=2, axis=1)
    case(fam, "sizes", "Split", {"x": f(6, 2)}, opset=11, outs=3, split=[1, 2, 3])
    case(fam, "", "Split", {"x": f(2, 6)}, opset=13, outs=3, axis=-1, grad=True)
    case(fam, "sizes", "Split", {"x": f(6, 2)}, {"s": i64(1, 2, 3)}, opset=13, outs=3, grad=True)
    case(fam, "uneven", "Split", {"x": f(7)}, opset=18, outs=3, num_outputs=3, grad=True)
    case(fam, "sizes", "Split", {"x": f(6, 2)}, {"s": i64(4, 2)}, opset=18, outs=2)
    case(fam, "", "Pad", {"x": f(2, 3)}, opset=10, pads=[0, 1, 2, 0], value=0.5, grad=True)
    case(fam, "", "Pad", {"x": f(2, 3)}, {"p": i64(0, 1, 2, 0), "v": np.array(0.5, np.float32)}, opset=11, grad=True)
    case(fam, "negative", "Pad", {"x": f(4, 5)}, {"p": i64(-1, 1, 0, -2)}, opset=13, grad=True, mode="constant")
    case(fam, "axes", "Pad", {"x": f(2, 3)}, {"p": i64(1, 2), "a": i64(-1)}, opset=18, grad=True, order=["x", "p", "", "a"])
    case(fam, "", "ConstantOfShape", {}, {"s": i64(2, 3)}, value=numpy_helper.from_array(np.array([7], np.int64)))
    case(fam, "float", "ConstantOfShape", {}, {"s": i64(2)})
    case(fam, "large", "ConstantOfShape", {}, {"s": i64(70, 70)}, value=numpy_helper.from_array(np.array([1.5], np.float32)), fold=False)
    case(fam, "", "Range", {}, {"a": i64(3)[0], "b": i64(-4)[0], "c": i64(-2)[0]})
    case(fam, "float", "Range", {}, {"a": np.float32(0.5), "b": np.float32(2.1), "c": np.float32(0.25)})
    case(fam, "large", "Range", {}, {"a": i64(5)[0], "b": i64(10005)[0], "c": i64(2)[0]})
    case(fam, "floats", "Constant", {}, opset=13, value_floats=[1.5, -2.0])
    case(fam, "ints", "Constant", {}, opset=13, value_ints=[1, -2])
    case(fam, "int", "Constant", {}, opset=13, value_int=4)
    case(fam, "float", "Constant", {}, opset=13, value_float=0.25)
    big = 9223372036854775807
    slices = {
        "mid": ([1], [3], [0], [1]), "huge": ([1, 0], [big, big], [0, 1], [1, 2]), "reverse": ([-1], [-big], [1], [-1]),
        "reverse2": ([4], [-100], [0], [-2]), "back": ([3], [0], [0], [-1]), "empty": ([3], [2], [0], [1]),
        "start": ([-100], [2], [1], [1]), "step3": ([0], [5], [0], [3]), "far": ([0], [5], [0], [big]),
        "minus": ([-4], [-1], [1], [1]), "lowest": ([-2], [-big - 1], [0], [-2]),
    }
    for name, (s, e, a, st) in slices.items():
        case(fam, name, "Slice", {"x": f(5, 6)}, {"s": i64(*s), "e": i64(*e), "a": i64(*a), "t": i64(*st)}, opset=13, grad=name != "empty")
    case(fam, "", "Slice", {"x": f(5, 6)}, opset=9, starts=[1, -3], ends=[4, 1000], axes=[0, 1])
    case(fam, "noaxes", "Slice", {"x": f(5, 6)}, {"s": i64(1, 2), "e": i64(3, 4)}, opset=10)


def index():
    fam = "index"
    case(fam, "", "Gather", {"x": f(5, 3), "i": i64(4, 0, -1)}, opset=13)
    case(fam, "axis1", "Gather", {"x": f(2, 5, 3), "i": np.array([[1, 4], [0, -2]], np.int64)}, opset=13, axis=1)
    case(fam, "last", "Gather", {"x": f(2, 5), "i": i64(4, 1)}, opset=13, axis=-1)
    case(fam, "scalar", "Gather", {"x": f(2, 5, 3)}, {"i": np.array(-1, np.int64)}, opset=13, axis=1, grad=True)
    case(fam, "steady", "Gather", {"x": f(6, 2)}, {"i": i64(5, 3, 1)}, opset=13, grad=True)
    case(fam, "down", "Gather", {"x": f(4)}, {"i": i64(2, 1, 0)}, opset=13, grad=True)
    case(fam, "repeat", "Gather", {"x": f(4, 2)}, {"i": i64(2, 2, 0)}, opset=13, grad=True)
    case(fam, "axis2", "Gather", {"x": f(2, 3, 4)}, {"i": np.array([[3, 0, 3]], np.int64)}, opset=13, axis=2, grad=True)
    case(fam, "int32", "Gather", {"x": f(4, 2), "i": np.array([3, 1], np.int32)}, opset=11)
    case(fam, "ints", "Gather", {"x": i64(5, 6, 7), "i": i64(1)[0]}, opset=11)
    case(fam, "", "GatherElements", {"x": f(3, 4)}, {"i": np.array([[0, -1, 2, 0], [1, 1, 1, 0]], np.int64)}, opset=13, grad=True)
    case(fam, "axis1", "GatherElements", {"x": f(2, 4)}, {"i": np.array([[3, 0], [-2, 1]], np.int64)}, opset=11, axis=1, grad=True)
    case(fam, "one", "GatherElements", {"x": f(4), "i": i64(3, 0)}, opset=13)
    case(fam, "", "GatherND", {"x": f(3, 4)}, {"i": np.array([[0, 1], [2, -1]], np.int64)}, opset=11, grad=True)
    case(fam, "rows", "GatherND", {"x": f(3, 4, 2)}, {"i": np.array([[1], [-1]], np.int64)}, opset=13, grad=True)
    case(fam, "batch", "GatherND", {"x": f(2, 4, 3)}, {"i": np.array([[[1], [0]], [[3], [2]]], np.int64)}, opset=13, batch_dims=1, grad=True)


def reduce():
    fam = "reduce"
    for op in ["ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare"]:
        old = 11 if op == "ReduceSum" else 13
        case(fam, "axes", op, {"x": f(2, 3, 4)}, opset=old, axes=[0, -1], grad=True)
        case(fam, "drop", op, {"x": f(2, 3, 4)}, opset=old, axes=[1], keepdims=0)
        case(fam, "all", op, {"x": f(2, 3)}, opset=old)
        case(fam, "axes", op, {"x": f(2, 3, 4)}, {"a": i64(1)}, opset=18, grad=True)
        case(fam, "drop", op, {"x": f(2, 3, 4)}, {"a": i64(-1, 0)}, opset=18, keepdims=0, grad=True)
        case(fam, "all", op, {"x": f(2, 3)}, opset=18, keepdims=0, grad=True)
        case(fam, "scalar", op, {"x": f()}, opset=18)
    case(fam, "noop", "ReduceSum", {"x": f(2, 3)}, {"a": np.zeros(0, np.int64)}, opset=18, noop_with_empty_axes=1, grad=True)
    case(fam, "int", "ReduceProd", {"x": i64(2, 3, 7)}, opset=13, keepdims=0)
    case(fam, "int", "ReduceMax", {"x": i64(2, 9, 7)}, opset=13, keepdims=0)
    case(fam, "zero", "ReduceProd", {"x": np.array([[2, 0, 3, 4, 5], [1, 2, 3, 4, 0.5]], np.float32)}, {"a": i64(1)}, opset=18, grad=True)


def linear():
    fam = "linear"
    for name, a, b in [("2d", (2, 3), (3, 4)), ("3d2d", (2, 3, 4), (4, 5)), ("2d3d", (3, 4), (2, 4, 5)), ("3d", (2, 3, 4), (2, 4, 5)),
                       ("4d", (2, 1, 3, 4), (3, 4, 2)), ("vec", (4,), (4,)), ("vecmat", (4,), (4, 3)), ("matvec", (3, 4), (4,)),
                       ("vecbatch", (4,), (2, 4, 3)), ("batchvec", (2, 3, 4), (4,)), ("wide", (1, 2, 3), (4, 3, 2))]:
        case(fam, name, "MatMul", {"a": f(*a), "b": f(*b)}, opset=13, grad=True, fold=False)
    for ta in [0, 1]:
        for tb in [0, 1]:
            a = f(3, 2) if ta else f(2, 3)
            b = f(4, 3) if tb else f(3, 4)
            case(fam, "t%d%d" % (ta, tb), "Gemm", {"a": a, "b": b, "c": f(4)}, opset=13, grad=True, fold=False, transA=ta, transB=tb, alpha=0.5, beta=-2.0)
    case(fam, "noc", "Gemm", {"a": f(2, 3), "b": f(3, 4)}, opset=11, grad=True, fold=False)
    case(fam, "", "Gemm", {"a": f(2, 3), "b": f(3, 4), "c": f(2, 1)}, opset=9, grad=True, fold=False)
    case(fam, "scalar", "Gemm", {"a": f(2, 3), "b": f(3, 4), "c": f()}, opset=13, grad=True, fold=False)


def conv():
    fam = "conv"
    cases = {
        "plain": ((1, 2, 5, 6), (3, 2, 3, 3), {}),
        "even": ((1, 2, 6, 5), (2, 2, 2, 4), {}),
        "patch": ((2, 1, 7, 9), (2, 1, 4, 4), dict(strides=[3, 2])),
        "pads": ((1, 1, 4, 5), (2, 1, 3, 2), dict(pads=[1, 0, 2, 1], strides=[2, 1])),
        "dilated": ((1, 1, 7, 8), (1, 1, 2, 3), dict(dilations=[3, 2], pads=[1, 1, 0, 0])),
        "group": ((1, 4, 5, 4), (6, 2, 3, 2), dict(group=2)),
        "depthwise": ((2, 3, 5, 5), (3, 1, 3, 3), dict(group=3, pads=[1, 1, 1, 1])),
        "same-upper": ((1, 1, 5, 6), (1, 1, 2, 3), dict(auto_pad="SAME_UPPER", strides=[2, 2])),
        "same-lower": ((1, 1, 5, 6), (1, 1, 2, 3), dict(auto_pad="SAME_LOWER", strides=[2, 2])),
        "valid": ((1, 1, 5, 6), (1, 1, 3, 3), dict(auto_pad="VALID")),
        "one": ((1, 2, 9), (3, 2, 3), dict(strides=[2])),
        "one-even": ((1, 1, 4), (1, 1, 2), dict(strides=[2], kernel_shape=[2])),
        "one-depthwise": ((1, 3, 8), (3, 1, 4), dict(group=3, pads=[2, 1])),
        "one-rest": ((1, 1, 8), (1, 1, 3), dict(strides=[4])),
        "pointwise": ((1, 3, 2, 2), (2, 3, 1, 1), {}),
    }
    for name, (x, w, attrs) in cases.items():
        case(fam, name, "Conv", {"x": f(*x), "w": f(*w), "b": f(w[0])}, opset=11, grad=True, fold=False, **attrs)
    case(fam, "nobias", "Conv", {"x": f(1, 1, 4, 4), "w": f(1, 1, 3, 3)}, opset=22, fold=False)


def norm():
    fam = "norm"
    case(fam, "", "LayerNormalization", {"x": f(2, 3, 4), "s": f(4), "b": f(4)}, grad=True)
    case(fam, "2d", "LayerNormalization", {"x": f(3, 4), "s": f(4), "b": f(4)}, grad=True, epsilon=1e-3)
    case(fam, "nobias", "LayerNormalization", {"x": f(2, 3, 4), "s": f(4)}, grad=True)
    case(fam, "axis1", "LayerNormalization", {"x": f(2, 3, 4), "s": f(3, 4), "b": f(3, 4)}, grad=True, axis=1)
    case(fam, "axis0", "LayerNormalization", {"x": f(2, 3), "s": f(2, 3), "b": f(2, 3)}, grad=True, axis=0)
    case(fam, "stats", "LayerNormalization", {"x": f(2, 3, 4), "s": f(4), "b": f(4)}, outs=3, axis=-1)
    for opset in [7, 9, 14, 15]:
        case(fam, "", "BatchNormalization", {"x": f(2, 3, 4), "s": f(3), "b": f(3), "m": f(3), "v": pos(3)}, opset=opset, grad=opset == 15, epsilon=1e-3, momentum=0.7)
    case(fam, "2d", "BatchNormalization", {"x": f(4, 3), "s": f(3), "b": f(3), "m": f(3), "v": pos(3)}, opset=15)
    for op in ["Softmax", "LogSoftmax"]:
        case(fam, "", op, {"x": f(2, 3, 4)}, opset=11, grad=True)
        case(fam, "axis2", op, {"x": f(2, 3, 4)}, opset=11, axis=2)
        case(fam, "axis0", op, {"x": f(2, 3)}, opset=11, axis=0)
        case(fam, "", op, {"x": f(2, 3, 4)}, opset=13, grad=True)
        case(fam, "axis1", op, {"x": f(2, 3, 4)}, opset=13, axis=1, grad=True)
        case(fam, "large", op, {"x": np.array([[1000, 1001, -1000]], np.float32)}, opset=13)


def attention():
    fam = "attention"
    q, k, v = f(2, 2, 3, 4), f(2, 2, 5, 4), f(2, 2, 5, 3)
    mask = np.array([[1, 0, 1, 1, 0], [1, 1, 1, 1, 1], [0, 0, 0, 1, 0]], bool)
    case(fam, "", "Attention", {"q": q, "k": k, "v": v}, opset=23, grad=True, fold=False)
    case(fam, "bool", "Attention", {"q": q, "k": k, "v": v}, {"m": mask}, opset=23, grad=True, fold=False)
    case(fam, "bias", "Attention", {"q": q, "k": k, "v": v, "m": f(2, 1, 3, 5)}, opset=23, grad=True, fold=False, scale=0.3)
    case(fam, "causal", "Attention", {"q": f(1, 2, 4, 2), "k": f(1, 2, 4, 2), "v": f(1, 2, 4, 2)}, opset=23, grad=True, fold=False, is_causal=1)
    case(fam, "3d", "Attention", {"q": f(2, 3, 8), "k": f(2, 5, 4), "v": f(2, 5, 4)}, opset=23, grad=True, fold=False, q_num_heads=4, kv_num_heads=2)


def whole(family, key, model, feeds, grad=False):
    """Adds a model of several nodes."""
    store = families.setdefault(family, {})
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    want = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"]).run(None, feeds)
    store[key + "/model"], store[key + "/len"] = words(model)
    if grad:
        text = onnx.printer.to_text(model).replace("float[", "double[").replace("<float ", "<double ").replace("float ", "double ").replace("to: int = 1>", "to: int = 11>")
        store[key + "/grad"], store[key + "/gradlen"] = words(onnx.parser.parse_model(text))
    for k, v in feeds.items():
        store["%s/in/%s" % (key, k)] = v
    for i, v in enumerate(want):
        store["%s/out/%d" % (key, i)] = v


def parse(body, opset=17):
    return onnx.parser.parse_model('<ir_version: 8, opset_import: ["" : %d]> %s' % (opset, body))


def flow():
    """Values that stay [rows, width] over several operators."""
    fam = "flow"
    whole(fam, "norm", parse("""
        g (float[2,3,4] x, float[4,6] w, float[6] b, float[6] s) => (float[2,3,6] y) {
            h = MatMul(x, w)
            i = Add(b, h)
            m = ReduceMean<axes=[-1]>(i)
            d = Sub(i, m)
            two = Constant<value = float {2.0}>()
            q = Pow(d, two)
            v = ReduceMean<axes=[-1]>(q)
            eps = Constant<value = float {0.00001}>()
            e = Add(v, eps)
            r = Sqrt(e)
            n = Div(d, r)
            k = Mul(n, s)
            y = Add(i, k)
        }""", 13), {"x": f(2, 3, 4), "w": f(4, 6), "b": f(6), "s": f(6)}, grad=True)
    whole(fam, "heads", parse("""
        g (float[2,3,4] x, float[4,4] w, float[4] s, float[2,1,4] t) => (float[2,3,4] y) {
            h = LayerNormalization(x, s)
            q = MatMul(h, w)
            shape = Constant<value = int64[4] {0, 0, 2, -1}>()
            r = Reshape(q, shape)
            a = Transpose<perm=[0,2,1,3]>(r)
            b = Transpose<perm=[0,2,3,1]>(r)
            p = MatMul(a, b)
            z = Softmax<axis=-1>(p)
            o = MatMul(z, a)
            u = Transpose<perm=[0,2,1,3]>(o)
            whole = Constant<value = int64[3] {0, 0, -1}>()
            c = Reshape(u, whole)
            f = MatMul(c, w)
            res = Add(f, x)
            moved = Add(res, t)
            y = LayerNormalization(moved, s)
        }"""), {"x": f(2, 3, 4), "w": f(4, 4), "s": pos(4), "t": f(2, 1, 4)}, grad=True)
    whole(fam, "choose", parse("""
        g (float[2,3,4] x, float[4,3] w) => (float[2,3,3] y) {
            h = MatMul(x, w)
            zero = Constant<value = float {0.0}>()
            c = Greater(h, zero)
            n = Neg(h)
            z = Where(c, h, n)
            y = Mul(z, h)
        }"""), {"x": f(2, 3, 4), "w": f(4, 3)}, grad=True)
    whole(fam, "scale", parse("""
        g (float[2,3,4] x) => (float[2,3,4] y) {
            s = Shape(x)
            begin = Constant<value = int64[1] {-1}>()
            end = Constant<value = int64[1] {9223372036854775807}>()
            d = Slice(s, begin, end)
            f = Cast<to=1>(d)
            r = Sqrt(f)
            one = Constant<value = float {1.0}>()
            i = Div(one, r)
            y = Mul(x, i)
        }"""), {"x": f(2, 3, 4)}, grad=True)
    here = os.path.join(HERE, "..", "..", "testdata", "small")
    mlp = (rng.integers(-4, 5, (2, 128, 128)) / 4).astype(np.float32)
    whole("small", "mlp", onnx.load(os.path.join(here, "mlp.onnx")), {"input_values": mlp})
    wave = onnx.load(os.path.join(here, "waveform.onnx"))
    whole("small", "waveform", wave, {wave.graph.input[0].name: (rng.integers(-4, 5, (3, 1600)) / 8).astype(np.float32)})
    for key in ["mlp", "waveform"]:  # the test loads the files themselves
        del families["small"][key + "/model"], families["small"][key + "/len"]


def edge():
    """Corners that a review found; last, so that the other families keep their numbers."""
    fam = "edge"
    for op in ["ReduceMax", "ReduceMin", "ReduceMean", "ReduceSum", "ReduceProd"]:
        case(fam, "noop", op, {"x": f(2, 3)}, opset=18, noop_with_empty_axes=1)
    for op in ["Softmax", "LogSoftmax"]:
        case(fam, "rank1", op, {"x": f(3)}, opset=11, axis=0)
        case(fam, "rank1neg", op, {"x": f(3)}, opset=11, axis=-1)


def refuse():
    """Models that must be refused; not run here."""
    texts = {
        "operator": ("g (float[2] x) => (float[2] y) { [culprit] y = Frobnicate(x) }", 17),
        "domain": ('g (float[2] x) => (float[2] y) { [culprit] y = com.microsoft.Relu(x) }', 17),
        "newer": ("g (float[2] x) => (float[2] y) { [culprit] y = Relu(x) }", 99),
        "older": ("g (float[2] x) => (float[2] y) { [culprit] y = Celu(x) }", 11),
        "attribute": ("g (float[2] x) => (float[2] y) { [culprit] y = Relu<slope=1>(x) }", 17),
        "padmode": ("g (float[4] x) => (float[6] y) { p = Constant<value=int64[2]{1,1}>() [culprit] y = Pad<mode=\"wrap\">(x, p) }", 17),
        "cast": ("g (float[2] x) => (string[2] y) { [culprit] y = Cast<to=8>(x) }", 17),
        "missing": ("g (float[2] x) => (float[2] y) { [culprit] y = Add(x, \"\") }", 17),
        "shape": ("g (float[6] x, int64[2] s) => (float[N,M] y) { [culprit] y = Reshape(x, s) }", 17),
        "mismatch": ("g (float[N,3] x, float[4,2] w) => (float[N,2] y) { [culprit] y = MatMul(x, w) }", 17),
        "huge": ("g (float[1] x) => (float[N,M] y) { s = Constant<value=int64[2]{1099511627776,1099511627776}>() [culprit] y = Expand(x, s) }", 17),
        "splitsum": ("g (float[3] x) => (float[5] y, float[1] z) { s = Constant<value=int64[2]{5,-2}>() [culprit] y, z = Split<axis=0>(x, s) }", 17),
        "half": ("g (float16[2] x) => (float16[2] y) { [culprit] y = Add(x, x) }", 17),
        "inputtype": ("g (string[2] x) => (string[2] y) { [culprit] y = Identity(x) }", 17),
    }
    store = families.setdefault("refuse", {})
    for key, (text, opset) in texts.items():
        model = onnx.parser.parse_model('<ir_version: 8, opset_import: ["" : %d, "com.microsoft" : 1]> %s' % (opset, text))
        if key == "missing":
            model.graph.node[0].input[1] = ""
        store[key + "/model"], store[key + "/len"] = words(model)


for make in [elementwise, shape, index, reduce, linear, conv, norm, attention, flow, edge, refuse]:
    make()
total = 0
for family, arrays in families.items():
    path = os.path.join(HERE, family + ".npz")
    np.savez_compressed(path, **arrays)
    total += os.path.getsize(path)
    print(family, sum(k.endswith("/model") for k in arrays), "cases", os.path.getsize(path), "bytes")
print(total, "bytes in all")
