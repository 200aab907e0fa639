"""What PyTorch computes for a family: the reference of the importer's tests.

DIR/FAMILY/torch.npz holds, for the network that all exports of the family are of:

    input/NAME   an input of every export
    output       what the network returns
    weight       the loss is sum(output * weight)
    grad/NAME    the gradient of the loss with respect to a parameter
    value/NAME   the parameter, by which a test finds it among an export's initialisers
    igrad/NAME   the gradient with respect to a floating-point input

Exporters rename, transpose, merge and fold parameters, so a test goes by values.
"""

import pathlib
import warnings

import numpy as np
import torch

from spec import Net


def write(net: Net, path: pathlib.Path) -> None:
    """Compute and write; the network is left as it was."""
    inputs = {n: t.clone().requires_grad_(t.is_floating_point()) for n, t in net.inputs.items()}
    with torch.enable_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        out = net.module(*inputs.values())
    weight = torch.randn(out.shape, generator=torch.Generator().manual_seed(7))
    arrays = {f"input/{n}": t for n, t in net.inputs.items()}
    arrays |= {"output": out, "weight": weight}
    if out.requires_grad:
        (out * weight).sum().backward()
    for name, p in net.module.named_parameters():
        if p.grad is not None:
            arrays |= {f"grad/{name}": p.grad, f"value/{name}": p}
    arrays |= {f"igrad/{n}": t.grad for n, t in inputs.items() if t.grad is not None}
    net.module.zero_grad(set_to_none=True)
    part = path.with_suffix(".tmp.npz")
    np.savez(part, **{n: t.detach().numpy() for n, t in arrays.items()})
    part.replace(path)
