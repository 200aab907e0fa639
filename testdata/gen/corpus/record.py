"""Captures the tensors of a network's blocks while PyTorch computes them.

Linear layers are caught where torch.nn.functional computes them, by the memory
of their weight, so that a packed projection, a slice of one inside
nn.MultiheadAttention and a 1x1 convolution are all caught the same way.
"""

import contextlib
import dataclasses
import math

import torch
import torch.nn.functional as F
from torch import nn

from spec import In, Layer, Net, Out, Rows


@dataclasses.dataclass
class Seen:
    """A captured tensor; bare is it without the bias, if it has one."""

    value: torch.Tensor
    bare: torch.Tensor | None = None
    at: int = 0


def memory(t: torch.Tensor):
    return t.untyped_storage().data_ptr(), t.storage_offset()


def weight_key(role):
    """The memory of the weight that a role names."""
    if isinstance(role, Rows):
        step = role.weight.stride(0)
        return role.weight.untyped_storage().data_ptr(), role.weight.storage_offset() + role.row * step
    if isinstance(role, nn.Module):
        return memory(role.weight)
    return memory(role)


class Recorder:
    """Patches the functions that linear layers and softmaxes end in."""

    def __init__(self, keys):
        self.keys, self.clock = keys, 0
        self.linears, self.softmaxes, self.points = {}, [], {}

    def tick(self) -> int:
        self.clock += 1
        return self.clock

    def linear(self, out, weight, bias):
        key = memory(weight)
        if key in self.keys:
            bare = None if bias is None else out - fit(bias, out, weight)
            self.linears.setdefault(key, []).append(Seen(out.detach().clone(), bare, self.tick()))
        return out

    def softmax(self, out):
        self.softmaxes.append(Seen(out.detach().clone(), None, self.tick()))
        return out

    def point(self, point, value):
        value = first_tensor(value)
        self.points.setdefault(point, []).append(Seen(value.detach().clone(), None, self.tick()))


def fit(bias, out, weight):
    """The bias in the shape in which the layer adds it."""
    if weight.dim() > 2:  # a convolution: channels stand in axis 1
        return bias.reshape(1, -1, *[1] * (out.dim() - 2))
    return bias


def first_tensor(value):
    while not isinstance(value, torch.Tensor):
        value = next(iter(value.values())) if isinstance(value, dict) else value[0]
    return value


def attention_weights(q, k, mask, causal, scale):
    """The softmax inside scaled_dot_product_attention."""
    if k.shape[-3] != q.shape[-3]:  # grouped queries
        k = k.repeat_interleave(q.shape[-3] // k.shape[-3], -3)
    scores = q @ k.transpose(-1, -2) * (scale if scale is not None else 1 / math.sqrt(q.shape[-1]))
    if causal:
        keep = torch.ones(scores.shape[-2:], dtype=torch.bool).tril()
        scores = scores.masked_fill(~keep, -math.inf)
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf) if mask.dtype == torch.bool else scores + mask
    return scores.softmax(-1)


@contextlib.contextmanager
def patched(rec: Recorder):
    """Lets the recorder see every call while the block runs."""
    kept = []

    def swap(owner, name, make):
        old = getattr(owner, name)
        kept.append((owner, name, old))
        setattr(owner, name, make(old))

    def weighted(old):
        def call(x, weight, bias=None, *rest, **kw):
            return rec.linear(old(x, weight, bias, *rest, **kw), weight, bias)
        return call

    def softmaxed(old):
        return lambda *a, **kw: rec.softmax(old(*a, **kw))

    def addmm(old):
        return lambda bias, x, w, **kw: rec.linear(old(bias, x, w, **kw), w, bias)

    def sdpa(old):
        def call(q, k, v, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, **kw):
            rec.softmaxes.append(Seen(attention_weights(q, k, attn_mask, is_causal, scale), None, rec.tick()))
            return old(q, k, v, attn_mask, dropout_p, is_causal, scale=scale, **kw)
        return call

    for name in ("linear", "conv1d", "conv2d"):
        swap(F, name, weighted)
    swap(torch, "addmm", addmm)
    for owner in (F, torch, torch.Tensor):
        swap(owner, "softmax", softmaxed)
    swap(F, "scaled_dot_product_attention", sdpa)
    try:
        yield
    finally:
        for owner, name, old in reversed(kept):
            setattr(owner, name, old)


def record(net: Net) -> list[dict]:
    """Run the network once; for each layer the tensors of its roles."""
    roles = ("q", "k", "v", "o", "fc1", "fc2")
    keys = {weight_key(getattr(l, r)) for l in net.layers for r in roles if getattr(l, r) is not None}
    rec = Recorder(keys)
    hooks = []
    for p in {p for l in net.layers for p in l.residual if p is not None}:
        if isinstance(p, In):
            hooks.append(p.module.register_forward_pre_hook(
                lambda m, a, kw, p=p: rec.point(p, a if a else kw), with_kwargs=True))
        elif isinstance(p, Out):
            hooks.append(p.module.register_forward_hook(lambda m, a, out, p=p: rec.point(p, out)))
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad(), patched(rec):
            net.module(*net.inputs.values())
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        for h in hooks:
            h.remove()
    return [tensors(rec, l, roles) for l in net.layers]


def tensors(rec: Recorder, layer: Layer, roles) -> dict:
    """The captured tensors of one layer, by role."""
    out = {}
    for r in roles:
        ref = getattr(layer, r)
        if ref is not None:
            out[r] = rec.linears[weight_key(ref)][layer.call]
    begin, end = max(out[r].at for r in "qkv"), out["o"].at
    inside = [s for s in rec.softmaxes if begin < s.at < end]
    if inside:
        out["softmax"] = inside[-1]
    for i, p in enumerate(layer.residual):
        if p is not None:
            out[f"residual{i}"] = rec.points[p][layer.call]
    return out
