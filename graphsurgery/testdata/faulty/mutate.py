"""Changes onnx's own test models at random and asks onnx's checker about each.

    pip install -r graphsurgery/testdata/faulty/requirements.txt
    python graphsurgery/testdata/faulty/mutate.py FOLDER [COUNT] [SEED]

FOLDER is the one of testdata/nodetests.sh. It writes mutants.json.gz beside itself:
of each mutant the test it was made of, the kind of change, the verdicts as in
verdicts.json (see gen.py), and the model. Where gen.py asks for known faults, this
looks for those nobody thought of.
"""

import base64
import gzip
import json
import pathlib
import random
import sys
import tempfile

import onnx
from onnx import AttributeProto

from gen import verdict

HERE = pathlib.Path(__file__).parent
DTYPES = [1, 2, 3, 6, 7, 9, 10, 11, 8, 16]
OPERATORS = ["Relu", "Add", "MatMul", "Softmax", "Concat", "Reshape", "Upsample", "Loop", "Frobnicate", "Gelu", "Squeeze", "Cast"]


class Unchanged(Exception):
    """The model has nothing of the kind that was to be changed."""


def pick(rng, items):
    items = list(items)
    if not items:
        raise Unchanged
    return rng.choice(items)


def nodes(m):
    found = list(m.graph.node)
    for f in m.functions:
        found += f.node
    return found


def drop_at(rng, items):
    if not items:
        raise Unchanged
    del items[rng.randrange(len(items))]


def drop_attribute(m, rng): drop_at(rng, pick(rng, nodes(m)).attribute)
def rename_attribute(m, rng): pick(rng, pick(rng, nodes(m)).attribute).name += "x"
def attribute_type(m, rng): pick(rng, pick(rng, nodes(m)).attribute).type = rng.randrange(1, 15)
def drop_input(m, rng): drop_at(rng, pick(rng, nodes(m)).input)
def drop_output(m, rng): drop_at(rng, pick(rng, nodes(m)).output)
def add_input(m, rng): pick(rng, nodes(m)).input.append(pick(rng, m.graph.input).name)
def add_output(m, rng): pick(rng, nodes(m)).output.append("one_more")
def drop_node(m, rng): drop_at(rng, m.graph.node)
def other_operator(m, rng): pick(rng, nodes(m)).op_type = rng.choice(OPERATORS)
def other_domain(m, rng): pick(rng, nodes(m)).domain = rng.choice(["ai.onnx.ml", "com.microsoft", "com.example"])
def other_opset(m, rng): pick(rng, m.opset_import).version = rng.randrange(1, 28)
def function_opset(m, rng): pick(rng, pick(rng, m.functions).opset_import).version = rng.randrange(1, 28)


def attribute_value(m, rng):
    a = pick(rng, pick(rng, nodes(m)).attribute)
    if a.type == AttributeProto.INT:
        a.i += rng.choice([-9, -3, -1, 1, 2, 5, 100])
    elif a.type == AttributeProto.INTS and a.ints:
        how = rng.randrange(3)
        if how == 0:
            a.ints[rng.randrange(len(a.ints))] += rng.choice([-5, -1, 1, 7])
        elif how == 1:
            a.ints.append(1)
        else:
            a.ints.pop()


def blank_input(m, rng):
    n = pick(rng, nodes(m))
    n.input[pick(rng, range(len(n.input)))] = ""


def swap_inputs(m, rng):
    n = pick(rng, nodes(m))
    a, b = pick(rng, range(len(n.input))), pick(rng, range(len(n.input)))
    n.input[a], n.input[b] = n.input[b], n.input[a]


def rename_output(m, rng):
    n = pick(rng, nodes(m))
    n.output[pick(rng, range(len(n.output)))] = "renamed"


def shuffle_nodes(m, rng):
    order = list(m.graph.node)
    rng.shuffle(order)
    del m.graph.node[:]
    m.graph.node.extend(order)


def tensor_type(rng, ports):
    t = pick(rng, ports).type
    if not t.HasField("tensor_type"):
        raise Unchanged
    return t.tensor_type


def port_shape(rng, ports):
    dims = tensor_type(rng, ports).shape.dim
    how = rng.randrange(4)
    if how == 0:
        drop_at(rng, dims)
    elif how == 1:
        dims.add().dim_value = rng.choice([1, 2, 3])
    elif how == 2:
        pick(rng, dims).dim_value = rng.choice([0, 1, 2, 3, 4, 7])
    else:
        pick(rng, dims).dim_param = "N"


def input_dtype(m, rng): tensor_type(rng, m.graph.input).elem_type = rng.choice(DTYPES)
def output_dtype(m, rng): tensor_type(rng, m.graph.output).elem_type = rng.choice(DTYPES)
def input_shape(m, rng): port_shape(rng, m.graph.input)
def output_shape(m, rng): port_shape(rng, m.graph.output)


CHANGES = [
    drop_attribute, rename_attribute, attribute_type, attribute_value, attribute_value, drop_input, blank_input,
    add_input, swap_inputs, drop_output, add_output, rename_output, drop_node, shuffle_nodes, other_operator,
    other_domain, other_opset, function_opset, input_dtype, input_dtype, input_shape, input_shape, input_shape,
    output_dtype, output_shape, output_shape,
]


def mutant(path, rng):
    m = onnx.load(path)
    before = m.SerializeToString(deterministic=True)
    change = rng.choice(CHANGES)
    change(m, rng)
    after = m.SerializeToString(deterministic=True)
    if after == before:
        raise Unchanged
    return change.__name__, after


def main():
    root, count, seed = pathlib.Path(sys.argv[1]), *[int(x) for x in (sys.argv[2:] + ["600", "1"][len(sys.argv) - 2:])]
    paths = sorted(p for p in root.glob("*/test_*/model.onnx") if p.stat().st_size < 1500)
    rng = random.Random(seed)
    cases = []
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "model.onnx"
        while len(cases) < count:
            path = rng.choice(paths)
            try:
                kind, data = mutant(path, rng)
            except (Unchanged, ValueError):
                continue
            file.write_bytes(data)
            case = {"name": f"{len(cases)} {path.parent.name} {kind}", "default": verdict(file)}
            said = verdict(file, full_check=True)
            if said != case["default"]:
                case["full_check"] = said
            case["model"] = base64.b64encode(data).decode()
            cases.append(json.dumps(case))
    text = f'{{"onnx": "{onnx.__version__}", "cases": [\n' + ",\n".join(cases) + "\n]}\n"
    with open(HERE / "mutants.json.gz", "wb") as out:
        out.write(gzip.compress(text.encode(), 9, mtime=0))


if __name__ == "__main__":
    main()
