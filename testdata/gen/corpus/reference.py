"""What PyTorch computes for a family: the reference of the importer's tests.

DIR/FAMILY/torch.npz holds, for the network that all exports of the family are of:

    input/NAME   an input of every export
    output       what the network returns
    weight       the loss is sum(output * weight)
    grad/NAME    the gradient of the loss with respect to a parameter
    value/NAME   the parameter, by which a test finds it among an export's initialisers
    igrad/NAME   the gradient with respect to a floating-point input

Exporters rename, transpose, merge and fold parameters, so a test goes by values.

The committed part holds few elements of each parameter and gradient: SAMPLE at
equal distances, and shape/NAME. Of a network whose committed export another tool
transformed it holds inputs and output alone.
"""

import pathlib
import warnings

import numpy as np
import torch

from spec import Net


SAMPLE = 96


def sampled(t: torch.Tensor) -> torch.Tensor:
    """Element i·(n-1)//(SAMPLE-1) for each i, or all where they are fewer."""
    flat, n = t.detach().reshape(-1), t.numel()
    return flat if n <= SAMPLE else flat[[i * (n - 1) // (SAMPLE - 1) for i in range(SAMPLE)]]


def write(net: Net, path: pathlib.Path) -> None:
    """Compute and write; the network is left as it was."""
    part = path.with_suffix(".tmp.npz")
    np.savez(part, **arrays(net))
    part.replace(path)


def write_small(net: Net, path: pathlib.Path, gradients: bool) -> None:
    """The same, with few elements of each parameter, compressed."""
    full = arrays(net)
    small = {n: a for n, a in full.items() if n.startswith("input/") or n == "output"}
    if gradients and any(n.startswith("grad/") for n in full):
        small["weight"] = full["weight"]
        for n, a in full.items():
            kind, _, name = n.partition("/")
            if kind in ("grad", "value"):
                small[n] = sampled(torch.from_numpy(a)).numpy()
                small[f"shape/{name}"] = np.array(a.shape, np.int64)
    np.savez_compressed(path, **small)


def arrays(net: Net) -> dict[str, np.ndarray]:
    """All of it, by name."""
    inputs = {n: t.clone().requires_grad_(t.is_floating_point()) for n, t in net.inputs.items()}
    with torch.enable_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        out = net.module(*inputs.values())
    weight = torch.randn(out.shape, generator=torch.Generator().manual_seed(7))
    found = {f"input/{n}": t for n, t in net.inputs.items()}
    found |= {"output": out, "weight": weight}
    if out.requires_grad:
        (out * weight).sum().backward()
    for name, p in net.module.named_parameters():
        if p.grad is not None:
            found |= {f"grad/{name}": p.grad, f"value/{name}": p}
    found |= {f"igrad/{n}": t.grad for n, t in inputs.items() if t.grad is not None}
    net.module.zero_grad(set_to_none=True)
    return {n: t.detach().numpy() for n, t in found.items()}
