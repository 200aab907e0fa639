"""What a family of the corpus is: a network, its inputs, and its blocks.

A block is described by PyTorch objects, never by names of ONNX values: a role
is the result of the linear layer with a given weight, a residual sum is what a
given module reads or returns. record.py turns that into tensors and match.py
into the names an export has for them.
"""

import dataclasses
import os
import zlib
from collections.abc import Callable

import torch
from torch import nn

SMALL = os.environ.get("AAT_CORPUS_SMALL") == "1"  # the sizes of the committed part
WIDTH, FF = (24, 40) if SMALL else (48, 80)
HEADS = 4


@dataclasses.dataclass(frozen=True)
class Rows:
    """The part of a packed weight that begins at a row (nn.MultiheadAttention)."""

    weight: torch.Tensor
    row: int = 0


@dataclasses.dataclass(frozen=True)
class In:
    """What a module reads first."""

    module: nn.Module


@dataclasses.dataclass(frozen=True)
class Out:
    """What a module returns first."""

    module: nn.Module


@dataclasses.dataclass
class Layer:
    """One Transformer block. fc1 and fc2 are None where an attention has no MLP
    of its own (the self-attention of a decoder layer). call counts the uses of
    shared weights. pre_norm is None where neither word fits (x + LN(f(x)))."""

    q: object
    k: object
    v: object
    o: object
    fc1: object
    fc2: object
    residual: tuple
    heads: int
    width: int
    pre_norm: bool | None = True
    kind: str = "self"  # self, causal, window, cross
    call: int = 0
    note: str = ""


@dataclasses.dataclass
class Net:
    """A network ready to export; without layers it is a negative."""

    module: nn.Module
    inputs: dict[str, torch.Tensor]
    layers: list[Layer] = dataclasses.field(default_factory=list)
    dynamic: dict[str, dict[int, str]] | None = None  # default: axis 0 is batch
    length: dict[str, dict[int, str]] | None = None  # variant ts17-len too
    optimizer: str = "bert"  # onnxruntime's model type
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Family:
    name: str
    group: str
    build: Callable[[], Net]
    why: str = ""

    def make(self) -> Net:
        """The network with weights that depend on the family's name alone."""
        torch.manual_seed(zlib.crc32(self.name.encode()))
        net = self.build()
        net.module.eval()
        randomise(net.module)
        return net


FAMILIES: dict[str, Family] = {}


def family(name: str, group: str, why: str = ""):
    """Registers the decorated function as the builder of a family."""

    def register(build):
        FAMILIES[name] = Family(name, group, build, why)
        return build

    return register


TABLES = ("token", "pos", "embed", "table", "query", "probe", "rel")


def randomise(module: nn.Module) -> None:
    """Give every tensor values that are neither trivial nor equal to another's.

    Matrices keep the size of their signal (variance 1/fan-in), gains lie about
    one, biases about zero, tables of positions and tokens are of the same order
    as the activations.
    """
    with torch.no_grad():
        for name, p in module.named_parameters():
            leaf = name.rsplit(".", 1)[-1]
            noise = torch.randn(p.shape)
            if "logit_scale" in name or not p.is_floating_point():
                continue
            if any(t in leaf for t in TABLES) or "embeddings.weight" in name or "bias_table" in name:
                p.copy_(0.5 * noise)
            elif p.squeeze().dim() <= 1 and "bias" not in leaf:
                p.copy_(1.0 + 0.2 * noise)
            elif p.squeeze().dim() <= 1:
                p.copy_(0.1 * noise)
            else:
                fan_in = p[0].numel() if p.dim() > 1 else p.numel()
                p.copy_(noise / fan_in**0.5)
        for name, b in module.named_buffers():
            if name.endswith("running_mean"):
                b.copy_(0.1 * torch.randn(b.shape))
            elif name.endswith("running_var"):
                b.copy_(1.0 + 0.2 * torch.rand(b.shape))


class Wrap(nn.Module):
    """Calls a model by keyword and returns one tensor of its answer."""

    def __init__(self, model: nn.Module, *names: str, pick=None, **fixed):
        super().__init__()
        self.model, self.names, self.fixed = model, names, fixed
        self.pick = pick or (lambda out: out[0])

    def forward(self, *args):
        return self.pick(self.model(**dict(zip(self.names, args)), **self.fixed))
