"""Networks without a Transformer block, many of them with a softmax or two
products: what a detector must leave alone.

What counts as no block: no attention between positions with query, key, value
and output projections of a residual stream. A non-local block (convolutional
self-attention without MLP and norm) and a Perceiver's cross-attention with MLP
do count as attention of some kind, so both are left out of this list.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

from spec import Net, family

C, N = 48, 13


def frames(*shape) -> dict:
    return {"features": torch.randn(*(shape or (2, N, C)))}


def negative(name: str, why: str, inputs=frames):
    """Registers a module class as a negative."""

    def register(cls):
        @family("neg-" + name, "negative", why)
        def _():
            return Net(cls(), inputs())

        return cls

    return register


def image():
    return {"image": torch.randn(2, 16, 12, 12)}


class MLP(nn.Module):
    def __init__(self, width=C, ff=80):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, ff), nn.Linear(ff, width)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


@negative("mlp", "classifier with softmax")
class _Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(N * C, 40), nn.GELU(), nn.Linear(40, 7), nn.Softmax(-1))

    def forward(self, x):
        return self.net(x)


@negative("residual-mlp", "pre-norm residual MLPs alone")
class _ResidualMlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.norms, self.mlps = nn.ModuleList([nn.LayerNorm(C) for _ in range(3)]), nn.ModuleList([MLP() for _ in range(3)])

    def forward(self, x):
        for n, m in zip(self.norms, self.mlps):
            x = x + m(n(x))
        return x


@negative("cnn", "convolutions, batch norm, pooling, softmax", image)
class _Cnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(16, 24, 3), nn.BatchNorm2d(24), nn.ReLU(), nn.MaxPool2d(2),
                                 nn.Flatten(), nn.Linear(24 * 25, 7), nn.Softmax(-1))

    def forward(self, x):
        return self.net(x)


@negative("resnet", "residual convolutions", image)
class _ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        from torchvision.models.resnet import BasicBlock

        self.a, self.b, self.head = BasicBlock(16, 16), BasicBlock(16, 16), nn.Linear(16, 7)

    def forward(self, x):
        return self.head(self.b(self.a(x)).mean((2, 3))).softmax(-1)


@negative("convnext", "depthwise convolution and MLP with layer scale")
class _ConvNeXt(nn.Module):
    def __init__(self):
        super().__init__()
        self.dw, self.norm, self.mlp = nn.Conv1d(C, C, 7, padding=3, groups=C), nn.LayerNorm(C), MLP()
        self.gamma = nn.Parameter(torch.ones(C))

    def forward(self, x):
        z = self.dw(x.transpose(1, 2)).transpose(1, 2)
        return x + self.gamma * self.mlp(self.norm(z))


@negative("timm-convnext", "timm's ConvNeXt", lambda: {"image": torch.randn(2, 3, 32, 32)})
class _TimmConvNeXt(nn.Module):
    def __init__(self):
        super().__init__()
        from timm.models.convnext import ConvNeXt

        self.net = ConvNeXt(num_classes=7, depths=(1, 1, 1, 1), dims=(16, 24, 32, 40))

    def forward(self, x):
        return self.net(x)


@negative("mixer", "MLP-Mixer: linear layers across positions")
class _Mixer(nn.Module):
    def __init__(self):
        super().__init__()
        self.n1, self.n2, self.token, self.channel = nn.LayerNorm(C), nn.LayerNorm(C), MLP(N, 30), MLP()

    def forward(self, x):
        x = x + self.token(self.n1(x).transpose(1, 2)).transpose(1, 2)
        return x + self.channel(self.n2(x))


@negative("gmlp", "spatial gating unit")
class _GMlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.up, self.down = nn.LayerNorm(C), nn.Linear(C, 80), nn.Linear(40, C)
        self.gate_norm, self.spatial = nn.LayerNorm(40), nn.Linear(N, N)

    def forward(self, x):
        u, v = F.gelu(self.up(self.norm(x))).chunk(2, -1)
        return x + self.down(u * self.spatial(self.gate_norm(v).transpose(1, 2)).transpose(1, 2))


@negative("fnet", "Fourier mixing, as products with fixed matrices")
class _FNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.n1, self.n2, self.mlp = nn.LayerNorm(C), nn.LayerNorm(C), MLP()
        for name, n in (("seq", N), ("hid", C)):
            a = 2 * math.pi * torch.outer(torch.arange(n), torch.arange(n)).float() / n
            self.register_buffer(name + "_cos", a.cos())
            self.register_buffer(name + "_sin", a.sin())

    def forward(self, x):
        mixed = self.seq_cos @ x @ self.hid_cos - self.seq_sin @ x @ self.hid_sin
        x = self.n1(x + mixed)
        return self.n2(x + self.mlp(x))


@negative("poolformer", "pooling as token mixer")
class _PoolFormer(nn.Module):
    def __init__(self):
        super().__init__()
        self.n1, self.n2, self.mlp = nn.LayerNorm(C), nn.LayerNorm(C), MLP()

    def forward(self, x):
        z = self.n1(x).transpose(1, 2)
        x = x + (F.avg_pool1d(z, 3, 1, 1) - z).transpose(1, 2)
        return x + self.mlp(self.n2(x))


@negative("se-gate", "squeeze and excitation", image)
class _Se(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.fc1, self.fc2 = nn.Conv2d(16, 16, 3, padding=1), nn.Linear(16, 8), nn.Linear(8, 16)

    def forward(self, x):
        y = self.conv(x)
        g = torch.sigmoid(self.fc2(F.relu(self.fc1(y.mean((2, 3))))))
        return x + y * g[:, :, None, None]


@negative("attentive-pooling", "softmax of a scored sequence, weighted mean and deviation")
class _Pool(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.out = nn.Linear(C, 20), nn.Linear(20, C), nn.Linear(2 * C, 7)

    def forward(self, x):
        w = torch.softmax(self.b(torch.tanh(self.a(x))), 1)
        mean = (w * x).sum(1)
        dev = ((w * x * x).sum(1) - mean * mean).clamp_min(1e-6).sqrt()
        return self.out(torch.cat([mean, dev], -1))


@negative("query-pooling", "one learned query reads keys and values; output head, no residual")
class _Query(nn.Module):
    def __init__(self):
        super().__init__()
        self.query = nn.Parameter(torch.zeros(1, 1, C))
        self.k, self.v, self.out = nn.Linear(C, C), nn.Linear(C, C), nn.Linear(C, 7)

    def forward(self, x):
        w = torch.softmax(self.query @ self.k(x).transpose(1, 2) / C**0.5, -1)
        return self.out((w @ self.v(x)).squeeze(1))


@negative("mha-pooling", "attention pooling as in SigLIP: a probe reads, then an MLP with residual; no residual on the attention")
class _Probe(nn.Module):
    def __init__(self):
        super().__init__()
        self.probe = nn.Parameter(torch.zeros(1, 1, C))
        self.attn, self.norm, self.mlp = nn.MultiheadAttention(C, 4, batch_first=True), nn.LayerNorm(C), MLP()

    def forward(self, x):
        z = self.attn(self.probe.expand(x.shape[0], -1, -1), x, x, need_weights=False)[0]
        return (z + self.mlp(self.norm(z)))[:, 0]


@negative("moe", "mixture of experts: softmax router over MLPs, residual")
class _Moe(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.router, self.experts = nn.LayerNorm(C), nn.Linear(C, 3), nn.ModuleList([MLP() for _ in range(3)])

    def forward(self, x):
        z = self.norm(x)
        g = self.router(z).softmax(-1)
        y = torch.stack([e(z) for e in self.experts], -2)
        return x + (g.unsqueeze(-2) @ y).squeeze(-2)


@negative("linear-attention", "kernel feature maps instead of a softmax over positions")
class _Linear(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.q, self.k, self.v, self.o = nn.LayerNorm(C), *(nn.Linear(C, C) for _ in range(4))
        self.n2, self.mlp = nn.LayerNorm(C), MLP()

    def forward(self, x):
        z = self.norm(x)
        q, k, v = F.elu(self.q(z)) + 1, F.elu(self.k(z)) + 1, self.v(z)
        y = q @ (k.transpose(1, 2) @ v) / (q @ k.sum(1, keepdim=True).transpose(1, 2))
        x = x + self.o(y)
        return x + self.mlp(self.n2(x))


@negative("efficient-attention", "softmax of queries over channels and of keys over positions")
class _Efficient(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.k, self.v, self.o = (nn.Linear(C, C) for _ in range(4))

    def forward(self, x):
        q, k = self.q(x).softmax(-1), self.k(x).softmax(1)
        return x + self.o(q @ (k.transpose(1, 2) @ self.v(x)))


@negative("similarity", "softmax over the similarity of two inputs, no projection",
          lambda: {"a": torch.randn(2, N, C), "b": torch.randn(2, 9, C)})
class _Similarity(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, a, b):
        a, b = F.normalize(a, dim=-1), F.normalize(b, dim=-1)
        return torch.softmax(self.scale * a @ b.transpose(1, 2), -1) @ b


@negative("self-similarity", "parameter-free self-attention with residual and MLP: nothing to project")
class _SelfSimilarity(nn.Module):
    def __init__(self):
        super().__init__()
        self.n1, self.n2, self.mlp = nn.LayerNorm(C), nn.LayerNorm(C), MLP()

    def forward(self, x):
        z = self.n1(x)
        x = x + torch.softmax(z @ z.transpose(1, 2) / C**0.5, -1) @ z
        return x + self.mlp(self.n2(x))


@negative("cosine-retrieval", "embedding against a stored table")
class _Retrieval(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(C, 24)
        self.table = nn.Parameter(torch.zeros(31, 24))

    def forward(self, x):
        e = F.normalize(self.fc(x.mean(1)), dim=-1)
        return (e @ F.normalize(self.table, dim=-1).t() * 10).softmax(-1)


@negative("memory-read", "softmax read of a stored memory, with projections and residual")
class _Memory(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.o = nn.Linear(C, 24), nn.Linear(C, C)
        self.key_table, self.value_table = nn.Parameter(torch.zeros(31, 24)), nn.Parameter(torch.zeros(31, C))

    def forward(self, x):
        w = torch.softmax(self.q(x) @ self.key_table.t(), -1)
        return x + self.o(w @ self.value_table)


@negative("external-attention", "two linear layers with a softmax and a double norm, norm, MLP")
class _External(nn.Module):
    def __init__(self):
        super().__init__()
        self.n1, self.n2, self.mlp = nn.LayerNorm(C), nn.LayerNorm(C), MLP()
        self.inp, self.mk, self.mv, self.out = nn.Linear(C, C), nn.Linear(C, 32, False), nn.Linear(32, C, False), nn.Linear(C, C)

    def forward(self, x):
        a = self.mk(self.inp(self.n1(x))).softmax(1)
        a = a / (1e-9 + a.sum(-1, keepdim=True))
        x = x + self.out(self.mv(a))
        return x + self.mlp(self.n2(x))


@negative("synthesizer", "attention weights made by an MLP of the position itself, no query-key product")
class _Synth(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.a, self.b, self.v, self.o = nn.LayerNorm(C), nn.Linear(C, 30), nn.Linear(30, N), nn.Linear(C, C), nn.Linear(C, C)

    def forward(self, x):
        z = self.norm(x)
        return x + self.o(self.b(F.relu(self.a(z))).softmax(-1) @ self.v(z))


@negative("lstm", "LSTM with softmax attention over time")
class _Lstm(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.a, self.out = nn.LSTM(C, 30, batch_first=True, bidirectional=True), nn.Linear(60, 1), nn.Linear(60, 7)

    def forward(self, x):
        h, _ = self.lstm(x)
        w = self.a(torch.tanh(h)).softmax(1)
        return self.out((w.transpose(1, 2) @ h).squeeze(1))


@negative("gru-ctc", "GRU with a CTC head")
class _Ctc(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru, self.out = nn.GRU(C, 30, batch_first=True), nn.Linear(30, 11)

    def forward(self, x):
        return F.log_softmax(self.out(self.gru(x)[0]), -1)


@negative("bahdanau", "additive attention of one state over a sequence")
class _Bahdanau(nn.Module):
    def __init__(self):
        super().__init__()
        self.w, self.u, self.s, self.out = nn.Linear(C, 30), nn.Linear(C, 30), nn.Linear(30, 1, False), nn.Linear(2 * C, 7)

    def forward(self, x):
        last = x[:, -1:]
        p = self.s(torch.tanh(self.w(x) + self.u(last))).softmax(1)
        return self.out(torch.cat([(p.transpose(1, 2) @ x).squeeze(1), last[:, 0]], -1))


@negative("netvlad", "soft assignment to centres")
class _NetVlad(nn.Module):
    def __init__(self):
        super().__init__()
        self.assign, self.table, self.out = nn.Linear(C, 8), nn.Parameter(torch.zeros(8, C)), nn.Linear(8 * C, 7)

    def forward(self, x):
        a = self.assign(x).softmax(-1)
        v = a.transpose(1, 2) @ x - a.sum(1).unsqueeze(-1) * self.table
        return self.out(F.normalize(v, dim=-1).flatten(1))


@negative("capsules", "three rounds of routing by agreement")
class _Capsules(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.zeros(N, 5, 12, C))

    def forward(self, x):
        u = (self.w @ x[:, :, None, :, None]).squeeze(-1)
        b = torch.zeros_like(u[..., :1])
        for _ in range(3):
            s = (b.softmax(2) * u).sum(1, keepdim=True)
            n = s.pow(2).sum(-1, keepdim=True)
            v = s * n / (1 + n) / (n + 1e-6).sqrt()
            b = b + (u * v).sum(-1, keepdim=True)
        return v.squeeze(1).norm(dim=-1)


@negative("tcn", "dilated temporal convolutions with residuals")
class _Tcn(nn.Module):
    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList([nn.Conv1d(C, C, 3, padding=d, dilation=d) for d in (1, 2, 4)])

    def forward(self, x):
        x = x.transpose(1, 2)
        for c in self.convs:
            x = x + F.relu(c(x))
        return x.transpose(1, 2)


@negative("gumbel", "discrete codes by softmax with temperature and a code book")
class _Gumbel(nn.Module):
    def __init__(self):
        super().__init__()
        self.logits, self.codes, self.out = nn.Linear(C, 2 * 16), nn.Parameter(torch.zeros(2, 16, 12)), nn.Linear(24, C)

    def forward(self, x):
        p = (self.logits(x).reshape(*x.shape[:2], 2, 16) / 0.5).softmax(-1)
        return self.out(torch.einsum("bngk,gkd->bngd", p, self.codes).flatten(2))


@negative("channel-softmax", "softmax over channels, soft argmax", image)
class _Channels(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(16, 9, 1)
        self.register_buffer("grid", torch.linspace(-1, 1, 144))

    def forward(self, x):
        p = self.conv(x).softmax(1)
        w = p.flatten(2).softmax(-1)
        return w @ self.grid


@negative("gcnet", "global context: one softmax over positions, bottleneck, residual", image)
class _GcNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.mask, self.up, self.norm, self.down = nn.Conv2d(16, 1, 1), nn.Conv2d(16, 8, 1), nn.LayerNorm([8, 1, 1]), nn.Conv2d(8, 16, 1)

    def forward(self, x):
        w = self.mask(x).flatten(2).softmax(-1)
        c = (x.flatten(2) @ w.transpose(1, 2)).unsqueeze(-1)
        return x + self.down(F.relu(self.norm(self.up(c))))


@negative("cbam", "channel gate and spatial gate", image)
class _Cbam(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.conv = nn.Conv2d(16, 8, 1), nn.Conv2d(8, 16, 1), nn.Conv2d(2, 1, 7, padding=3)

    def forward(self, x):
        gate = lambda z: self.fc2(F.relu(self.fc1(z)))  # noqa: E731
        y = x * torch.sigmoid(gate(x.mean((2, 3), True)) + gate(x.amax((2, 3), True)))
        m = torch.cat([y.mean(1, True), y.amax(1, True)], 1)
        return x + y * torch.sigmoid(self.conv(m))


@negative("sk-conv", "selective kernels: softmax between branches", image)
class _Sk(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(16, 16, 3, padding=1), nn.Conv2d(16, 16, 5, padding=2)
        self.fc1, self.fc2 = nn.Linear(16, 12), nn.Linear(12, 32)

    def forward(self, x):
        y = torch.stack([self.a(x), self.b(x)], 1)
        w = self.fc2(F.relu(self.fc1(y.sum(1).mean((2, 3))))).reshape(-1, 2, 16).softmax(1)
        return x + (y * w[..., None, None]).sum(1)


@negative("gat", "graph attention with additive scores and an adjacency mask")
class _Gat(nn.Module):
    def __init__(self):
        super().__init__()
        self.w, self.src, self.dst = nn.Linear(C, 30, False), nn.Linear(30, 1, False), nn.Linear(30, 1, False)
        self.register_buffer("adj", torch.eye(N).roll(1, 0) + torch.eye(N) > 0)

    def forward(self, x):
        h = self.w(x)
        e = F.leaky_relu(self.src(h) + self.dst(h).transpose(1, 2), 0.2).masked_fill(~self.adj, -1e9)
        return F.elu(e.softmax(-1) @ h)


@negative("mamba-like", "gated recurrence written as a scan of products")
class _Ssm(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.inp, self.gate, self.out = nn.LayerNorm(C), nn.Linear(C, 64), nn.Linear(C, 64), nn.Linear(64, C)
        self.decay = nn.Parameter(torch.zeros(64))

    def forward(self, x):
        z = self.norm(x)
        u, g = self.inp(z), F.silu(self.gate(z))
        h, hs = torch.zeros_like(u[:, 0]), []
        for i in range(N):
            h = torch.sigmoid(self.decay) * h + u[:, i]
            hs.append(h)
        return x + self.out(torch.stack(hs, 1) * g)


@negative("glu-conv", "gated convolutions with residual and norm")
class _Glu(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.conv, self.out = nn.LayerNorm(C), nn.Conv1d(C, 2 * C, 3, padding=1), nn.Linear(C, C)

    def forward(self, x):
        return x + self.out(F.glu(self.conv(self.norm(x).transpose(1, 2)), 1).transpose(1, 2))


@negative("bilinear", "bilinear pooling of two projections, softmax head")
class _Bilinear(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.out = nn.Linear(C, 12), nn.Linear(C, 14), nn.Linear(168, 7)

    def forward(self, x):
        return self.out((self.a(x).transpose(1, 2) @ self.b(x)).flatten(1)).softmax(-1)


@negative("gram-softmax", "channel attention by the Gram matrix, as in DANet, without projections", image)
class _Gram(nn.Module):
    def __init__(self):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(1))

    def forward(self, x):
        f = x.flatten(2)
        w = (f @ f.transpose(1, 2)).softmax(-1)
        return x + self.gamma * (w @ f).view_as(x)
