"""The decoder that `geomean bench train` and `generate` measure, in PyTorch: RMS norm, rotary positions, SwiGLU, no biases, a
head of its own, queries, keys and values in one product, gate and up in another."""

import math

import torch
from torch import nn
from torch.nn import functional as F

# layers, dim, heads, kv_heads, ffn, vocab, batch, seq
CONFIGS = {
    "nano": (2, 64, 4, 4, 192, 32, 64, 24),
    "micro": (4, 128, 4, 4, 384, 64, 64, 48),
    "small": (6, 384, 6, 6, 1024, 256, 16, 128),
}
NAMES = ("layers", "dim", "heads", "kv_heads", "ffn", "vocab", "batch", "seq")


def add_options(options):
    """Adds --config and what changes it."""
    options.add_argument("--config", choices=CONFIGS, default="nano")
    for name in NAMES:
        options.add_argument("--" + name.replace("_", "-"), type=int)
    options.add_argument("--compile", action="store_true", help="torch.compile instead of eager")


def shape(options):
    """The sizes by name."""
    sizes = dict(zip(NAMES, CONFIGS[options.config]))
    given = {name: getattr(options, name) for name in NAMES if getattr(options, name) is not None}
    if "heads" in given and "kv_heads" not in given:
        given["kv_heads"] = given["heads"]
    return sizes | given


def rotate(x, cos, sin):
    """Rotary positions, half-split. x is [batch, heads, time, head]."""
    left, right = x.chunk(2, -1)
    return torch.cat((left * cos - right * sin, right * cos + left * sin), -1)


class RmsNorm(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x):
        return F.rms_norm(x, (x.shape[-1],), self.weight, 1e-5)


class Layer(nn.Module):
    def __init__(self, dim, heads, kv_heads, ffn):
        super().__init__()
        self.heads, self.kv_heads, self.head = heads, kv_heads, dim // heads
        self.attention_norm, self.mlp_norm = RmsNorm(dim), RmsNorm(dim)
        self.qkv = nn.Linear(dim, (heads + 2 * kv_heads) * self.head, bias=False)
        self.attention_output = nn.Linear(dim, dim, bias=False)
        self.gate_up = nn.Linear(dim, 2 * ffn, bias=False)
        self.mlp_out = nn.Linear(ffn, dim, bias=False)

    def forward(self, x, cos, sin, cache=None, start=0):
        batch, time, dim = x.shape
        sizes = (self.heads * self.head, self.kv_heads * self.head, self.kv_heads * self.head)
        query, key, value = (
            part.view(batch, time, -1, self.head).transpose(1, 2)
            for part in self.qkv(self.attention_norm(x)).split(sizes, -1)
        )
        query, key = rotate(query, cos, sin), rotate(key, cos, sin)
        if cache is not None:
            keys, values = cache
            keys[:, :, start : start + time] = key
            values[:, :, start : start + time] = value
            key, value = keys[:, :, : start + time], values[:, :, : start + time]
        attended = F.scaled_dot_product_attention(
            query, key, value, is_causal=time > 1, enable_gqa=self.heads != self.kv_heads
        )
        x = x + self.attention_output(attended.transpose(1, 2).reshape(batch, time, dim))
        gate, up = self.gate_up(self.mlp_norm(x)).chunk(2, -1)
        return x + self.mlp_out(F.silu(gate) * up)


class Decoder(nn.Module):
    """Call it for hidden states; `head` projects them onto the vocabulary."""

    def __init__(self, layers, dim, heads, kv_heads, ffn, vocab, batch, seq):
        super().__init__()
        del batch
        self.embed = nn.Embedding(vocab, dim)
        self.layers = nn.ModuleList(Layer(dim, heads, kv_heads, ffn) for _ in range(layers))
        self.norm = RmsNorm(dim)
        self.head = nn.Linear(dim, vocab, bias=False)
        half = dim // heads // 2
        angles = torch.arange(seq + 1)[:, None] / 10000 ** (torch.arange(half) / half)
        self.register_buffer("cos", angles.cos())
        self.register_buffer("sin", angles.sin())
        for parameter in self.parameters():
            if parameter.dim() == 2:
                nn.init.normal_(parameter, 0, 1 / math.sqrt(parameter.shape[1]))

    def forward(self, ids, caches=None, start=0):
        time = ids.shape[1]
        cos, sin = self.cos[start : start + time], self.sin[start : start + time]
        x = self.embed(ids)
        for index, layer in enumerate(self.layers):
            x = layer(x, cos, sin, None if caches is None else caches[index], start)
        return self.norm(x)
