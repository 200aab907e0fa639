"""What surgerybench measures of a Python library: load, index, detect, edit, save.

    python peer.py onnx-ir|onnx-graphsurgeon IN.onnx OUT.onnx

Prints one line of JSON. The clock starts after the imports; peak memory is that
of the whole process, with the memory at that point beside it.
"""

import json
import sys
import time


def memory(key):
    with open("/proc/self/status") as f:
        for line in f:
            if line.startswith(key):
                return int(line.split()[1]) * 1024
    raise SystemExit(f"/proc/self/status has no {key}")


LOOK_THROUGH = {"Transpose", "Reshape", "Mul", "Div", "Unsqueeze", "Squeeze", "Cast", "Sqrt"}


class Finder:
    """Attention blocks by lookups from each Softmax. The library is behind
    producer(value), consumers(value), op(node), inputs(node), outputs(node), is_weight(value)."""

    def __init__(self, lib):
        self.lib = lib

    def up(self, value):
        """The projection that value is made by: a MatMul or Gemm with a weight."""
        lib = self.lib
        for _ in range(16):
            node = lib.producer(value)
            if node is None:
                return None
            inputs = [v for v in lib.inputs(node) if not lib.is_weight(v)]
            if lib.op(node) in ("MatMul", "Gemm"):
                return node if len(inputs) < len(lib.inputs(node)) else None
            if lib.op(node) not in LOOK_THROUGH | {"Add"} or not inputs:
                return None
            value = inputs[0]
        return None

    def scores(self, softmax):
        """The product of query and key above a Softmax."""
        lib = self.lib
        node = lib.producer(lib.inputs(softmax)[0])
        for _ in range(4):
            if node is None or lib.op(node) == "MatMul":
                return node
            node = lib.producer(lib.inputs(node)[0])
        return None

    def down(self, node):
        """The residual Add below: behind the output projection."""
        lib = self.lib
        projected = False
        for _ in range(16):
            users = lib.consumers(lib.outputs(node)[0])
            if not users:
                return None
            node = users[0]
            if lib.op(node) in ("MatMul", "Gemm"):
                projected = True
            elif lib.op(node) == "Add" and projected and not any(lib.is_weight(v) for v in lib.inputs(node)):
                return node
        return None

    def blocks(self, nodes):
        lib, found = self.lib, []
        for softmax in nodes:
            if lib.op(softmax) != "Softmax":
                continue
            scores = self.scores(softmax)
            users = lib.consumers(lib.outputs(softmax)[0])
            if scores is None or len(users) != 1 or lib.op(users[0]) != "MatMul":
                continue
            q, k = (self.up(v) for v in lib.inputs(scores)[:2])
            v = self.up(lib.inputs(users[0])[1])
            residual = self.down(users[0])
            if all(x is not None for x in (q, k, v, residual)):
                found.append((q, k, v, residual))
        return found


def run_ir(path, out):
    import onnx_ir as ir

    class Lib:
        producer = staticmethod(lambda v: v.producer())
        consumers = staticmethod(lambda v: v.consumers())
        op = staticmethod(lambda n: n.op_type)
        inputs = staticmethod(lambda n: n.inputs)
        outputs = staticmethod(lambda n: n.outputs)
        is_weight = staticmethod(lambda v: v.is_initializer() or v.const_value is not None)

    def work():
        marks = [time.perf_counter()]
        model = ir.load(path)
        marks.append(time.perf_counter())
        model.graph.sort()
        found = Finder(Lib).blocks(model.graph)
        marks.append(time.perf_counter())
        model.metadata_props["surgerybench"] = "1"
        ir.save(model, out)
        marks.append(time.perf_counter())
        return len(found), marks

    return work


def run_gs(path, out):
    import onnx
    import onnx_graphsurgeon as gs

    class Lib:
        producer = staticmethod(lambda v: v.inputs[0] if v.inputs else None)
        consumers = staticmethod(lambda v: v.outputs)
        op = staticmethod(lambda n: n.op)
        inputs = staticmethod(lambda n: n.inputs)
        outputs = staticmethod(lambda n: n.outputs)
        is_weight = staticmethod(lambda v: isinstance(v, gs.Constant))

    def work():
        marks = [time.perf_counter()]
        graph = gs.import_onnx(onnx.load(path))
        marks.append(time.perf_counter())
        graph.toposort()
        found = Finder(Lib).blocks(graph.nodes)
        marks.append(time.perf_counter())
        model = gs.export_onnx(graph)
        entry = model.metadata_props.add()
        entry.key, entry.value = "surgerybench", "1"
        onnx.save(model, out)
        marks.append(time.perf_counter())
        return len(found), marks

    return work


def main():
    library, path, out = sys.argv[1:]
    work = {"onnx-ir": run_ir, "onnx-graphsurgeon": run_gs}[library](path, out)
    before = memory("VmHWM:")
    cpu = time.process_time()
    blocks, marks = work()
    cpu = time.process_time() - cpu
    load, find, save = (b - a for a, b in zip(marks, marks[1:]))
    print(json.dumps({"blocks": blocks, "load": load, "find": find, "save": save, "peak": memory("VmHWM:"), "before": before, "cpu": cpu}))


if __name__ == "__main__":
    main()
