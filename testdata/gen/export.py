"""Export the tiny AST to ONNX with both of PyTorch's exporters.

    python export.py --random OUT_DIR            # random weights, 182 classes
    python export.py --checkpoint CKPT OUT_DIR   # trained weights (see pretrain.py)

Writes NAME-ts17.onnx (TorchScript exporter, opset 17) and NAME-dynamo.onnx
(torch.export-based exporter, its default opset), both with a dynamic batch
axis, and checks both against PyTorch with onnxruntime.
"""

import argparse
import pathlib
import warnings

import numpy as np
import onnx
import torch

import common


class Logits(torch.nn.Module):
    """Logits only, so that the graph has one named output."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_values):
        return self.model(input_values).logits


MACHINE_MARKS = ("/opt/", "/root", "/work", "/tmp", "/home", "/usr", "site-packages", ".py")


def strip_metadata(proto: onnx.ModelProto) -> None:
    """Drop stack traces and anything else that names this machine's files."""

    def clean(props) -> None:
        keep = [
            (p.key, p.value)
            for p in props
            if "stack_trace" not in p.key and not any(m in p.value for m in MACHINE_MARKS)
        ]
        del props[:]
        for k, v in keep:
            q = props.add()
            q.key, q.value = k, v

    def graph(g) -> None:
        clean(g.metadata_props)
        for group in (g.input, g.output, g.value_info, g.initializer):
            for v in group:
                clean(v.metadata_props)
        for n in g.node:
            node(n)

    def node(n) -> None:
        clean(n.metadata_props)
        n.doc_string = ""
        for a in n.attribute:
            if a.HasField("g"):
                graph(a.g)
            for sub in a.graphs:
                graph(sub)

    clean(proto.metadata_props)
    graph(proto.graph)
    for f in proto.functions:
        clean(f.metadata_props)
        for v in f.value_info:
            clean(v.metadata_props)
        for n in f.node:
            node(n)


def check_no_machine_marks(path: pathlib.Path) -> None:
    data = path.read_bytes()
    for mark in (b"stack_trace", b"/opt/", b"/root", b"/work", b"/tmp"):
        if mark in data:
            raise SystemExit(f"{path.name} still holds {mark!r}")


def export(model, out_dir: pathlib.Path, name: str) -> list[pathlib.Path]:
    wrapped = Logits(model.eval())
    out_dir.mkdir(parents=True, exist_ok=True)
    example = torch.randn(2, common.MAX_FRAMES, common.NUM_MEL, generator=torch.Generator().manual_seed(1))

    ts = out_dir / f"{name}-ts17.onnx"
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            wrapped, (example,), str(ts), dynamo=False, opset_version=17,
            input_names=["input_values"], output_names=["logits"],
            dynamic_axes={"input_values": {0: "batch"}, "logits": {0: "batch"}},
        )
    dyn = out_dir / f"{name}-dynamo.onnx"
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            wrapped, (example,), str(dyn), dynamo=True, external_data=False,
            input_names=["input_values"], output_names=["logits"],
            dynamic_shapes={"input_values": {0: torch.export.Dim("batch", min=1, max=4096)}},
        )
    for path in (ts, dyn):
        proto = onnx.load(str(path))
        strip_metadata(proto)
        onnx.checker.check_model(proto, full_check=True)
        onnx.save(proto, str(path))
        check_no_machine_marks(path)
        compare(wrapped, path)
    return [ts, dyn]


def compare(wrapped, path: pathlib.Path) -> None:
    """onnxruntime against PyTorch, three batch sizes."""
    import onnxruntime as ort

    so = ort.SessionOptions()
    so.intra_op_num_threads = 2
    sess = ort.InferenceSession(str(path), so, providers=["CPUExecutionProvider"])
    worst = 0.0
    for batch in (1, 3, 8):
        x = torch.randn(batch, common.MAX_FRAMES, common.NUM_MEL, generator=torch.Generator().manual_seed(batch))
        with torch.no_grad():
            want = wrapped(x).numpy()
        (got,) = sess.run(["logits"], {"input_values": x.numpy()})
        assert got.shape == want.shape, (got.shape, want.shape)
        worst = max(worst, float(np.abs(got - want).max()))
    proto = onnx.load(str(path), load_external_data=False)
    opset = {o.domain or "ai.onnx": o.version for o in proto.opset_import}
    print(f"{path.name}: {path.stat().st_size} bytes, {len(proto.graph.node)} nodes, opset {opset}, "
          f"max |onnxruntime - torch| {worst:.2e}")
    assert worst <= 1e-5, worst


def main() -> None:
    ap = argparse.ArgumentParser()
    ap.add_argument("out", type=pathlib.Path)
    ap.add_argument("--random", action="store_true")
    ap.add_argument("--checkpoint", type=pathlib.Path)
    ap.add_argument("--name")
    args = ap.parse_args()
    common.setup_torch()
    if args.random:
        model = common.new_ast(182, seed=0)
        common.randomise(model, seed=0)
        name = args.name or "random"
    else:
        ck = torch.load(args.checkpoint, weights_only=True)
        model = common.new_ast(len(ck["labels"]))
        model.load_state_dict(ck["model"])
        name = args.name or "tinyast"
    print("parameters:", common.count_parameters(model))
    export(model, args.out, name)


if __name__ == "__main__":
    main()
