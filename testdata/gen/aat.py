"""AAT adapters on a transformers AST, written out for reference.

    spatial:  H = MHSA(LN1(X));  X' = X + H + A_s(H)
    MLP:      Z = LN2(X');       X'' = X' + MLP(Z) + A_m(Z)
    A(z) = GELU(z W_down + b_down) W_up + b_up         (exact erf GELU)

The base's classifier is replaced by LayerNorm + Linear on (cls + dist)/2.
"""

import torch
from torch import nn


class Adapter(nn.Module):
    def __init__(self, width: int, rank: int):
        super().__init__()
        self.down = nn.Linear(width, rank)
        self.up = nn.Linear(rank, width)
        nn.init.trunc_normal_(self.down.weight, std=0.02)
        nn.init.zeros_(self.down.bias)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, z):
        return self.up(nn.functional.gelu(self.down(z)))


class Head(nn.Module):
    def __init__(self, width: int, classes: int):
        super().__init__()
        self.norm = nn.LayerNorm(width, eps=1e-5)
        self.dense = nn.Linear(width, classes)
        nn.init.trunc_normal_(self.dense.weight, std=0.01)
        nn.init.zeros_(self.dense.bias)

    def forward(self, x):
        return self.dense(self.norm(x))


class Tuned(nn.Module):
    """A base AST with a new head and, with rank > 0, AAT adapters.

    method: "head" trains the head, "aat" adapters and head, "full" everything.
    """

    def __init__(self, base, classes: int, method: str, rank: int = 32):
        super().__init__()
        self.base = base.audio_spectrogram_transformer
        width = base.config.hidden_size
        self.method = method
        self.attn = nn.ModuleList()
        self.mlp = nn.ModuleList()
        if method == "aat":
            for _ in self.base.layers:
                self.attn.append(Adapter(width, rank))
                self.mlp.append(Adapter(width, rank))
        self.head = Head(width, classes)
        for p in self.base.parameters():
            p.requires_grad_(method == "full")

    def trained(self) -> list[nn.Parameter]:
        return [p for p in self.parameters() if p.requires_grad]

    def pooled(self, x):
        m = self.base
        h = m.embeddings(x)
        for i, layer in enumerate(m.layers):
            a, _ = layer.attention(layer.layernorm_before(h), None)
            if self.method == "aat":
                a = a + self.attn[i](a)
            h = h + a
            z = layer.layernorm_after(h)
            out = layer.mlp(z)
            if self.method == "aat":
                out = out + self.mlp[i](z)
            h = h + out
        h = m.layernorm(h)
        return (h[:, 0] + h[:, 1]) / 2

    def forward(self, x):
        return self.head(self.pooled(x))

    def named_adapter_parameters(self):
        """(name, parameter, transposed): names and layout as aat-onnx stores them."""
        for i in range(len(self.attn)):
            for place, adapter in (("attn", self.attn[i]), ("mlp", self.mlp[i])):
                prefix = f"aat/block{i}/{place}/"
                yield prefix + "down_weight", adapter.down.weight, True
                yield prefix + "down_bias", adapter.down.bias, False
                yield prefix + "up_weight", adapter.up.weight, True
                yield prefix + "up_bias", adapter.up.bias, False
        yield "aat/head/norm_weight", self.head.norm.weight, False
        yield "aat/head/norm_bias", self.head.norm.bias, False
        yield "aat/head/dense_weight", self.head.dense.weight, True
        yield "aat/head/dense_bias", self.head.dense.bias, False
