"""Writes the small models of testdata/small that the command-line tests use.

    python small.py

mlp.onnx       a classifier without a Transformer block, input [batch, 128, 128]
waveform.onnx  one pre-norm Transformer block on raw samples, input [batch, 1600]
"""

from pathlib import Path

import torch
from torch import nn

OUT = Path(__file__).resolve().parent.parent / "small"


class Block(nn.Module):
    """A pre-norm Transformer block with separate q, k, v."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.q, self.k, self.v, self.o = (nn.Linear(width, width) for _ in range(4))
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def split(self, x):
        return x.reshape(x.shape[0], x.shape[1], self.heads, -1).transpose(1, 2)

    def forward(self, x):
        z = self.norm1(x)
        q, k, v = self.split(self.q(z)), self.split(self.k(z)), self.split(self.v(z))
        p = torch.softmax(q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5, -1)
        x = x + self.o((p @ v).transpose(1, 2).flatten(2))
        return x + self.fc2(nn.functional.gelu(self.fc1(self.norm2(x))))


class Waveform(nn.Module):
    """Frames of raw samples, one block, mean over time, two classes."""

    def __init__(self):
        super().__init__()
        self.frame = nn.Conv1d(1, 16, 160, 160)
        self.block, self.norm, self.head = Block(16, 2), nn.LayerNorm(16), nn.Linear(16, 2)

    def forward(self, samples):
        x = self.frame(samples.unsqueeze(1)).transpose(1, 2)
        return self.head(self.norm(self.block(x)).mean(1))


def export(model: nn.Module, example: torch.Tensor, name: str, path: Path):
    torch.onnx.export(
        model.eval(), (example,), path, dynamo=False, opset_version=17,
        input_names=[name], output_names=["logits"],
        dynamic_axes={name: {0: "batch"}, "logits": {0: "batch"}},
    )


def main():
    OUT.mkdir(exist_ok=True)
    torch.manual_seed(0)
    mlp = nn.Sequential(nn.Flatten(), nn.Linear(128 * 128, 4), nn.GELU(), nn.Linear(4, 2), nn.Softmax(-1))
    export(mlp, torch.zeros(1, 128, 128), "input_values", OUT / "mlp.onnx")
    export(Waveform(), torch.zeros(1, 1600), "input_values", OUT / "waveform.onnx")


if __name__ == "__main__":
    main()
