"""PyTorch's side of `make bench-train`: AAT training steps of the full-size AST.

    python bench_train.py ADAPTED.onnx --frames T --batch B

ADAPTED.onnx is a model of bench_ast.py with the adapters and the head that
`aat-onnx inject` spliced in; their first values are read from it, so both sides
train the same model on the same numbers and must print the same losses. Eager
mode, float32, attention by scaled_dot_product_attention, AdamW on adapters and
head only.

Answers each line with a number of steps on standard input by one line of JSON:
seconds and processor seconds of each step, losses. Ends with its input, after one
more line with its largest resident memory.
"""

import argparse
import json
import resource
import sys
import time

import onnx
import onnx.numpy_helper
import torch

import aat
import bench_ast


def adapters(path: str) -> dict[str, torch.Tensor]:
    """The initialisers that the injection added."""
    model = onnx.load(path)
    return {
        t.name: torch.from_numpy(onnx.numpy_helper.to_array(t).copy())
        for t in model.graph.initializer
        if t.name.startswith("aat/")
    }


def tuned(path: str, frames: int) -> aat.Tuned:
    values = adapters(path)
    classes = len(values["aat/head/dense_bias"])
    rank = len(values["aat/block0/attn/down_bias"])
    model = aat.Tuned(bench_ast.new_model(frames), classes, "aat", rank)
    with torch.no_grad():
        for name, parameter, transposed in model.named_adapter_parameters():
            value = values.pop(name)
            parameter.copy_(value.T if transposed else value)
    if values:
        raise SystemExit(f"no parameter for {sorted(values)}")
    return model.train()


def batch(size: int, frames: int, mels: int, classes: int):
    """The numbers of internal/trainbench."""
    i = torch.arange(size * frames * mels, dtype=torch.int64)
    x = ((i * 7919) % 1009).to(torch.float64) / 1009 * 2 - 1
    return x.to(torch.float32).reshape(size, frames, mels), torch.arange(size) % classes


def main() -> None:
    ap = argparse.ArgumentParser()
    ap.add_argument("adapted")
    ap.add_argument("--frames", type=int, required=True)
    ap.add_argument("--batch", type=int, required=True)
    ap.add_argument("--threads", type=int, default=0)
    args = ap.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    model = tuned(args.adapted, args.frames)
    x, y = batch(args.batch, args.frames, model.base.config.num_mel_bins, model.head.dense.out_features)
    optimizer = torch.optim.AdamW(model.trained(), lr=1e-3, weight_decay=0.05, betas=(0.9, 0.999), eps=1e-8)

    def step() -> float:
        optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    about = f"PyTorch {torch.__version__} eager, {torch.get_num_threads()} threads, CPU capability {torch.backends.cpu.get_cpu_capability()}"
    print(json.dumps({"about": about}), flush=True)
    for line in sys.stdin:
        seconds, cpu, losses = [], [], []
        for _ in range(int(line)):
            wall, used = time.perf_counter(), time.process_time()
            losses.append(step())
            seconds.append(time.perf_counter() - wall)
            cpu.append(time.process_time() - used)
        print(json.dumps({"seconds": seconds, "cpu": cpu, "losses": losses}), flush=True)
    print(json.dumps({"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}), flush=True)


if __name__ == "__main__":
    main()
