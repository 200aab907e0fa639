"""Writes adamw.npz: steps of torch.optim.AdamW to hold our own against.

    python finetune/testdata/gen_adamw.py

Two tensors, eight steps, the learning rate changed after half of them, one
gradient exactly zero and one very small, so that epsilon and the bias
correction show.
"""

import pathlib

import numpy as np
import torch

STEPS, LR, DECAY, WD = 8, 3e-3, 0.85, 0.05


def main() -> None:
    g = torch.Generator().manual_seed(7)
    params = [torch.randn(5, 3, generator=g).requires_grad_(), torch.zeros(4).requires_grad_()]
    opt = torch.optim.AdamW(params, lr=LR, betas=(0.9, 0.999), eps=1e-8, weight_decay=WD, foreach=False, fused=False)
    out = {f"p{i}/0": p.detach().numpy().copy() for i, p in enumerate(params)}
    rates = []
    for t in range(1, STEPS + 1):
        if t > STEPS // 2:
            opt.param_groups[0]["lr"] = LR * DECAY
        rates.append(opt.param_groups[0]["lr"])
        for i, p in enumerate(params):
            p.grad = torch.randn(p.shape, generator=g)
            p.grad.view(-1)[0] = 0.0
            p.grad.view(-1)[1] = 1e-9
            out[f"grad{i}/{t}"] = p.grad.numpy().copy()
        opt.step()
        for i, p in enumerate(params):
            s = opt.state[p]
            out[f"p{i}/{t}"] = p.detach().numpy().copy()
            out[f"m{i}/{t}"] = s["exp_avg"].numpy().copy()
            out[f"v{i}/{t}"] = s["exp_avg_sq"].numpy().copy()
    out["rates"] = np.array(rates, np.float64)
    np.savez(pathlib.Path(__file__).with_name("adamw.npz"), **out)


if __name__ == "__main__":
    main()
