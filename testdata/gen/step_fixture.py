"""Parity fixture: one AAT training step in PyTorch, as a compressed .npz.

    python step_fixture.py --random OUT.npz          # the weights of export.py --random
    python step_fixture.py --checkpoint CKPT OUT.npz # the pretrained model

Keys (float32 unless said): input [8,128,128] features of eight speech clips,
labels int64 [8], base_logits of the untouched model, logits and loss (mean
cross-entropy) with adapters and new head, and for every trained parameter
param/NAME, grad/NAME and after/NAME (one AdamW step: lr 1e-3, weight decay
0.05 on everything, betas 0.9/0.999, eps 1e-8). Matrices are stored so that
y = x W. Gradients, logits and loss are computed in float64 and rounded; after/ is PyTorch's float32 step.
max_grad_diff holds the largest |float32 - float64| gradient difference.

The up projections get random values (std 0.05), else their inputs would have
zero gradient.
"""

import argparse
import pathlib

import numpy as np
import torch

import aat
import common
import fbank


def clips(n: int):
    """Features of n dry synthetic clips with their downstream labels."""
    import speech

    xs, ys = [], []
    voices = speech.voice_groups()["train"]
    for k in range(n):
        label = (3 * k + 1) % len(common.DOWNSTREAM_LABELS)
        word = common.DOWNSTREAM_LABELS[label]
        if word == common.UNKNOWN:
            word = "seven"
        x = speech.dry(word, voices[5 * k % len(voices)], 150 + 5 * k, 50)
        noise = speech.coloured_noise(speech.rng_for("fixture", k), len(x), 1.0)
        xs.append(fbank.features((0.3 * x + 0.003 * noise).astype(np.float32)))
        ys.append(label)
    return np.stack(xs), np.array(ys, dtype=np.int64)


def step(model: aat.Tuned, x: torch.Tensor, y: torch.Tensor):
    """logits, loss, gradients and values after one optimiser step."""
    opt = torch.optim.AdamW(model.trained(), lr=1e-3, weight_decay=0.05, betas=(0.9, 0.999), eps=1e-8)
    logits = model(x)
    loss = torch.nn.functional.cross_entropy(logits, y)
    loss.backward()
    grads = {n: stored(p.grad, t) for n, p, t in model.named_adapter_parameters()}
    opt.step()
    after = {n: stored(p, t) for n, p, t in model.named_adapter_parameters()}
    return logits.detach().numpy(), loss.item(), grads, after


def stored(t: torch.Tensor, transposed: bool) -> np.ndarray:
    a = t.detach().numpy()
    return np.ascontiguousarray(a.T if transposed else a).copy()


def main() -> None:
    ap = argparse.ArgumentParser()
    ap.add_argument("out", type=pathlib.Path)
    ap.add_argument("--random", action="store_true")
    ap.add_argument("--checkpoint", type=pathlib.Path)
    ap.add_argument("--samples", type=int, default=8)
    args = ap.parse_args()
    common.setup_torch(1)

    if args.random:
        base = common.new_ast(182, seed=0)
        common.randomise(base, seed=0)
        mean, std = -4.2677393, 4.5689974
    else:
        ck = torch.load(args.checkpoint, weights_only=True)
        base = common.new_ast(len(ck["labels"]))
        base.load_state_dict(ck["model"])
        mean, std = ck["mean"], ck["std"]
    base.eval()
    raw, labels = clips(args.samples)
    x = torch.from_numpy(common.normalise(raw, mean, std).astype(np.float32))
    y = torch.from_numpy(labels)
    out = {"input": x.numpy(), "labels": labels}
    with torch.no_grad():
        out["base_logits"] = base(x).logits.numpy()

    torch.manual_seed(7)
    model = aat.Tuned(base, len(common.DOWNSTREAM_LABELS), "aat", rank=32)
    with torch.no_grad():
        plain = base.audio_spectrogram_transformer(x).pooler_output
        same = (model.pooled(x) - plain).abs().max().item()
        for name, p, _ in model.named_adapter_parameters():
            if "/up_weight" in name:
                p.normal_(0.0, 0.05)
            elif name.endswith("bias") or "norm_weight" in name:
                p.add_(0.02 * torch.randn(p.shape))
            elif "head/dense_weight" in name:
                p.normal_(0.0, 0.1)
    print(f"identity at initialisation: max difference {same:.1e}")
    assert same < 1e-4
    for name, p, t in model.named_adapter_parameters():
        out["param/" + name] = stored(p, t)

    state = {k: v.clone() for k, v in model.state_dict().items()}
    logits32, loss32, grads32, after32 = step(model, x, y)
    model.load_state_dict(state)
    model.zero_grad(set_to_none=True)
    model.double()
    logits64, loss64, grads64, after64 = step(model, x.double(), y)
    out["logits"] = logits64.astype(np.float32)
    out["loss"] = np.float32(loss64)
    worst = 0.0
    for n, g in grads64.items():
        worst = max(worst, float(np.abs(grads32[n] - g).max()))
        out["grad/" + n] = g.astype(np.float32)
        # A float64 step can move a parameter the other way where the gradient
        # is smaller than float32's error, so the step is PyTorch's float32 one.
        out["after/" + n] = after32[n].astype(np.float32)
    out["max_grad_diff"] = np.float32(worst)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(args.out, **out)
    biggest = max(float(np.abs(g).max()) for g in grads64.values())
    print(f"{args.out.name}: {args.out.stat().st_size} bytes, {len(out)} arrays, loss {loss64:.6f} "
          f"(float32 {loss32:.6f}), logits differ {np.abs(logits32 - logits64).max():.1e}, "
          f"gradients differ {worst:.1e} (largest {biggest:.2e}), "
          f"steps differ {max(float(np.abs(after32[n] - after64[n]).max()) for n in after64):.1e}")


if __name__ == "__main__":
    main()
