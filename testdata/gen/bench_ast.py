"""Write the full-size AST for `make bench-surgery` and `make bench-train`: 12 blocks, width 768, 346 MB.

    python bench_ast.py OUT.onnx [--frames 1024] [--batch 1]

transformers' ASTForAudioClassification with its default configuration (that of
the published checkpoint) but for the clip's length, and random weights and biases, by
the TorchScript exporter at opset 17, the batch fixed. The file is too large to commit.
"""

import argparse
import pathlib
import warnings

import torch
from transformers import ASTConfig, ASTForAudioClassification


class Logits(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_values):
        return self.model(input_values).logits


def new_model(frames: int) -> ASTForAudioClassification:
    """The same weights each time."""
    torch.manual_seed(1)
    model = ASTForAudioClassification(ASTConfig(num_labels=527, max_length=frames)).eval()
    with torch.no_grad():
        for p in model.parameters():  # equal biases of a fresh model would be shared
            p.add_(0.02 * torch.randn_like(p))
    return model


def main() -> None:
    ap = argparse.ArgumentParser()
    ap.add_argument("out", type=pathlib.Path)
    ap.add_argument("--frames", type=int, default=1024)
    ap.add_argument("--batch", type=int, default=1)
    args = ap.parse_args()
    warnings.simplefilter("ignore")
    model = Logits(new_model(args.frames))
    x = torch.randn(args.batch, args.frames, model.model.config.num_mel_bins)
    with torch.no_grad():
        torch.onnx.export(
            model, (x,), str(args.out), input_names=["input_values"], output_names=["logits"], opset_version=17, dynamo=False
        )
    print(f"{args.out}: {args.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
