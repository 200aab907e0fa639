"""Writes schemas.txt: the operator schemas of the onnx package, every version,
and those of the ONNX Runtime extensions that its optimiser writes for encoders.

    pip install -r internal/opschema/requirements.txt
    python internal/opschema/gen.py > internal/opschema/schemas.txt

The format is described in schemas.go beside the code that reads it.
"""

import json

import numpy
import onnx
import onnx.checker
import onnx.defs
import onnx.helper
import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import get_all_operator_schema

# Extensions that an optimised or quantised encoder may hold. The first two are
# registered in ai.onnx itself, below the version where the standard has them.
RUNTIME = """
ai.onnx.LayerNormalization ai.onnx.SimplifiedLayerNormalization
Attention BiasAdd BiasGelu BiasSoftmax BiasSplitGelu CDist
DecoderMaskedMultiHeadAttention DecoderMaskedSelfAttention DequantizeLinear
DynamicQuantizeLSTM DynamicQuantizeMatMul EmbedLayerNormalization ExpandDims
FastGelu FusedConv FusedGemm FusedMatMul FusedMatMulActivation
GatedRelativePositionBias GatherBlockQuantized Gelu GemmFastGelu GridSample
GroupNorm GroupQueryAttention Inverse LongformerAttention MatMulBnb4 MatMulInteger16
MatMulIntegerToFloat MatMulNBits MoE MultiHeadAttention NhwcConv NhwcFusedConv
PackedAttention PackedMultiHeadAttention Pad QAttention QEmbedLayerNormalization
QGemm QLinearAdd QLinearAveragePool QLinearConcat QLinearConv
QLinearGlobalAveragePool QLinearLeakyRelu QLinearMul QLinearReduceMean
QLinearSigmoid QLinearSoftmax QLinearWhere QOrderedAttention QOrderedGelu
QOrderedLayerNormalization QOrderedMatMul QuantizeLinear QuickGelu Range
ReduceSumInteger RelativePositionBias RemovePadding RestorePadding RotaryEmbedding
SkipGroupNorm SkipLayerNormalization SkipSimplifiedLayerNormalization
TransposeMatMul Trilu UnfoldTensor Unique
""".split()

KINDS = "none float int string tensor graph floats ints strings tensors graphs sparse_tensor sparse_tensors type_proto type_protos".split()


def kind(attribute):
    name = str(attribute.type).rsplit(".", 1)[1].lower()
    assert name in KINDS, name
    return name


def literal(x):
    """A Go literal of an attribute's value."""
    if isinstance(x, bytes):
        return json.dumps(x.decode())
    if isinstance(x, float):
        return str(numpy.float32(x))
    if isinstance(x, int):
        return str(x)
    return " ".join(["[", *[literal(y) for y in x], "]"])


def default(attribute):
    if hasattr(attribute, "_default_value"):  # ONNX Runtime's: the message's bytes
        d = onnx.AttributeProto.FromString(attribute._default_value)
    else:
        d = attribute.default_value
    if d.type == onnx.AttributeProto.UNDEFINED:
        return []
    return ["=", literal(onnx.helper.get_attribute_value(d))]


def parameter(word, p):
    option = str(p.option).rsplit(".", 1)[1]
    text = [word, p.name or "-", getattr(p, "typeStr", None) or p.type_str]
    if option == "Optional":
        text.append("optional")
    if option == "Variadic":
        text += ["variadic", str(getattr(p, "min_arity", 1))]
        if not getattr(p, "is_homogeneous", getattr(p, "isHomogeneous", True)):
            text.append("mixed")
    assert all(" " not in x for x in text), text
    return text


def element(t):
    """tensor(float) is written float; other types in full."""
    if t.startswith("tensor(") and t.endswith(")"):
        return t[len("tensor("):-1]
    assert "(" in t and " " not in t.replace(", ", ","), t
    return t.replace(", ", ",")


def infinite(n):
    return "inf" if n == 2**31 - 1 else str(n)


def check(s, outputs, attribute=False):
    """What the checker says of a node of the schema."""
    node = onnx.NodeProto(op_type=s.name, domain=s.domain)
    node.input.extend(f"i{k}" for k in range(s.min_input))
    node.output.extend(f"o{k}" for k in range(outputs))
    if attribute:
        node.attribute.add(name="nonsense", type=onnx.AttributeProto.INT, i=1)
    context = onnx.checker.C.CheckerContext()
    context.ir_version, context.opset_imports = onnx.IR_VERSION, {s.domain: s.since_version}
    try:
        onnx.checker.check_node(node, context)
        return ""
    except onnx.checker.ValidationError as e:
        return str(e)


def outputs(s, runtime):
    """LEAST..GREATEST, or the numbers allowed, which the binding does not tell."""
    if not runtime and s.max_output < 16:
        all = range(s.min_output, s.max_output + 1)
        some = [k for k in all if "not in allowed" not in check(s, max(k, 1))]
        if len(some) < len(all):
            return ",".join(map(str, some))
    return f"{infinite(s.min_output)}..{infinite(s.max_output)}"


def schema(s, runtime=False):
    head = [s.domain or "ai.onnx", s.name, str(s.since_version)]
    if s.deprecated:
        head.append("deprecated")
    if runtime:
        head.append("runtime")
    elif s.has_function or s.has_context_dependent_function:
        head.append("function")
    if not runtime and not s.deprecated and "nrecognized attribute" not in check(s, max(s.min_output, 1), attribute=True):
        head.append("open")
    lines = [head]
    lines.append(["", "arity", f"{infinite(s.min_input)}..{infinite(s.max_input)}", outputs(s, runtime)])
    lines += [["", *parameter("in", p)] for p in s.inputs]
    lines += [["", *parameter("out", p)] for p in s.outputs]
    for a in sorted(s.attributes.values(), key=lambda a: a.name):
        text = ["", "attr", a.name, kind(a)]
        if a.required:
            text.append("required")
        lines.append(text + default(a))
    for c in s.type_constraints:
        lines.append(["", "type", c.type_param_str, *map(element, c.allowed_type_strs)])
    return lines


def chosen(s):
    return (s.domain == "com.microsoft" and s.name in RUNTIME) or (
        not s.domain and "ai.onnx." + s.name in RUNTIME and s.support_level != onnx.defs.OpSchema.SupportType.COMMON
    )


def runtime_schemas():
    standard = {(s.domain, s.name, s.since_version) for s in onnx.defs.get_all_schemas_with_history()}
    found = [s for s in get_all_operator_schema() if chosen(s) and (s.domain, s.name, s.since_version) not in standard]
    missing = {n.removeprefix("ai.onnx.") for n in RUNTIME} - {s.name for s in found}
    assert not missing, missing
    return found


def releases():
    """Release, IR version, versions of ai.onnx, ai.onnx.ml, ai.onnx.preview.training."""
    table = list(onnx.helper.VERSION_TABLE)
    newest = onnx.defs.onnx_opset_version()
    if table[-1][2] < newest:  # onnx 1.22 forgot its own row
        table.append((onnx.__version__, onnx.IR_VERSION, newest, *table[-1][3:]))
    return table


def by_name(schemas):
    return sorted(schemas, key=lambda s: (s.domain, s.name, s.since_version))


def main():
    print(f"# Operator schemas of onnx {onnx.__version__} and, marked runtime, of ONNX Runtime {onnxruntime.__version__}.")
    print("# Written by gen.py; do not edit.")
    print()
    for row in releases():
        print("release", *row)
    blocks = [schema(s) for s in by_name(onnx.defs.get_all_schemas_with_history())]
    blocks += [schema(s, runtime=True) for s in by_name(runtime_schemas())]
    for block in blocks:
        print()
        for line in block:
            print(" ".join(line))


if __name__ == "__main__":
    main()
