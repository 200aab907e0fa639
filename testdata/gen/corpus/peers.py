"""What the fusions of onnxruntime and onnxscript find in the corpus.

    python peers.py --corpus DIR [--out FILE.json] [--variants ts14,ts17,dynamo]

Counted against the true number of blocks: attentions that onnxruntime's Python
optimiser fuses (best of opt_level 0 and 1) and scaled-dot-product attentions
that onnxscript's fuse_xformers recognises at its laxest step. Both rewrite what
they find, so they must decline where they cannot replace: a harder task than
ours, which is to say where queries, keys, values, outputs and residuals are.
"""

import argparse
import collections
import json
import logging
import pathlib
import warnings

import onnx
import onnx_ir

ATTENTION = ("Attention", "MultiHeadAttention", "PackedAttention", "DecoderMaskedMultiHeadAttention", "GroupQueryAttention")


def onnxruntime_finds(path, truth) -> int:
    """The most attentions its optimiser fuses, told heads and width."""
    from onnxruntime.transformers import optimizer

    best = 0
    b = truth["blocks"][0]
    kind = "gpt2" if b["kind"] == "causal" else "swin" if b["kind"] == "window" else "vit" if truth["group"] == "vision" else "bert"
    for level in (0, 1):
        try:
            m = optimizer.optimize_model(str(path), kind, num_heads=b["heads"], hidden_size=b["width"], opt_level=level)
            best = max(best, sum(n.op_type in ATTENTION and n.domain == "com.microsoft" for n in m.model.graph.node))
        except Exception:  # an optimiser that fails finds nothing
            continue
    return best


def onnxscript_finds(path) -> int:
    """Attentions recognised by fuse_xformers."""
    from onnxscript.rewriter.ort_fusions._core import fuse_xformers

    try:
        _, count = fuse_xformers(onnx_ir.load(path))
    except Exception:  # likewise
        return 0
    return max(count.get("sdpa", 0), count.get("attention", 0))


def main() -> None:
    ap = argparse.ArgumentParser()
    ap.add_argument("--corpus", type=pathlib.Path, required=True)
    ap.add_argument("--variants", default="ts14,ts17,dynamo")
    ap.add_argument("--out", type=pathlib.Path)
    args = ap.parse_args()
    logging.disable(logging.ERROR)
    warnings.simplefilter("ignore")
    total = collections.defaultdict(lambda: [0, 0, 0])
    for v in args.variants.split(","):
        for path in sorted(args.corpus.glob(f"*/{v}.json")):
            truth = json.loads(path.read_text())
            if not truth["blocks"]:
                continue
            n = len(truth["blocks"])
            model = path.with_suffix(".onnx")
            row = [n, min(n, onnxruntime_finds(model, truth)), min(n, onnxscript_finds(model))]
            print(f"{path.parent.name}/{v}: {row[0]} blocks, onnxruntime {row[1]}, onnxscript {row[2]}", flush=True)
            for key in (v, "all"):
                total[key] = [a + b for a, b in zip(total[key], row)]
    for key, (n, a, b) in total.items():
        print(f"{key}: {n} blocks, onnxruntime {a} ({100 * a / n:.0f} %), onnxscript {b} ({100 * b / n:.0f} %)")
    if args.out:
        args.out.write_text(json.dumps({k: dict(zip(("blocks", "onnxruntime", "onnxscript"), v)) for k, v in total.items()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
