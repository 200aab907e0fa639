"""Pretrain the tiny AST on word recognition.

    python speech.py pretrain
    python pretrain.py --minutes 38

Writes checkpoints to the temporary folder, and
testdata/tinyast/preprocessor_config.json and labels.txt. The learning-rate
schedule follows the wall clock, so that the job ends on time on any machine;
the run is therefore not bit-for-bit repeatable (the committed ONNX files are
the result of one run, logged in the card).
"""

import argparse
import json
import math
import tempfile
import time

import numpy as np
import torch
import torch.distributed as dist

import common
import words


def load(split: str):
    z = np.load(common.TMP / f"pretrain-{split}.npz")
    return torch.from_numpy(z["fbank"]), torch.from_numpy(z["label"])


def front_end_statistics(x: torch.Tensor) -> tuple[float, float]:
    """Mean and standard deviation over all cells, zero rows included."""
    n, s, q = 0, 0.0, 0.0
    for part in x.split(512):
        p = part.double()
        n, s, q = n + p.numel(), s + p.sum().item(), q + (p * p).sum().item()
    mean = s / n
    return mean, math.sqrt((q - n * mean * mean) / (n - 1))


def write_front_end(mean: float, std: float) -> None:
    out = common.TESTDATA / "tinyast"
    out.mkdir(parents=True, exist_ok=True)
    cfg = {
        "do_normalize": True,
        "feature_extractor_type": "ASTFeatureExtractor",
        "feature_size": 1,
        "max_length": common.MAX_FRAMES,
        "mean": round(mean, 6),
        "num_mel_bins": common.NUM_MEL,
        "padding_side": "right",
        "padding_value": 0.0,
        "return_attention_mask": False,
        "sampling_rate": common.SAMPLE_RATE,
        "std": round(std, 6),
    }
    (out / "preprocessor_config.json").write_text(json.dumps(cfg, indent=2) + "\n")
    (out / "labels.txt").write_text("".join(w + "\n" for w in words.PRETRAIN))


def augment(x: torch.Tensor, rng: np.random.Generator, masks: bool) -> torch.Tensor:
    """x: raw fbank [batch, 128, 128]. Time shift; one frequency and one time mask (returned as NaN)."""
    x = x.clone()
    for i in range(len(x)):
        s = int(rng.integers(-5, 6))
        if s > 0:  # later: repeat the first row
            x[i, s:] = x[i, :-s].clone()
            x[i, :s] = x[i, s]
        elif s < 0:  # earlier: pad with zero rows
            x[i, :s] = x[i, -s:].clone()
            x[i, s:] = 0.0
        if masks:
            f, t = int(rng.integers(0, 25)), int(rng.integers(0, 21))
            f0, t0 = int(rng.integers(0, 128 - f + 1)), int(rng.integers(0, 90))
            x[i, :, f0 : f0 + f] = float("nan")
            x[i, t0 : t0 + t] = float("nan")
    return x


def train_logits(model, x: torch.Tensor, rows: torch.Tensor | None) -> torch.Tensor:
    """Forward pass; with rows (used rows of each clip), without most of the padding.

    A token column that starts at or after the last used row holds nothing but
    padding. Each clip keeps its own columns, filled up with random padding
    columns to the batch's longest clip plus one.
    """
    if rows is None:
        return model(x).logits
    m = model.audio_spectrogram_transformer
    h = m.embeddings(x)
    cols = (common.MAX_FRAMES - 16) // 10 + 1
    used = (torch.arange(cols)[None] * 10 < rows[:, None]).float()
    keep = min(cols, int(used.sum(1).max()) + 1)
    pick = (used + torch.rand(len(x), cols) * 0.5).argsort(1, descending=True)[:, :keep]
    pick = (torch.arange((h.shape[1] - 2) // cols)[None, :, None] * cols + pick[:, None, :]).flatten(1) + 2
    pick = torch.cat([torch.arange(2).expand(len(x), 2), pick], 1)
    h = h.gather(1, pick.unsqueeze(-1).expand(-1, -1, h.shape[2]))
    for layer in m.layers:
        h = layer(h, None)
    h = m.layernorm(h)
    return model.classifier((h[:, 0] + h[:, 1]) / 2)


def used_rows(x: torch.Tensor) -> torch.Tensor:
    """Number of rows before the zero padding, per clip."""
    return torch.cat([(p != 0).any(2).sum(1) for p in x.split(512)])


def epoch_queue(pool: np.ndarray, rows: np.ndarray, batch: int, rng: np.random.Generator) -> np.ndarray:
    """A shuffled epoch whose batches hold clips of similar length."""
    order = rng.permutation(pool)
    group = 16 * batch
    batches = []
    for at in range(0, len(order) - batch + 1, group):
        part = order[at : at + group]
        part = part[np.argsort(rows[part], kind="stable")]
        batches += [part[i : i + batch] for i in range(0, len(part) - batch + 1, batch)]
    return np.concatenate([rng.permutation(batches[i]) for i in rng.permutation(len(batches))])


@torch.no_grad()
def accuracy(model, x, y, mean, std, cast) -> float:
    model.eval()
    hit = 0
    for a, b in zip(x.split(128), y.split(128)):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=cast):
            out = model((a.float() - mean) / (2 * std)).logits
        hit += (out.argmax(1) == b).sum().item()
    model.train()
    return hit / len(y)


def train_ast(rank: int, args, store: str) -> None:
    """One of args.processes data-parallel workers, one thread each.

    Two single-threaded processes that meet once per step keep most of their
    speed on a busy machine; two threads that meet in every operator do not.
    """
    common.setup_torch(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=args.processes)
    say = print if rank == 0 else (lambda *a, **k: None)
    xt, yt = load("train")
    xe, ye = load("eval")
    mean, std = front_end_statistics(xt)
    mean, std = round(mean, 6), round(std, 6)
    if rank == 0:
        write_front_end(mean, std)
    say(f"train {tuple(xt.shape)}, eval {tuple(xe.shape)}, mean {mean}, std {std}", flush=True)

    model = common.new_ast(len(words.PRETRAIN), seed=args.seed)
    if args.resume:
        model.load_state_dict(torch.load(args.resume, weights_only=True)["model"])
    model.train()
    say("parameters", common.count_parameters(model), flush=True)
    params = list(model.parameters())
    decay = [p for n, p in model.named_parameters() if p.ndim > 1 and "embeddings" not in n.replace("patch_embeddings", "")]
    rest = [p for p in params if not any(p is q for q in decay)]
    opt = torch.optim.AdamW([{"params": decay, "weight_decay": 0.05}, {"params": rest, "weight_decay": 0.0}],
                            lr=args.lr, betas=(0.9, 0.98))
    common_rng = np.random.default_rng(args.seed)  # the same in every worker
    own_rng = np.random.default_rng((args.seed, rank))
    torch.manual_seed(1000 * args.seed + rank)
    few = np.flatnonzero((yt < args.first_words).numpy())
    start = time.time()
    budget = args.minutes * 60
    step = seen = at = 0
    ema, wide, left_chance = None, bool(args.resume), bool(args.resume)
    next_eval, next_log, elapsed = 180.0, 0.0, 0.0
    rows = used_rows(xt)
    rows_np, everything = rows.numpy(), np.arange(len(yt))
    say(f"mean length {rows.float().mean():.1f} frames", flush=True)
    queue = epoch_queue(everything if wide else few, rows_np, args.batch, common_rng)
    share = args.batch // args.processes
    while elapsed < budget:
        if at + args.batch > len(queue):
            queue = epoch_queue(everything if wide else few, rows_np, args.batch, common_rng)
            at = 0
        idx = torch.from_numpy(np.sort(queue[at + rank * share : at + (rank + 1) * share]))
        at += args.batch
        short = elapsed < args.short_share * budget
        x = augment(xt[idx].float(), own_rng, masks=args.masks and left_chance)
        x = torch.nan_to_num((x - mean) / (2 * std), nan=0.0)  # masked cells become the mean
        warm = min(1.0, (step + 1) / 200)
        lr = args.lr * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, elapsed / budget))))
        for g in opt.param_groups:
            g["lr"] = lr
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=args.bf16):
            logits = train_logits(model, x, rows[idx] + 5 if short else None)
        loss = torch.nn.functional.cross_entropy(logits.float(), yt[idx], label_smoothing=0.05)
        opt.zero_grad(set_to_none=True)
        loss.backward()
        # Mean of gradients, loss and clock over the workers.
        flat = torch.cat([p.grad.reshape(-1) for p in params] + [loss.detach().reshape(1), torch.tensor([time.time() - start])])
        dist.all_reduce(flat)
        flat /= args.processes
        off = 0
        for p in params:
            p.grad.copy_(flat[off : off + p.numel()].view_as(p))
            off += p.numel()
        value, elapsed = flat[-2].item(), flat[-1].item()
        norm = torch.nn.utils.clip_grad_norm_(params, 1.0)
        opt.step()
        step += 1
        seen += args.batch
        ema = value if ema is None else 0.97 * ema + 0.03 * value
        chance = math.log(len(words.PRETRAIN) if wide else args.first_words)
        if not wide and ema < 0.6 * chance:
            wide, at, queue = True, 0, epoch_queue(everything, rows_np, args.batch, common_rng)
            say(f"step {step}: all {len(words.PRETRAIN)} words from here ({elapsed:.0f} s)", flush=True)
            ema = None
        elif wide and not left_chance and ema < 0.5 * chance:
            left_chance = True
            say(f"step {step}: left chance ({elapsed:.0f} s)", flush=True)
        if elapsed >= next_log:
            next_log = elapsed + 20
            say(f"{elapsed:6.0f} s step {step} seen {seen} loss {ema if ema else value:.3f} grad {norm:.2f} "
                f"lr {lr:.2e} {seen / (elapsed + 1e-9):.0f} clips/s", flush=True)
        if elapsed >= next_eval:
            next_eval = elapsed + 180
            if rank == 0:
                acc = accuracy(model, xe[::4], ye[::4], mean, std, args.bf16)
                say(f"{elapsed:6.0f} s step {step} eval (every fourth clip) {acc:.4f}", flush=True)
                save(model, mean, std)
    if rank == 0:
        save(model, mean, std)
        say(f"done: {step} steps, {seen} clips, {time.time() - start:.0f} s; "
            f"unseen voices {accuracy(model, xe, ye, mean, std, False):.4f} ({len(ye)} clips), "
            f"training clips {accuracy(model, xt[::8], yt[::8], mean, std, False):.4f}", flush=True)


def save(model, mean, std) -> None:
    torch.save({"model": model.state_dict(), "labels": words.PRETRAIN, "mean": mean, "std": std},
               common.TMP / "tinyast.pt")


def train_mlp(args) -> None:
    """Baseline for the card: an MLP on time-pooled features (mean, std, max per mel bin)."""
    def pool(x):
        x = x.float()
        return torch.cat([x.mean(1), x.std(1), x.amax(1)], 1)

    (xt, yt), (xe, ye) = load("train"), load("eval")
    a = torch.cat([pool(p) for p in xt.split(1024)])
    b = torch.cat([pool(p) for p in xe.split(1024)])
    m, s = a.mean(0), a.std(0) + 1e-5
    a, b = (a - m) / s, (b - m) / s
    torch.manual_seed(args.seed)
    net = torch.nn.Sequential(torch.nn.Linear(384, 512), torch.nn.GELU(), torch.nn.Dropout(0.3),
                              torch.nn.Linear(512, 512), torch.nn.GELU(), torch.nn.Dropout(0.3),
                              torch.nn.Linear(512, len(words.PRETRAIN)))
    opt = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.05)
    epochs = 40
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, epochs)
    for _ in range(epochs):
        net.train()
        for idx in torch.randperm(len(yt)).split(128):
            loss = torch.nn.functional.cross_entropy(net(a[idx]), yt[idx], label_smoothing=0.05)
            opt.zero_grad()
            loss.backward()
            opt.step()
        sched.step()
    net.eval()
    acc = (net(b).argmax(1) == ye).float().mean().item()
    print(f"MLP on pooled features: {common.count_parameters(net)} parameters, unseen voices {acc:.4f}")


def main() -> None:
    ap = argparse.ArgumentParser()
    ap.add_argument("--minutes", type=float, default=38)
    ap.add_argument("--batch", type=int, default=64)
    ap.add_argument("--lr", type=float, default=1e-3)
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--first-words", type=int, default=40)
    ap.add_argument("--short-share", type=float, default=0.8, help="share of the time without most padding tokens")
    ap.add_argument("--processes", type=int, default=2)
    ap.add_argument("--resume", help="checkpoint to go on from (fresh optimiser state)")
    ap.add_argument("--masks", action="store_true", help="one frequency and one time mask once chance is left")
    ap.add_argument("--bf16", action="store_true", help="bfloat16 autocast (weights stay float32)")
    ap.add_argument("--mlp", action="store_true", help="only the pooled-feature baseline")
    args = ap.parse_args()
    if args.mlp:
        common.setup_torch()
        train_mlp(args)
        return
    with tempfile.TemporaryDirectory() as d:
        torch.multiprocessing.spawn(train_ast, (args, f"{d}/store"), nprocs=args.processes)


if __name__ == "__main__":
    main()
