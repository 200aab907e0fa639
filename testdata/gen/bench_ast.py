"""Write the full-size AST for `make bench-surgery`: 12 blocks, width 768, 346 MB.

    python bench_ast.py OUT.onnx

transformers' ASTForAudioClassification with its default configuration (that of
the published checkpoint) and random weights and biases, by the TorchScript exporter at
opset 17, batch 1. The file is too large to commit.
"""

import pathlib
import sys
import warnings

import torch
from transformers import ASTConfig, ASTForAudioClassification


class Logits(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_values):
        return self.model(input_values).logits


def main() -> None:
    warnings.simplefilter("ignore")
    torch.manual_seed(1)
    config = ASTConfig(num_labels=527)
    model = Logits(ASTForAudioClassification(config).eval())
    with torch.no_grad():
        for p in model.parameters():  # equal biases of a fresh model would be shared
            p.add_(0.02 * torch.randn_like(p))
    x = torch.randn(1, config.max_length, config.num_mel_bins)
    out = pathlib.Path(sys.argv[1])
    with torch.no_grad():
        torch.onnx.export(
            model, (x,), str(out), input_names=["input_values"], output_names=["logits"], opset_version=17, dynamo=False
        )
    print(f"{out}: {out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
