"""Transformers written out in plain PyTorch: spellings that libraries do not
cover, and torch.nn's own encoder and decoder layers."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from spec import FF, HEADS, WIDTH, In, Layer, Net, Out, Rows, family

LENGTH = 13


class MLP(nn.Module):
    """linear, activation, linear."""

    def __init__(self, act=F.gelu, width=WIDTH, ff=FF, bias=True):
        super().__init__()
        self.fc1, self.fc2, self.act = nn.Linear(width, ff, bias), nn.Linear(ff, width, bias), act

    def forward(self, x):
        return self.fc2(self.act(self.fc1(x)))


class Gated(nn.Module):
    """act(gate(x)) * up(x), then down."""

    def __init__(self, act=F.silu):
        super().__init__()
        self.fc1, self.up, self.fc2 = nn.Linear(WIDTH, FF, False), nn.Linear(WIDTH, FF, False), nn.Linear(FF, WIDTH, False)
        self.act = act

    def forward(self, x):
        return self.fc2(self.act(self.fc1(x)) * self.up(x))


class RMSNorm(nn.Module):
    """Root mean square norm, written out."""

    def __init__(self, width=WIDTH):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.weight


class Projected(nn.Module):
    """Four projections; a subclass says what happens between."""

    heads = HEADS

    def __init__(self, width=WIDTH, kv=None, bias=True):
        super().__init__()
        self.q, self.k, self.v = nn.Linear(width, width, bias), nn.Linear(width, kv or width, bias), nn.Linear(width, kv or width, bias)
        self.o = nn.Linear(width, width, bias)

    def parts(self):
        return self.q, self.k, self.v, self.o

    def split(self, x):
        return x.reshape(x.shape[0], x.shape[1], self.heads, -1).transpose(1, 2)

    def merge(self, x):
        return x.transpose(1, 2).flatten(2)

    def forward(self, x):
        q, k, v = self.split(self.q(x)), self.split(self.k(x)), self.split(self.v(x))
        return self.o(self.merge(self.core(q, k, v)))

    def core(self, q, k, v):
        return torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]), -1) @ v


class Packed(nn.Module):
    """One projection, cut in three along the last axis, causal by a mask."""

    def __init__(self):
        super().__init__()
        self.qkv, self.o = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.register_buffer("mask", torch.ones(LENGTH, LENGTH).tril().bool())

    def parts(self):
        return self.qkv, self.qkv, self.qkv, self.o

    def forward(self, x):
        b, n, c = x.shape
        q, k, v = (t.view(b, n, HEADS, c // HEADS).transpose(1, 2) for t in self.qkv(x).chunk(3, -1))
        s = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.shape[-1]))
        s = s.masked_fill(~self.mask[:n, :n], float("-inf"))
        return self.o((F.softmax(s, -1) @ v).transpose(1, 2).reshape(b, n, c))


class Einsum(Projected):
    """Both products as einsum over [batch, length, head, dim]."""

    def split(self, x):
        return x.reshape(x.shape[0], x.shape[1], self.heads, -1)

    def core(self, q, k, v):
        p = torch.softmax(torch.einsum("bihd,bjhd->bhij", q, k) / math.sqrt(q.shape[-1]), -1)
        return torch.einsum("bhij,bjhd->bihd", p, v)

    def merge(self, x):
        return x.flatten(2)


class Folded(Projected):
    """Heads folded into the batch: 3-D products, as in fairseq."""

    def core(self, q, k, v):
        b, h, n, d = q.shape
        q, k, v = (t.reshape(b * h, n, d) for t in (q * d**-0.5, k, v))
        return torch.bmm(torch.bmm(q, k.transpose(1, 2)).softmax(-1), v).reshape(b, h, n, d)


class TransposedValues(Projected):
    """Scores as k·qᵀ over the second last axis: softmax over keys at axis -2."""

    def core(self, q, k, v):
        s = k @ q.transpose(-1, -2) / math.sqrt(q.shape[-1])
        return s.softmax(-2).transpose(-1, -2) @ v


class MultiQuery(Projected):
    """One key and value head for all query heads."""

    def __init__(self):
        super().__init__(kv=WIDTH // HEADS)

    def forward(self, x):
        q, k, v = self.split(self.q(x)), self.k(x).unsqueeze(1), self.v(x).unsqueeze(1)
        return self.o(self.merge(self.core(q, k, v)))


class Relative(Projected):
    """Transformer-XL: content and position scores, each with its own bias."""

    def __init__(self):
        super().__init__(bias=False)
        self.r = nn.Linear(WIDTH, WIDTH, False)
        d = WIDTH // HEADS
        self.rel_u, self.rel_v = nn.Parameter(torch.zeros(HEADS, 1, d)), nn.Parameter(torch.zeros(HEADS, 1, d))
        self.register_buffer("table", torch.randn(1, 2 * LENGTH - 1, WIDTH))

    def core(self, q, k, v):
        p = self.split(self.r(self.table))
        content = (q + self.rel_u) @ k.transpose(-1, -2)
        position = self.shift((q + self.rel_v) @ p.transpose(-1, -2))
        return torch.softmax((content + position) / math.sqrt(q.shape[-1]), -1) @ v

    def shift(self, x):
        b, h, n, m = x.shape
        x = F.pad(x, (1, 0)).reshape(b, h, m + 1, n)
        return x[:, :, 1:].reshape(b, h, n, m)[..., :n]


class GatedRelative(Projected):
    """BEATs: a bucketed position bias, gated by the queries' input."""

    def __init__(self):
        super().__init__()
        self.table = nn.Parameter(torch.zeros(HEADS, LENGTH, LENGTH))
        self.gru = nn.Linear(WIDTH // HEADS, 8)
        self.gru_const = nn.Parameter(torch.ones(1, HEADS, 1, 1))

    def forward(self, x):
        h = self.split(x)
        gates = self.gru(h).view(*h.shape[:-1], 2, 4).sum(-1).sigmoid()
        a, b = gates.chunk(2, -1)
        bias = (a * (b * self.gru_const - 1.0) + 2.0) * self.table
        q, k, v = self.split(self.q(x)), self.split(self.k(x)), self.split(self.v(x))
        alpha = 32.0
        s = (q * (q.shape[-1] ** -0.5 / alpha)) @ k.transpose(-1, -2)
        s = (s - s.max(-1, keepdim=True)[0]) * alpha + bias
        return self.o(self.merge(s.softmax(-1) @ v))


class Rotary(Projected):
    """Rotary positions and grouped queries."""

    def __init__(self):
        super().__init__(kv=WIDTH // 2, bias=False)
        d = WIDTH // HEADS
        angle = torch.outer(torch.arange(LENGTH).float(), 10000 ** (-torch.arange(0, d, 2) / d))
        self.register_buffer("cos", torch.cat([angle, angle], -1).cos())
        self.register_buffer("sin", torch.cat([angle, angle], -1).sin())
        self.q_norm, self.k_norm = RMSNorm(d), RMSNorm(d)

    def turn(self, x):
        a, b = x.chunk(2, -1)
        return x * self.cos + torch.cat([-b, a], -1) * self.sin

    def forward(self, x):
        b, n, _ = x.shape
        q = self.turn(self.q_norm(self.q(x).view(b, n, HEADS, -1)).transpose(1, 2))
        k = self.turn(self.k_norm(self.k(x).view(b, n, HEADS // 2, -1)).transpose(1, 2))
        v = self.v(x).view(b, n, HEADS // 2, -1).transpose(1, 2)
        k, v = k.repeat_interleave(2, 1), v.repeat_interleave(2, 1)
        return self.o(self.merge(F.scaled_dot_product_attention(q, k, v)))


class Block(nn.Module):
    """A block around any attention: pre-norm, post-norm, parallel or scaled."""

    def __init__(self, attn, mlp=None, order="pre", norm=nn.LayerNorm, alpha=1.0):
        super().__init__()
        self.attn, self.mlp, self.order, self.alpha = attn, mlp or MLP(), order, alpha
        self.norm1, self.norm2 = norm(WIDTH), norm(WIDTH)
        self.sum1, self.sum2 = nn.Identity(), nn.Identity()

    def forward(self, x):
        if self.order == "parallel":
            z = self.norm1(x)
            return self.sum2(x + self.attn(z) + self.mlp(z))
        if self.order == "pre":
            x = self.sum1(x + self.attn(self.norm1(x)))
            return self.sum2(x + self.mlp(self.norm2(x)))
        x = self.norm1(self.sum1(x * self.alpha + self.attn(x)))
        return self.norm2(self.sum2(x * self.alpha + self.mlp(x)))

    def layer(self, kind="self") -> Layer:
        residual = (In(self.sum1), In(self.sum2)) if self.order != "parallel" else (None, In(self.sum2))
        return Layer(*self.attn.parts(), self.mlp.fc1, self.mlp.fc2, residual, HEADS, WIDTH, self.order != "post", kind)


class Stack(nn.Module):
    """Input projection, blocks, norm, mean, head."""

    def __init__(self, *blocks):
        super().__init__()
        self.inp, self.blocks = nn.Linear(20, WIDTH), nn.ModuleList(blocks)
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 7)

    def forward(self, x):
        x = self.inp(x)
        for b in self.blocks:
            x = b(x)
        return self.head(self.norm(x).mean(1))


def stack(make, kind="self") -> Net:
    m = Stack(make(), make())
    return Net(m, {"features": torch.randn(2, LENGTH, 20)}, [b.layer(kind) for b in m.blocks],
               length={"features": {0: "batch", 1: "frames"}})


def fixed(net: Net) -> Net:
    """For tables and masks that do not follow the length."""
    net.length = None
    return net


@family("plain", "plain", "separate projections, pre-norm")
def _():
    return stack(lambda: Block(Projected()))


@family("plain-post", "plain", "post-norm, ReLU")
def _():
    return stack(lambda: Block(Projected(), MLP(F.relu), "post"))


@family("plain-causal-packed", "plain", "GPT with packed qkv, mask buffer, tanh GELU")
def _():
    return fixed(stack(lambda: Block(Packed(), MLP(lambda x: F.gelu(x, approximate="tanh"))), "causal"))


@family("plain-einsum", "plain", "products as einsum")
def _():
    return stack(lambda: Block(Einsum()))


@family("plain-folded", "plain", "heads folded into the batch")
def _():
    return stack(lambda: Block(Folded(), order="post"))


@family("plain-transposed", "plain", "softmax over the second last axis")
def _():
    return stack(lambda: Block(TransposedValues()))


@family("plain-multiquery", "plain", "one key and value head")
def _():
    return stack(lambda: Block(MultiQuery()))


@family("plain-xl", "plain", "relative positions of Transformer-XL")
def _():
    return fixed(stack(lambda: Block(Relative())))


@family("beats", "plain", "gated relative position bias, deep-norm residual x*alpha + f(x)")
def _():
    return fixed(stack(lambda: Block(GatedRelative(), order="post", alpha=1.7)))


@family("plain-rotary", "plain", "rotary, grouped queries, QK-norm, SwiGLU, RMS norm")
def _():
    return fixed(stack(lambda: Block(Rotary(), Gated(), norm=RMSNorm)))


@family("plain-geglu", "plain", "gated GELU")
def _():
    return stack(lambda: Block(Projected(bias=False), Gated(F.gelu)))


@family("plain-rmsnorm", "plain", "nn.RMSNorm, an operator from opset 23")
def _():
    return stack(lambda: Block(Projected(), norm=lambda w: nn.RMSNorm(w, eps=1e-6)))


@family("plain-silu", "plain", "swish MLP")
def _():
    return stack(lambda: Block(Projected(), MLP(F.silu)))


@family("plain-quickgelu", "plain", "x*sigmoid(1.702x), as in CLIP")
def _():
    return stack(lambda: Block(Projected(), MLP(lambda x: x * torch.sigmoid(1.702 * x))))


@family("plain-parallel", "plain", "attention and MLP read the same norm and share one residual sum")
def _():
    net = stack(lambda: Block(Projected(), order="parallel"))
    for l in net.layers:
        l.note = "parallel block: one residual sum"
    return net


# torch.nn's layers


def mha(a, cross=False):
    """q, k, v, o of an nn.MultiheadAttention: one packed product, or in cross
    attention one of the queries and one of keys and values."""
    w = a.in_proj_weight
    kv = Rows(w, a.embed_dim) if cross else w
    return w, kv, kv, a.out_proj


def encoder_layer(l, pre: bool) -> Layer:
    residual = (In(l.norm2), Out(l)) if pre else (In(l.norm1), In(l.norm2))
    return Layer(*mha(l.self_attn), l.linear1, l.linear2, residual, HEADS, WIDTH, pre)


class TorchEncoder(nn.Module):
    def __init__(self, pre: bool, batch_first: bool):
        super().__init__()
        layer = nn.TransformerEncoderLayer(WIDTH, HEADS, FF, 0.0, "gelu" if pre else "relu", batch_first=batch_first,
                                           norm_first=pre)
        self.enc = nn.TransformerEncoder(layer, 2, nn.LayerNorm(WIDTH) if pre else None, enable_nested_tensor=False)

    def forward(self, x):
        return self.enc(x)


def torch_encoder(pre: bool, batch_first=True) -> Net:
    m = TorchEncoder(pre, batch_first)
    shape = (2, LENGTH, WIDTH) if batch_first else (LENGTH, 2, WIDTH)
    return Net(m, {"features": torch.randn(*shape)}, [encoder_layer(l, pre) for l in m.enc.layers],
               dynamic={"features": {0: "batch"} if batch_first else {1: "batch"}})


@family("torch-encoder-pre", "plain", "nn.TransformerEncoder, norm_first")
def _():
    return torch_encoder(True)


@family("torch-encoder-post", "plain", "nn.TransformerEncoder, post-norm, ReLU")
def _():
    return torch_encoder(False)


@family("torch-encoder-seqfirst", "plain", "nn.TransformerEncoder, sequence first")
def _():
    return torch_encoder(False, batch_first=False)


class TorchDecoder(nn.Module):
    def __init__(self, pre: bool):
        super().__init__()
        layer = nn.TransformerDecoderLayer(WIDTH, HEADS, FF, 0.0, "relu", batch_first=True, norm_first=pre)
        self.dec = nn.TransformerDecoder(layer, 2)
        self.register_buffer("mask", torch.full((9, 9), float("-inf")).triu(1))

    def forward(self, target, memory):
        return self.dec(target, memory, tgt_mask=self.mask, tgt_is_causal=False)


def torch_decoder(pre: bool) -> Net:
    m = TorchDecoder(pre)
    layers = []
    for l in m.dec.layers:
        own = (In(l.norm2), None) if pre else (In(l.norm1), None)
        both = (In(l.norm3), Out(l)) if pre else (In(l.norm2), In(l.norm3))
        layers.append(Layer(*mha(l.self_attn), None, None, own, HEADS, WIDTH, pre, "causal"))
        layers.append(Layer(*mha(l.multihead_attn, True), l.linear1, l.linear2, both, HEADS, WIDTH, pre, "cross"))
    return Net(m, {"target": torch.randn(2, 9, WIDTH), "memory": torch.randn(2, LENGTH, WIDTH)}, layers)


@family("torch-decoder-pre", "plain", "nn.TransformerDecoder, norm_first")
def _():
    return torch_decoder(True)


@family("torch-decoder-post", "plain", "nn.TransformerDecoder, post-norm")
def _():
    return torch_decoder(False)


class Half(nn.Module):
    """A half-step MLP with its own norm."""

    def __init__(self):
        super().__init__()
        self.norm, self.fc1, self.fc2 = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, FF), nn.Linear(FF, WIDTH)

    def forward(self, x):
        return 0.5 * self.fc2(F.silu(self.fc1(self.norm(x))))


class ConvModule(nn.Module):
    """Pointwise, GLU, depthwise, batch norm, swish, pointwise."""

    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH)
        self.up, self.down = nn.Conv1d(WIDTH, 2 * WIDTH, 1), nn.Conv1d(WIDTH, WIDTH, 1)
        self.depth, self.bn = nn.Conv1d(WIDTH, WIDTH, 5, padding=2, groups=WIDTH), nn.BatchNorm1d(WIDTH)

    def forward(self, x):
        x = F.glu(self.up(self.norm(x).transpose(1, 2)), 1)
        return self.down(F.silu(self.bn(self.depth(x)))).transpose(1, 2)


class ConformerLayer(nn.Module):
    """Half MLP, attention, convolution, half MLP, norm (arXiv 2005.08100)."""

    def __init__(self):
        super().__init__()
        self.ffn1, self.ffn2, self.conv = Half(), Half(), ConvModule()
        self.norm, self.final = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attn = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)

    def forward(self, x):
        x = x + self.ffn1(x)
        z = self.norm(x)
        x = x + self.attn(z, z, z, need_weights=False)[0]
        x = x + self.conv(x)
        return self.final(x + self.ffn2(x))


@family("conformer", "plain", "macaron MLPs and a convolution around nn.MultiheadAttention")
def _():
    m = Stack(ConformerLayer(), ConformerLayer())
    layers = [Layer(*mha(l.attn), l.ffn2.fc1, l.ffn2.fc2, (In(l.conv), In(l.final)), HEADS, WIDTH, True,
                    note="the MLP is the second half-step one, behind the convolution") for l in m.blocks]
    return Net(m, {"features": torch.randn(2, LENGTH, 20)}, layers)
