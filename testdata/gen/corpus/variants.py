"""The two PyTorch exporters, with the settings of each variant."""

import dataclasses
import logging
import os
import pathlib
import sys
import warnings

import onnx
import torch

from spec import Net

sys.path.insert(1, str(pathlib.Path(__file__).resolve().parent.parent))
from export import check_no_machine_marks, strip_metadata  # noqa: E402


@dataclasses.dataclass(frozen=True)
class Export:
    """One export: exporter, opset (None: its default), which axes are dynamic."""

    exporter: str
    opset: int | None
    axes: str  # batch, length, static
    half: bool = False


EXPORTS = {
    "ts17": Export("torchscript", 17, "batch"),
    "dynamo": Export("dynamo", None, "batch"),
    "ts14": Export("torchscript", 14, "batch"),
    "ts11": Export("torchscript", 11, "batch"),
    "ts20": Export("torchscript", 20, "batch"),
    "ts17-static": Export("torchscript", 17, "static"),
    "ts14-static": Export("torchscript", 14, "static"),
    "dynamo23": Export("dynamo", 23, "batch"),
    "dynamo-static": Export("dynamo", None, "static"),
    "ts17-len": Export("torchscript", 17, "length"),
    "dynamo-len": Export("dynamo", None, "length"),
    "ts17-half": Export("torchscript", 17, "batch", half=True),
}


def axes_of(net: Net, axes: str) -> dict[str, dict[int, str]]:
    if axes == "static":
        return {}
    if axes == "length":
        return net.length
    return net.dynamic or {name: {0: "batch"} for name in net.inputs}


def export(net: Net, e: Export, path: pathlib.Path) -> None:
    """Write one export; raises what PyTorch raises."""
    args = tuple(t.half() if e.half and t.is_floating_point() else t for t in net.inputs.values())
    module = net.module.half() if e.half else net.module
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    logging.disable(logging.WARNING)
    try:
        with torch.no_grad(), warnings.catch_warnings(), silence():
            warnings.simplefilter("ignore")
            write = torchscript if e.exporter == "torchscript" else dynamo
            write(net, module, args, e, path)
    finally:
        logging.disable(logging.NOTSET)
        torch.backends.mha.set_fastpath_enabled(fast)
        if e.half:
            net.module.float()
    proto = onnx.load(str(path))
    strip_metadata(proto)
    onnx.checker.check_model(proto)
    onnx.save(proto, str(path))
    check_no_machine_marks(path)


def torchscript(net, module, args, e, path):
    dyn = {**axes_of(net, e.axes)}
    if dyn:
        dyn["output"] = {0: "batch"} if e.axes == "batch" and net.dynamic is None else {}
    torch.onnx.export(
        module, args, str(path), dynamo=False, opset_version=e.opset,
        input_names=list(net.inputs), output_names=["output"], dynamic_axes=dyn or None,
    )


def dynamo(net, module, args, e, path):
    dims = {}
    shapes = []
    for name in net.inputs:
        axes = axes_of(net, e.axes).get(name)
        shapes.append({i: dims.setdefault(d, torch.export.Dim(d, min=2, max=1024)) for i, d in axes.items()} if axes else None)
    kw = {"dynamic_shapes": pack(module, shapes)} if any(shapes) else {}
    torch.onnx.export(
        module, args, str(path), dynamo=True, external_data=False, opset_version=e.opset, verbose=False,
        input_names=list(net.inputs), output_names=["output"], **kw,
    )


def pack(module, shapes):
    """dynamic_shapes in the form of forward's parameters: a wrapper takes *args."""
    import inspect

    params = list(inspect.signature(module.forward).parameters.values())
    if params and params[0].kind is inspect.Parameter.VAR_POSITIONAL:
        return (tuple(shapes),)
    return tuple(shapes)


class silence:
    """Discards what the exporters print, from Python and from C++."""

    def __enter__(self):
        sys.stdout.flush()
        self.kept = os.dup(1), os.dup(2)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        os.close(null)

    def __exit__(self, *_):
        sys.stdout.flush()
        for fd, kept in zip((1, 2), self.kept):
            os.dup2(kept, fd)
            os.close(kept)
