"""Builds small faulty ONNX models and asks onnx's own checker about each.

    pip install -r graphsurgery/testdata/faulty/requirements.txt
    python graphsurgery/testdata/faulty/gen.py

It writes verdicts.json beside itself: of each case its name, the verdicts, and the
model. A verdict is "" (accepted) or the start of the checker's message, for
check_model by default, with full_check, and with check_custom_domain; the latter
two are left out where they are the same as the first. The checker reads the model
from a folder "faulty" beside weights.bin, 16 zero bytes. Each case is one fault in a
small valid model; those named ok_* are none, so that rejecting everything fails.
"""

import base64
import json
import os
import pathlib
import re
import tempfile

import onnx
import onnx.checker
import onnx.parser
from onnx import AttributeProto, TensorProto, helper

HERE = pathlib.Path(__file__).parent
CASES = {}


def chain(ir=8, opset=17):
    return onnx.parser.parse_model(f"""
<ir_version: {ir}, opset_import: ["" : {opset}]>
g (float[n,2] x) => (float[n,2] y) <float[2,2] w = {{1,2,3,4}}> {{
  mid = Relu(x)
  [mm] product = MatMul(mid, w)
  y = Add(product, mid)
}}""")


def text(source):
    return onnx.parser.parse_model(source)


def graph(body, inputs="float[2,3] x", outputs="float[2,3] y", opset=17, ir=8, init="", extra="", imports="", check=""):
    """A model with one graph; extra holds functions in text form."""
    return text(f"""
<ir_version: {ir}, opset_import: ["" : {opset}{imports}]>
g ({inputs}) => ({outputs}) {"<" + init + ">" if init else ""} {{ {body} }}
{extra}""")


def fault(build=chain):
    """Registers a change of a valid model under the function's name."""
    def register(change):
        def make():
            m = build()
            return change(m) or m
        assert change.__name__ not in CASES
        CASES[change.__name__] = make
        return change
    return register


def model(name, make, *args, **kwargs):
    assert name not in CASES, name
    CASES[name] = lambda: make(*args, **kwargs)


# The model.

model("ok_chain", chain)


@fault()
def ir_missing(m): m.ClearField("ir_version")
@fault()
def ir_zero(m): m.ir_version = 0
@fault()
def ir_too_new(m): m.ir_version = 14
@fault()
def opset_missing(m): del m.opset_import[:]
@fault()
def opset_in_ir2(m): m.ir_version = 2
@fault()
def opset_zero(m): m.opset_import[0].version = 0
@fault()
def opset_negative(m): m.opset_import[0].version = -3
@fault()
def opset_huge(m): m.opset_import[0].version = 1 << 40
@fault()
def opset_unreleased(m): m.opset_import[0].version = 99
@fault()
def opset_imported_twice(m): m.opset_import.append(helper.make_opsetid("", 16))
@fault()
def opset_unused(m): m.opset_import.append(helper.make_opsetid("com.example", 1))
@fault()
def graph_missing(m): m.ClearField("graph")
@fault()
def graph_name_missing(m): m.graph.ClearField("name")
@fault()
def graph_name_empty(m): m.graph.name = ""
@fault()
def metadata_twice(m):
    for _ in range(2):
        m.metadata_props.add(key="k", value="v")
@fault()
def metadata_stack_trace(m):
    m.graph.node[0].metadata_props.add(key="pkg.torch.onnx.stack_trace", value='File "/home/somebody/train.py", line 3')


# Inputs and outputs.

@fault()
def input_no_type(m): m.graph.input[0].ClearField("type")
@fault()
def input_empty_type(m): m.graph.input[0].type.Clear()
@fault()
def input_no_elem_type(m): m.graph.input[0].type.tensor_type.ClearField("elem_type")
@fault()
def input_undefined_elem_type(m): m.graph.input[0].type.tensor_type.elem_type = 0
@fault()
def input_no_shape(m): m.graph.input[0].type.tensor_type.ClearField("shape")
@fault()
def input_no_name(m): m.graph.input[0].name = ""
@fault()
def input_twice(m): m.graph.input.append(m.graph.input[0])
@fault()
def input_sequence_no_elem(m):
    m.graph.input.add(name="s").type.sequence_type.SetInParent()
@fault()
def input_map_no_value(m):
    m.graph.input.add(name="s").type.map_type.key_type = TensorProto.INT64
@fault()
def input_optional_no_elem(m):
    m.graph.input.add(name="s").type.optional_type.SetInParent()
@fault()
def input_opaque_no_name(m):
    m.graph.input.add(name="s").type.opaque_type.SetInParent()
@fault()
def output_no_type(m): m.graph.output[0].ClearField("type")
@fault()
def output_no_shape(m): m.graph.output[0].type.tensor_type.ClearField("shape")
@fault()
def output_not_computed(m): m.graph.output[0].name = "elsewhere"
@fault()
def output_twice(m): m.graph.output.append(m.graph.output[0])
@fault()
def ok_input_is_output(m):
    m.graph.output.add().CopyFrom(m.graph.input[0])


# Tensors.

def weight(m): return m.graph.initializer[0]


def payload(m, dtype, dims, **fields):
    w = weight(m)
    name = w.name
    w.Clear()
    w.name, w.data_type = name, dtype
    w.dims.extend(dims)
    for field, value in fields.items():
        if isinstance(value, bytes):
            setattr(w, field, value)
        else:
            getattr(w, field).extend(value)
    return w


def external(m, **entries):
    w = payload(m, TensorProto.FLOAT, [2, 2])
    w.data_location = TensorProto.EXTERNAL
    for k, v in entries.items():
        w.external_data.add(key=k, value=v)
    return w


@fault()
def tensor_no_name(m):
    weight(m).name = ""
    m.graph.node[1].input[1] = ""
@fault()
def tensor_twice(m): m.graph.initializer.append(weight(m))
@fault(lambda: chain(ir=3, opset=7))
def tensor_no_input_in_ir3(m): pass
@fault()
def tensor_no_dtype(m): weight(m).ClearField("data_type")
@fault()
def tensor_undefined_dtype(m): weight(m).data_type = 0
@fault()
def tensor_unknown_dtype(m): payload(m, 99, [4], int32_data=[1, 2, 3, 4])
@fault()
def tensor_two_typed_forms(m): weight(m).int32_data.append(1)
@fault()
def tensor_raw_and_typed(m): payload(m, TensorProto.FLOAT, [2, 2], raw_data=bytes(16), float_data=[1, 2, 3, 4])
@fault()
def tensor_wrong_form(m): payload(m, TensorProto.FLOAT, [2, 2], int32_data=[1, 2, 3, 4])
@fault()
def tensor_typed_short(m): payload(m, TensorProto.FLOAT, [2, 2], float_data=[1, 2, 3])
@fault()
def tensor_typed_long(m): payload(m, TensorProto.FLOAT, [2, 2], float_data=[1, 2, 3, 4, 5])
@fault()
def tensor_raw_short(m): payload(m, TensorProto.FLOAT, [2, 2], raw_data=bytes(15))
@fault()
def tensor_raw_long(m): payload(m, TensorProto.FLOAT, [2, 2], raw_data=bytes(20))
@fault()
def tensor_raw_strings(m): payload(m, TensorProto.STRING, [1], raw_data=b"a")
@fault()
def tensor_no_data(m): payload(m, TensorProto.FLOAT, [2, 2])
@fault()
def tensor_empty_with_data(m): payload(m, TensorProto.FLOAT, [0, 2], float_data=[1])
@fault(lambda: graph("y = Concat<axis=0>(x, e)", outputs="float[2,3] y", init="float[0,3] e = {}"))
def ok_tensor_empty(m): pass
@fault()
def tensor_negative_dim(m): payload(m, TensorProto.FLOAT, [-2, -2], float_data=[1, 2, 3, 4])
@fault()
def tensor_overflow(m): payload(m, TensorProto.FLOAT, [1 << 40, 1 << 40], float_data=[1, 2, 3, 4])
@fault()
def tensor_half_complex(m): payload(m, TensorProto.COMPLEX64, [2], float_data=[1, 2, 3])
@fault()
def tensor_int4_short(m): payload(m, TensorProto.INT4, [9], int32_data=[1])
@fault()
def ok_tensor_unused_int4(m):
    m.graph.initializer.append(helper.make_tensor("q", TensorProto.INT4, [3], [1, 2, 3]))
    m.graph.node.append(helper.make_node("Identity", ["q"], ["q2"]))
    m.opset_import[0].version = 21
    m.ir_version = 10
@fault()
def external_and_inline(m): external(m, location="weights.bin").float_data.append(1)
@fault()
def external_no_location(m): external(m, offset="0")
@fault()
def external_missing_file(m): external(m, location="nowhere.bin")
@fault()
def external_parent(m): external(m, location="../faulty/weights.bin")
@fault()
def external_nested_parent(m): external(m, location="a/../../faulty/weights.bin")
@fault()
def external_absolute(m): external(m, location="/etc/passwd")
@fault()
def external_empty_location(m): external(m, location="")
@fault()
def external_short(m): external(m, location="weights.bin", offset="8", length="16")
@fault()
def external_offset_no_number(m): external(m, location="weights.bin", offset="eight")
@fault()
def external_wrong_length(m): external(m, location="weights.bin", offset="0", length="12")
@fault()
def ok_external(m): external(m, location="weights.bin", offset="0", length="16")


# Sparse tensors.

def sparse(values, indices, dims, values_dims=None, indices_dims=None, indices_type=TensorProto.INT64):
    s = onnx.SparseTensorProto()
    s.values.CopyFrom(helper.make_tensor("sp", TensorProto.FLOAT, values_dims or [len(values)], values))
    if indices is not None:
        s.indices.CopyFrom(helper.make_tensor("sp_at", indices_type, indices_dims or [len(indices)], indices))
    s.dims.extend(dims)
    return s


def with_sparse(name, *args, **kwargs):
    def make():
        m = chain()
        m.graph.sparse_initializer.append(sparse(*args, **kwargs))
        m.graph.node.append(helper.make_node("Identity", ["sp"], ["copy"]))
        return m
    model(name, make)


with_sparse("type_sparse_linear", [1, 2], [0, 3], [2, 2])
with_sparse("type_sparse_pairs", [1, 2], [0, 0, 1, 1], [2, 2], indices_dims=[2, 2])
with_sparse("sparse_values_rank", [1, 2], [0, 3], [2, 2], values_dims=[1, 2])
with_sparse("sparse_no_dims", [1, 2], [0, 3], [])
with_sparse("sparse_zero_dim", [1, 2], [0, 3], [2, 0])
with_sparse("sparse_indices_type", [1, 2], [0, 3], [2, 2], indices_type=TensorProto.INT32)
with_sparse("sparse_unsorted", [1, 2], [3, 0], [2, 2])
with_sparse("sparse_repeated", [1, 2], [3, 3], [2, 2])
with_sparse("sparse_out_of_range", [1, 2], [0, 4], [2, 2])
with_sparse("sparse_negative", [1, 2], [-1, 2], [2, 2])
with_sparse("sparse_count", [1, 2], [0, 1, 3], [2, 2])
with_sparse("sparse_indices_rank", [1, 2], [0, 3], [2, 2], indices_dims=[1, 2, 1])
with_sparse("sparse_pair_width", [1, 2], [0, 1], [2, 2], indices_dims=[2, 1])
with_sparse("sparse_pair_out_of_range", [1, 2], [0, 0, 0, 2], [2, 2], indices_dims=[2, 2])
with_sparse("sparse_pairs_unsorted", [1, 2], [1, 1, 0, 0], [2, 2], indices_dims=[2, 2])
with_sparse("sparse_no_indices", [1, 2], None, [2, 2])


@fault()
def sparse_no_values(m): m.graph.sparse_initializer.add().dims.append(2)
@fault()
def sparse_name_clash(m):
    s = sparse([1, 2], [0, 3], [2, 2])
    s.values.name = "w"
    m.graph.sparse_initializer.append(s)


# Attributes.

def attribute(m, name="axis", **fields):
    """Puts one attribute on a Softmax, the last node."""
    m.graph.node[-1].op_type = "Softmax"
    del m.graph.node[-1].input[1:]
    a = m.graph.node[-1].attribute.add(name=name)
    for k, v in fields.items():
        if isinstance(v, list):
            getattr(a, k).extend(v)
        else:
            setattr(a, k, v)
    return a


@fault()
def ok_attribute(m): attribute(m, type=AttributeProto.INT, i=1)
@fault()
def ok_attribute_internal(m): attribute(m, name="__note", type=AttributeProto.INT, i=1)
@fault()
def attribute_no_name(m): attribute(m, name="", type=AttributeProto.INT, i=1)
@fault()
def attribute_no_type(m): attribute(m, i=1)
@fault()
def attribute_two_values(m): attribute(m, type=AttributeProto.INT, i=1, ints=[1])
@fault()
def attribute_other_field(m): attribute(m, type=AttributeProto.INT, f=1.0)
@fault()
def attribute_no_value(m): attribute(m, type=AttributeProto.INT)
@fault()
def attribute_other_type(m): attribute(m, type=AttributeProto.FLOAT, f=1.0)
@fault()
def attribute_unknown(m): attribute(m, name="axes", type=AttributeProto.INT, i=1)
@fault()
def attribute_twice(m):
    attribute(m, type=AttributeProto.INT, i=1)
    m.graph.node[-1].attribute.append(m.graph.node[-1].attribute[0])
@fault(lambda: graph("y = Concat<axis=0>(x, x)", outputs="float[4,3] y"))
def attribute_required_missing(m): del m.graph.node[0].attribute[:]
@fault(lambda: graph("c = Constant<value_float=1.0>()\ny = Add(x, c)"))
def attribute_tensor_missing(m):
    a = m.graph.node[0].attribute[0]
    a.Clear()
    a.name, a.type = "value", AttributeProto.TENSOR
@fault(lambda: graph("c = Constant<value=float[1]{1}>()\ny = Add(x, c)"))
def attribute_tensor_broken(m): m.graph.node[0].attribute[0].t.dims[0] = 2
@fault(lambda: graph("c = Constant<value=float[1]{1}>()\ny = Add(x, c)"))
def ok_attribute_tensor(m): pass
@fault()
def attribute_reference_in_graph(m): attribute(m, type=AttributeProto.INT, ref_attr_name="axis")
@fault(lambda: graph("c = Constant<value_float=1.0>()\ny = Add(x, c)"))
def attribute_sparse_broken(m):
    a = m.graph.node[0].attribute[0]
    a.Clear()
    a.name, a.type = "sparse_value", AttributeProto.SPARSE_TENSOR
    a.sparse_tensor.CopyFrom(sparse([1, 2], [3, 0], [2, 2]))
@fault()
def attribute_many_tensors_broken(m):
    m.graph.node[0].domain = "com.example"
    m.opset_import.append(helper.make_opsetid("com.example", 1))
    a = m.graph.node[0].attribute.add(name="tables", type=AttributeProto.TENSORS)
    a.tensors.add(data_type=1, dims=[2])


# Nodes.

def node(m, i): return m.graph.node[i]


@fault()
def node_no_operator(m): node(m, 0).op_type = ""
@fault()
def node_no_ports(m): m.graph.node.append(helper.make_node("Identity", [], []))
@fault()
def node_unknown_operator(m): node(m, 0).op_type = "Frobnicate"
@fault()
def node_operator_too_new(m): node(m, 0).op_type = "Gelu"
@fault()
def node_unknown_ml_operator(m):
    node(m, 0).op_type, node(m, 0).domain = "Frobnicate", "ai.onnx.ml"
    m.opset_import.append(helper.make_opsetid("ai.onnx.ml", 3))
@fault()
def node_unknown_training_operator(m):
    node(m, 0).op_type, node(m, 0).domain = "Frobnicate", "ai.onnx.preview.training"
    m.opset_import.append(helper.make_opsetid("ai.onnx.preview.training", 1))
@fault()
def node_unknown_preview_operator(m):
    node(m, 0).op_type, node(m, 0).domain = "Frobnicate", "ai.onnx.preview"
    m.opset_import.append(helper.make_opsetid("ai.onnx.preview", 1))
@fault(lambda: graph("y = Upsample(x, s)", inputs="float[1,1,2,2] x", outputs="float[1,1,4,4] y", init="float[4] s = {1,1,2,2}"))
def node_deprecated_operator(m): pass
@fault()
def node_removed_experiment(m): node(m, 0).op_type = "ParametricSoftplus"
@fault()
def node_many_inputs(m): node(m, 0).input.append("w")
@fault()
def node_few_inputs(m): del node(m, 1).input[1:]
@fault()
def node_blank_input(m): node(m, 1).input[1] = ""
@fault()
def ok_node_blank_optional(m):
    node(m, 0).op_type = "Clip"
    node(m, 0).input.extend(["", "hi"])
    m.graph.initializer.append(helper.make_tensor("hi", TensorProto.FLOAT, [], [6.0]))
@fault()
def node_many_outputs(m): node(m, 0).output.append("more")
@fault()
def node_blank_output(m):
    m.graph.node.append(helper.make_node("Identity", ["x"], [""]))
@fault()
def node_no_outputs(m):
    m.graph.node.append(helper.make_node("Identity", ["x"], []))
@fault(lambda: graph("y, a = BatchNormalization(x, s, s, s, s)", inputs="float[2,3] x", init="float[3] s = {1,1,1}", opset=9))
def node_count_between(m): pass
@fault(lambda: graph("y = Split<axis=0>(x)", outputs="float[2,3] y"))
def ok_node_split_once(m): pass
@fault()
def node_domain_not_imported(m): node(m, 0).domain = "com.example"
@fault()
def domain_spelled_out(m): node(m, 0).domain = "ai.onnx"
@fault()
def domain_imported_spelled_out(m): m.opset_import[0].domain = "ai.onnx"
@fault()
def node_order(m):
    nodes = list(m.graph.node)
    del m.graph.node[:]
    m.graph.node.extend([nodes[1], nodes[0], nodes[2]])
@fault()
def node_reads_nothing(m): node(m, 1).input[0] = "nowhere"
@fault()
def node_cycle(m): node(m, 0).input[0] = "product"
@fault()
def node_reads_itself(m): node(m, 0).input[0] = "mid"
@fault()
def node_computes_twice(m): m.graph.node.append(helper.make_node("Abs", ["x"], ["mid"]))
@fault()
def node_computes_input(m): m.graph.node.append(helper.make_node("Abs", ["mid"], ["x"]))
@fault()
def node_computes_initializer(m): m.graph.node.append(helper.make_node("Abs", ["mid"], ["w"]))
@fault()
def node_same_output_twice(m):
    m.graph.node.append(helper.make_node("Split", ["x"], ["part", "part"], axis=1))
@fault()
def node_name_twice(m):
    for n in m.graph.node:
        n.name = "n"
@fault()
def node_op_with_space(m): node(m, 0).op_type = "Re lu"


# Subgraphs.

def branches():
    return graph("""
  mid = Relu(x)
  y = If (flag) <
    then_branch = t () => (float[2,3] ty) { ty = Abs(mid) },
    else_branch = e () => (float[2,3] ey) { ey = Exp(mid) }
  >""", inputs="float[2,3] x, bool flag")


def then(m): return m.graph.node[1].attribute[0].g


model("ok_if", branches)


@fault(branches)
def branch_no_name(m): then(m).name = ""
@fault(branches)
def branch_computes_outer(m):
    then(m).node[0].output[0] = "mid"
    then(m).output[0].name = "mid"
@fault(branches)
def branch_initializer_shadows(m):
    then(m).initializer.append(helper.make_tensor("x", TensorProto.FLOAT, [1], [1]))
@fault(branches)
def branch_reads_nothing(m): then(m).node[0].input[0] = "nowhere"
@fault(branches)
def branch_reads_other_branch(m): m.graph.node[1].attribute[1].g.node[0].input[0] = "ty"
@fault(branches)
def branch_reads_later(m):
    m.graph.node.append(helper.make_node("Neg", ["x"], ["late"]))
    then(m).node[0].input[0] = "late"
@fault(branches)
def branch_reads_own_result(m): then(m).node[0].input[0] = "y"
@fault(branches)
def branch_output_from_outside(m):
    del then(m).node[:]
    then(m).output[0].name = "mid"
@fault(branches)
def branch_output_not_computed(m): then(m).output[0].name = "nowhere"
@fault(branches)
def branch_unknown_operator(m): then(m).node[0].op_type = "Frobnicate"
@fault(branches)
def branch_missing(m): m.graph.node[1].attribute[0].ClearField("g")
@fault(branches)
def outside_reads_branch(m): m.graph.node.append(helper.make_node("Neg", ["ty"], ["late"]))
@fault(branches)
def ok_branches_share_name(m):
    other = m.graph.node[1].attribute[1].g
    other.node[0].output[0] = other.output[0].name = "ty"
@fault(branches)
def ok_branch_output_untyped(m): then(m).output[0].ClearField("type")
@fault(branches)
def branch_reference_with_value(m):
    then(m).node[0].op_type = "Softmax"
    then(m).node[0].attribute.add(name="axis", type=AttributeProto.INT, i=1, ref_attr_name="axis")


# Functions.

LOCAL = ', "local" : 1'
DOUBLE = """<domain: "local", opset_import: ["" : 17]>
Double (a) => (b) { b = Add(a, a) }"""


def called(extra=DOUBLE, body="y = local.Double(x)", **kwargs):
    return graph(body, imports=LOCAL, extra=extra, **kwargs)


def double(m): return m.functions[0]


model("ok_function", called)


@fault(called)
def function_no_name(m): double(m).name = ""
@fault(called)
def function_no_domain(m): double(m).ClearField("domain")
@fault(called)
def function_input_twice(m): double(m).input.append("a")
@fault(called)
def function_output_twice(m): double(m).output.append("b")
@fault(called)
def function_attribute_twice(m): double(m).attribute.extend(["p", "p"])
@fault(called)
def function_order(m):
    double(m).node.insert(0, helper.make_node("Neg", ["b"], ["c"]))
@fault(called)
def function_reads_outside(m): double(m).node[0].input[1] = "x"
@fault(called)
def function_computes_twice(m): double(m).node.append(helper.make_node("Neg", ["a"], ["b"]))
@fault(called)
def function_output_not_computed(m): double(m).output[0] = "nowhere"
@fault(called)
def function_twice(m): m.functions.append(double(m))
@fault(called)
def function_calls_itself(m):
    double(m).opset_import.append(helper.make_opsetid("local", 1))
    double(m).node.append(helper.make_node("Double", ["a"], ["c"], domain="local"))
@fault(called)
def function_calls_itself_in_branch(m):
    double(m).opset_import.append(helper.make_opsetid("local", 1))
    inner = helper.make_graph([helper.make_node("Double", ["a"], ["c"], domain="local")], "t", [], [helper.make_empty_tensor_value_info("c")])
    double(m).node.append(helper.make_node("If", ["a"], ["d"], then_branch=inner, else_branch=inner))
@fault(called)
def functions_call_each_other(m):
    double(m).opset_import.append(helper.make_opsetid("local", 1))
    double(m).node.append(helper.make_node("Other", ["a"], ["c"], domain="local"))
    m.functions.append(helper.make_function("local", "Other", ["a"], ["b"], [helper.make_node("Double", ["a"], ["b"], domain="local")], [helper.make_opsetid("local", 1)]))
@fault(called)
def functions_too_deep(m):
    for i in range(101):
        callee = f"F{i + 1}" if i < 100 else "Double"
        m.functions.append(helper.make_function("local", f"F{i}", ["a"], ["b"], [helper.make_node(callee, ["a"], ["b"], domain="local")], [helper.make_opsetid("local", 1)]))
@fault(called)
def function_no_import(m): del double(m).opset_import[:]
@fault(called)
def function_domain_not_imported(m): del m.opset_import[1:]
@fault(called)
def function_other_opset(m):
    double(m).node[0].op_type = "Softmax"
    del double(m).node[0].input[1:]
    double(m).opset_import[0].version = 11
@fault(called)
def ok_function_compatible_opset(m): double(m).opset_import[0].version = 14
@fault(called)
def function_unknown_operator(m): double(m).node[0].op_type = "Frobnicate"
@fault(called)
def function_unknown_attribute(m): double(m).node[0].attribute.append(helper.make_attribute("axis", 1))
@fault(called)
def function_reference_with_value(m):
    double(m).attribute.append("axis")
    double(m).node[0].op_type = "Softmax"
    del double(m).node[0].input[1:]
    double(m).node[0].attribute.add(name="axis", type=AttributeProto.INT, i=1, ref_attr_name="axis")
@fault(called)
def function_reference_undeclared(m):
    double(m).node[0].op_type = "Softmax"
    del double(m).node[0].input[1:]
    double(m).node[0].attribute.add(name="axis", type=AttributeProto.INT, ref_attr_name="axis")
@fault(called)
def ok_function_reference(m):
    double(m).attribute.append("axis")
    double(m).node[0].op_type = "Softmax"
    del double(m).node[0].input[1:]
    double(m).node[0].attribute.add(name="axis", type=AttributeProto.INT, ref_attr_name="axis")
    m.graph.node[0].attribute.append(helper.make_attribute("axis", 1))
@fault(called)
def function_call_too_many_inputs(m): m.graph.node[0].input.append("x")
@fault(called)
def function_call_unknown_attribute(m): m.graph.node[0].attribute.append(helper.make_attribute("axis", 1))
@fault(called)
def function_not_called(m):
    m.functions.append(helper.make_function("local", "Idle", ["a"], ["b"], [helper.make_node("Neg", ["a"], ["b"])], [helper.make_opsetid("", 17)]))
@fault(called)
def function_call_missing(m): m.graph.node[0].op_type = "Triple"
@fault(called)
def function_call_other_overload(m):
    m.ir_version = 10
    m.graph.node[0].overload = "second"


# Types and shapes.

model("type_matmul", graph, "y = MatMul(x, w)", init="float[2,2] w = {1,2,3,4}", outputs="float[2,2] y")
model("type_output_shape", graph, "y = Relu(x)", outputs="float[2,4] y")
model("type_output_rank", graph, "y = Relu(x)", outputs="float[2,3,1] y")
model("type_output_dtype", graph, "y = Relu(x)", outputs="int64[2,3] y")
model("type_mixed_add", graph, "y = Add(x, i)", inputs="float[2,3] x, int64[2,3] i")
model("type_unsupported", graph, "y = Relu(x)", inputs="bool[2,3] x", outputs="bool[2,3] y")
model("type_softmax_axis", graph, "y = Softmax<axis=2>(x)")
model("type_concat_axis", graph, "y = Concat<axis=5>(x, x)", outputs="float[4,3] y")
model("type_concat_shapes", graph, "y = Concat<axis=0>(x, z)", inputs="float[2,3] x, float[2,4] z", outputs="float[4,3] y")
model("type_reshape_size", graph, "y = Reshape(x, s)", init="int64[2] s = {2,4}", outputs="float[2,4] y")
model("type_reshape_two_unknown", graph, "y = Reshape(x, s)", init="int64[2] s = {-1,-1}", outputs="float[2,3] y")
model("type_reshape_float_shape", graph, "y = Reshape(x, s)", init="float[2] s = {2,3}")
model("type_transpose_perm", graph, "y = Transpose<perm=[0,2]>(x)", outputs="float[3,2] y")
model("type_transpose_repeated", graph, "y = Transpose<perm=[0,0]>(x)", outputs="float[2,2] y")
model("type_gemm_rank", graph, "y = Gemm(x, w)", inputs="float[1,2,3] x, float[3,4] w", outputs="float[2,4] y")
model("type_gemm_sizes", graph, "y = Gemm(x, w)", inputs="float[2,3] x, float[4,5] w", outputs="float[2,5] y")
model("type_broadcast", graph, "y = Add(x, z)", inputs="float[2,3] x, float[4] z", outputs="float[2,3] y")
model("type_where_condition", graph, "y = Where(x, x, x)")
model("type_gather_indices", graph, "y = Gather(x, i)", inputs="float[2,3] x, float[1] i", outputs="float[1,3] y")
model("type_gather_axis", graph, "y = Gather<axis=4>(x, i)", inputs="float[2,3] x, int64[1] i", outputs="float[1,3] y")
model("type_unsqueeze_twice", graph, "y = Unsqueeze(x, a)", init="int64[2] a = {0,0}", outputs="float[1,1,2,3] y")
model("type_squeeze_size", graph, "y = Squeeze(x, a)", init="int64[1] a = {0}", outputs="float[3] y")
model("type_conv_channels", graph, "y = Conv(x, w)", inputs="float[1,3,8,8] x, float[4,2,3,3] w", outputs="float[1,4,6,6] y")
model("type_conv_rank", graph, "y = Conv(x, w)", inputs="float[1,3,8,8] x, float[4,3,3] w", outputs="float[1,4,6,6] y")
model("type_split_sizes", graph, "y, z = Split<axis=1>(x, s)", init="int64[2] s = {1,1}", outputs="float[2,1] y, float[2,1] z")
model("type_layernorm_axis", graph, "y = LayerNormalization<axis=3>(x, s)", init="float[3] s = {1,1,1}")
model("type_cast_unknown", graph, "y = Cast<to=99>(x)")
model("type_expand", graph, "y = Expand(x, s)", init="int64[2] s = {2,4}", outputs="float[2,4] y")
model("type_reduce_axis", graph, "y = ReduceMean<axes=[5]>(x)", outputs="float[2,3] y")
model("type_slice_axes", graph, "y = Slice(x, a, b, c)", init="int64[1] a = {0}, int64[1] b = {1}, int64[1] c = {7}", outputs="float[1,3] y")
model("type_pad_rank", graph, "y = Pad(x, p)", init="int64[2] p = {0,1}", outputs="float[2,4] y")
model("type_flatten_axis", graph, "y = Flatten<axis=4>(x)", outputs="float[2,3] y")
model("type_tile_repeats", graph, "y = Tile(x, r)", init="int64[3] r = {1,1,1}", outputs="float[2,3] y")
model("type_onehot_depth", graph, "y = ArgMax<axis=3>(x)", outputs="int64[1,3] y")
model("type_einsum", graph, "y = Einsum<equation=\"ij,jk->il\">(x, x)", outputs="float[2,3] y")
model("type_variadic_mixed", graph, "y = Concat<axis=0>(x, i)", inputs="float[2,3] x, int64[2,3] i", outputs="float[4,3] y")
model("type_range_mixed", graph, "y = Range(a, b, c)", inputs="float[2,3] x", init="float a = {0}, float b = {3}, int64 c = {1}", outputs="float[n] y")
model("type_in_function", called, body="y = local.Double(x)", extra="""<domain: "local", opset_import: ["" : 17]>
Double (a) => (b) { c = Constant<value=int64[1]{1}>() b = Add(a, c) }""")
model("type_if_dtypes", text, """<ir_version: 8, opset_import: ["" : 17]>
g (float[2] x, bool f) => (float[2] y) { y = If (f) <
 then_branch = t () => (float[2] ty) { ty = Abs(x) }, else_branch = e () => (int64[2] ey) { ey = Cast<to=7>(x) } > }""")
model("type_if_condition", text, """<ir_version: 8, opset_import: ["" : 17]>
g (float[2] x, float f) => (float[2] y) { y = If (f) <
 then_branch = t () => (float[2] ty) { ty = Abs(x) }, else_branch = e () => (float[2] ey) { ey = Exp(x) } > }""")
model("type_if_no_output", text, """<ir_version: 8, opset_import: ["" : 17]>
g (float[2] x, bool f) => (float[2] y) { y = If (f) <
 then_branch = t () => (float[2] ty) { ty = Abs(x) }, else_branch = e () => (float[2] ey, float[2] ez) { ey = Exp(x) ez = Exp(x) } > }""")
model("type_in_branch", text, """<ir_version: 8, opset_import: ["" : 17]>
g (float[2] x, bool f) => (float[2] y) { y = If (f) <
 then_branch = t () => (float[2] ty) { ty = Softmax<axis=3>(x) }, else_branch = e () => (float[2] ey) { ey = Exp(x) } > }""")
model("ok_types", graph, "a = MatMul(x, w) b = Shape(a) c = ConstantOfShape(b) y = Add(a, c)", init="float[3,3] w = {1,2,3,4,5,6,7,8,9}")


@fault()
def type_value_info_shape(m):
    m.graph.value_info.append(helper.make_tensor_value_info("mid", TensorProto.FLOAT, ["n", 3]))
@fault()
def type_value_info_dtype(m):
    m.graph.value_info.append(helper.make_tensor_value_info("mid", TensorProto.INT64, ["n", 2]))
@fault()
def ok_value_info(m):
    m.graph.value_info.append(helper.make_tensor_value_info("mid", TensorProto.FLOAT, ["n", 2]))
@fault()
def ok_value_info_other_symbol(m):
    m.graph.value_info.append(helper.make_tensor_value_info("mid", TensorProto.FLOAT, ["n", "k"]))
@fault()
def value_info_missing_value(m):
    m.graph.value_info.append(helper.make_tensor_value_info("ghost", TensorProto.FLOAT, [2]))
@fault()
def value_info_twice(m):
    for _ in range(2):
        m.graph.value_info.append(helper.make_tensor_value_info("mid", TensorProto.FLOAT, ["n", 2]))
@fault()
def type_initializer_against_input(m):
    m.graph.input.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, [3, 2]))
@fault()
def type_initializer_against_value_info(m):
    m.graph.value_info.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, [3, 2]))
@fault()
def type_initializer_dtype_against_value_info(m):
    m.graph.value_info.append(helper.make_tensor_value_info("w", TensorProto.INT64, [2, 2]))
@fault(called)
def function_value_info_missing_value(m):
    m.ir_version = 10
    double(m).value_info.append(helper.make_tensor_value_info("ghost", TensorProto.FLOAT, [2]))
@fault()
def ok_initializer_is_input(m):
    m.graph.input.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, [2, 2]))


# What the checker lets through.

@fault()
def custom_no_function(m):
    node(m, 0).domain, node(m, 0).op_type = "com.example", "Frobnicate"
    m.opset_import.append(helper.make_opsetid("com.example", 1))
@fault()
def ok_runtime_operator(m):
    node(m, 0).domain, node(m, 0).op_type = "com.microsoft", "FastGelu"
    m.opset_import.append(helper.make_opsetid("com.microsoft", 1))
@fault()
def runtime_operator_attribute(m):
    node(m, 0).domain, node(m, 0).op_type = "com.microsoft", "FastGelu"
    node(m, 0).attribute.append(helper.make_attribute("axis", 1))
    m.opset_import.append(helper.make_opsetid("com.microsoft", 1))
@fault()
def runtime_operator_in_standard(m):
    node(m, 1).op_type = "SimplifiedLayerNormalization"
@fault()
def initializer_unused(m): m.graph.initializer.append(helper.make_tensor("idle", TensorProto.FLOAT, [1], [1]))
@fault()
def quantization_missing_value(m):
    q = m.graph.quantization_annotation.add(tensor_name="ghost")
    q.quant_parameter_tensor_names.add(key="SCALE_TENSOR", value="w")
@fault()
def quantization_missing_parameter(m):
    q = m.graph.quantization_annotation.add(tensor_name="mid")
    q.quant_parameter_tensor_names.add(key="SCALE_TENSOR", value="ghost")
@fault()
def ok_quantization(m):
    q = m.graph.quantization_annotation.add(tensor_name="mid")
    q.quant_parameter_tensor_names.add(key="SCALE_TENSOR", value="w")


def message(path, options):
    try:
        onnx.checker.check_model(str(path), **options)
        return ""
    except Exception as e:  # the checker's own, inference's, and the parser's
        first = (str(e).strip().splitlines() or [type(e).__name__])[0]
        return re.sub(r"[-\w./]*/faulty/", "", first)[:100]


def verdict(path, **options):
    """Asks in a process of its own, since some faults crash the checker."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, message(path, options).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as answer:
        said = answer.read()
    _, status = os.waitpid(child, 0)
    return f"(crash, signal {status & 127})" if status else said


def main():
    cases = []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder) / "faulty"
        folder.mkdir()
        (folder / "weights.bin").write_bytes(bytes(16))
        path = folder / "model.onnx"
        for name in sorted(CASES):
            data = CASES[name]().SerializeToString(deterministic=True)
            path.write_bytes(data)
            case = {"name": name, "default": verdict(path)}
            for option in ["full_check", "check_custom_domain"]:
                said = verdict(path, **{option: True})
                if said != case["default"]:
                    case[option] = said
            case["model"] = base64.b64encode(data).decode()
            cases.append(json.dumps(case))
    lines = ",\n".join(cases)
    (HERE / "verdicts.json").write_text(f'{{"onnx": "{onnx.__version__}", "cases": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()
