"""Reference result: head only, AAT and full fine-tuning in PyTorch.

    python reference.py --checkpoint CKPT [--speech DIR] [--out reference.json]

Reads the committed clips. Batch 20, 25 epochs, AdamW (weight decay 0.05 on
every trained parameter, betas 0.9/0.999, eps 1e-8), learning rate times 0.85
per epoch from epoch 5 on (epochs count from 0: factor 0.85**max(0, e-4)),
cross-entropy, shuffled by seed, no augmentation, the last short batch kept.
The epoch with the best validation accuracy (ties: lower loss) is tested. The
learning rate is chosen by best validation accuracy (ties: lower validation
loss): every rate of the grid with seed 0, then the best two by the mean over
seeds 0 and 1.
"""

import argparse
import csv
import hashlib
import json
import multiprocessing
import pathlib
import time

import numpy as np
import soundfile
import torch

import aat
import common
import fbank

BATCH, EPOCHS, RANK = 20, 25, 32
GRID = {
    "head": [1e-3, 3e-3, 1e-2, 3e-2],
    "aat": [3e-4, 1e-3, 3e-3, 1e-2],
    "full": [3e-5, 1e-4, 3e-4, 1e-3],
}


def load_speech(folder: pathlib.Path, mean: float, std: float):
    """split -> (features, labels), in the order of speech.csv."""
    sets = {}
    with open(folder / "speech.csv", newline="") as f:
        for row in csv.DictReader(f):
            x, rate = soundfile.read(folder / row["file"], dtype="float32")
            assert rate == common.SAMPLE_RATE and x.ndim == 1
            xs, ys = sets.setdefault(row["split"], ([], []))
            xs.append(common.normalise(fbank.features(x), mean, std).astype(np.float32))
            ys.append(common.DOWNSTREAM_LABELS.index(row["label"]))
    return {k: (torch.from_numpy(np.stack(x)), torch.tensor(y)) for k, (x, y) in sets.items()}


@torch.no_grad()
def evaluate(forward, x, y):
    logits = torch.cat([forward(p) for p in x.split(110)])
    acc = (logits.argmax(1) == y).float().mean().item()
    return acc, torch.nn.functional.cross_entropy(logits, y).item()


def load_base(checkpoint):
    ck = torch.load(checkpoint, weights_only=True)
    base = common.new_ast(len(ck["labels"]))
    base.load_state_dict(ck["model"])
    return base.eval(), ck


def run(job):
    """One training run -> dict with best validation and its test accuracy."""
    method, lr, seed, checkpoint, folder, threads = job
    common.setup_torch(threads)
    base, ck = load_base(checkpoint)
    data = load_speech(folder, ck["mean"], ck["std"])
    torch.manual_seed(seed)
    model = aat.Tuned(base, len(common.DOWNSTREAM_LABELS), method, RANK)
    forward = model
    if method == "head":  # the base is frozen: compute what the head reads once
        with torch.no_grad():
            data = {k: (torch.cat([model.pooled(p) for p in x.split(110)]), y) for k, (x, y) in data.items()}
        forward = model.head
    (xt, yt), (xv, yv), (xs, ys) = data["train"], data["val"], data["test"]
    opt = torch.optim.AdamW(model.trained(), lr=lr, weight_decay=0.05, betas=(0.9, 0.999), eps=1e-8)
    shuffle = torch.Generator().manual_seed(seed)
    best, best_state, train_seconds = None, None, 0.0
    for epoch in range(EPOCHS):
        for g in opt.param_groups:
            g["lr"] = lr * 0.85 ** max(0, epoch - 4)
        start = time.perf_counter()
        for idx in torch.randperm(len(yt), generator=shuffle).split(BATCH):
            loss = torch.nn.functional.cross_entropy(forward(xt[idx]), yt[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
        train_seconds += time.perf_counter() - start
        acc, vloss = evaluate(forward, xv, yv)
        if best is None or (acc, -vloss) > (best[0], -best[1]):
            best = (acc, vloss, epoch)
            best_state = [p.detach().clone() for p in model.trained()]
    with torch.no_grad():
        for p, q in zip(model.trained(), best_state):
            p.copy_(q)
    test_acc, test_loss = evaluate(forward, xs, ys)
    return {
        "method": method, "lr": lr, "seed": seed, "val": best[0], "val_loss": best[1], "epoch": best[2],
        "test": test_acc, "test_loss": test_loss, "trained": sum(p.numel() for p in model.trained()),
        "train_clips_per_s": EPOCHS * len(yt) / train_seconds,
    }


def digest(args) -> str:
    h = hashlib.sha256(pathlib.Path(args.checkpoint).read_bytes())
    for p in sorted(args.speech.rglob("*.flac")):
        h.update(p.read_bytes())
    h.update((args.speech / "speech.csv").read_bytes())
    return h.hexdigest()[:12]


def main() -> None:
    ap = argparse.ArgumentParser()
    ap.add_argument("--checkpoint", required=True)
    ap.add_argument("--speech", type=pathlib.Path, default=common.TESTDATA / "speech")
    ap.add_argument("--out", type=pathlib.Path, default=common.TESTDATA / "tinyast" / "reference.json")
    ap.add_argument("--processes", type=int, default=2)
    ap.add_argument("--grid-seeds", type=int, default=2)
    ap.add_argument("--seeds", type=int, default=5)
    ap.add_argument("--methods", nargs="+", default=["head", "aat", "full"])
    args = ap.parse_args()

    # Finished runs are kept in a log, so that an interrupted job can go on.
    log = common.TMP / f"reference-{digest(args)}.jsonl"
    cache = {}
    if log.exists():
        for line in log.read_text().splitlines():
            r = json.loads(line)
            cache[r["method"], r["lr"], r["seed"]] = r
    results = {}
    with multiprocessing.get_context("spawn").Pool(args.processes) as pool:

        def go(jobs):
            missing = [j for j in jobs if j not in cache]
            full = [(*j, args.checkpoint, args.speech, 1) for j in missing]
            for r in pool.imap_unordered(run, full):
                cache[r["method"], r["lr"], r["seed"]] = r
                with open(log, "a") as f:
                    f.write(json.dumps(r) + "\n")
                print(f"{r['method']} lr {r['lr']:g} seed {r['seed']}: val {r['val']:.4f} loss {r['val_loss']:.4f} "
                      f"(epoch {r['epoch']}) test {r['test']:.4f}, {r['train_clips_per_s']:.0f} clips/s", flush=True)
            return [cache[j] for j in jobs]

        def mean_of(method, lr, key):
            return float(np.mean([cache[method, lr, s][key] for s in range(args.seeds) if (method, lr, s) in screened]))

        # Every rate with seed 0; the two best of each method with the other grid seeds too.
        screened = [(m, lr, 0) for m in args.methods for lr in GRID[m]]
        go(screened)
        again = []
        for m in args.methods:
            order = sorted(GRID[m], key=lambda lr: (-cache[m, lr, 0]["val"], cache[m, lr, 0]["val_loss"]))
            again += [(m, lr, s) for lr in order[:2] for s in range(1, args.grid_seeds)]
        go(again)
        screened = set(screened + again)
        chosen_lr, grids = {}, {}
        for m in args.methods:
            grids[m] = [{"lr": lr, "seeds": sum((m, lr, s) in screened for s in range(args.seeds)),
                         "val_accuracy": mean_of(m, lr, "val"), "val_loss": mean_of(m, lr, "val_loss")} for lr in GRID[m]]
            finalists = [g for g in grids[m] if g["seeds"] == args.grid_seeds]
            chosen_lr[m] = max(finalists, key=lambda g: (g["val_accuracy"], -g["val_loss"]))["lr"]
        go([(m, chosen_lr[m], s) for s in range(args.seeds) for m in args.methods])
        for method in args.methods:
            grid, chosen = grids[method], chosen_lr[method]
            final = [cache[method, chosen, s] for s in range(args.seeds)]
            tests = [r["test"] for r in final]
            results[method] = {
                "trained_parameters": final[0]["trained"],
                "grid": grid,
                "lr": chosen,
                "seeds": list(range(args.seeds)),
                "val_accuracies": [r["val"] for r in final],
                "test_accuracies": tests,
                "best_epochs": [r["epoch"] for r in final],
                "mean": float(np.mean(tests)),
                "std": float(np.std(tests, ddof=1)) if len(tests) > 1 else 0.0,
                "train_clips_per_s": float(np.median([r["train_clips_per_s"] for r in final])),
            }
            print(f"== {method}: lr {chosen:g}, test {100 * results[method]['mean']:.2f} ± {100 * results[method]['std']:.2f} "
                  f"(trained {final[0]['trained']})", flush=True)
    doc = {"batch": BATCH, "epochs": EPOCHS, "weight_decay": 0.05, "rank": RANK,
           "schedule": "lr * 0.85**max(0, epoch-4), epochs from 0",
           "labels": common.DOWNSTREAM_LABELS, "torch": torch.__version__.split("+")[0], "methods": results}
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(doc, indent=1) + "\n")


if __name__ == "__main__":
    main()
