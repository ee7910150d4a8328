"""Prefill and greedy decoding of the Qwen2.5-0.5B shape in PyTorch, eager, with a key/value cache and random weights. The work
of `geomean bench decode`."""

import time

import decoder
import measure
import torch
from torch import nn
from torch.nn import functional as F

# layers, dim, heads, kv_heads, ffn, vocab
SHAPES = {"qwen2.5-0.5b": (24, 896, 14, 2, 4864, 151936), "tiny": (2, 64, 4, 2, 192, 512)}
WORK = ("decode-1", "decode-16", "prefill")


class Layer(decoder.Layer):
    """As in the other programs, with biases on queries, keys and values."""

    def __init__(self, dim, heads, kv_heads, ffn):
        super().__init__(dim, heads, kv_heads, ffn)
        self.qkv = nn.Linear(dim, (heads + 2 * kv_heads) * self.head, bias=True)


class Network(nn.Module):
    """Hidden states; the head is the embedding."""

    def __init__(self, layers, dim, heads, kv_heads, ffn, vocab, positions):
        super().__init__()
        self.embed = nn.Embedding(vocab, dim)
        self.layers = nn.ModuleList(Layer(dim, heads, kv_heads, ffn) for _ in range(layers))
        self.norm = decoder.RmsNorm(dim)
        half = dim // heads // 2
        angles = torch.arange(positions)[:, None] / 1e6 ** (torch.arange(half) / half)
        self.register_buffer("cos", angles.cos())
        self.register_buffer("sin", angles.sin())

    def forward(self, ids, caches, start):
        time = ids.shape[1]
        cos, sin = self.cos[start : start + time], self.sin[start : start + time]
        x = self.embed(ids)
        for layer, cache in zip(self.layers, caches):
            x = layer(x, cos, sin, cache, start)
        return self.norm(x)

    def next(self, ids, caches, start):
        return F.linear(self(ids, caches, start)[:, -1], self.embed.weight).argmax(-1, keepdim=True)


def build(sizes, positions, dtype):
    """Random weights; made without the time that PyTorch takes for its own initialisation."""
    with torch.device("meta"):
        network = Network(*sizes, positions)
    network = network.to_empty(device="cpu").eval()
    half = sizes[1] // sizes[2] // 2
    angles = torch.arange(positions)[:, None] / 1e6 ** (torch.arange(half) / half)
    network.cos.copy_(angles.cos())
    network.sin.copy_(angles.sin())
    block = torch.randn(1 << 20)
    for parameter in network.parameters():
        flat = parameter.data.view(-1)
        scale = 0.02 if parameter.dim() == 2 else 0.0
        for at in range(0, flat.numel(), block.numel()):
            part = flat[at : at + block.numel()]
            part.copy_(block[: part.numel()] * scale + (1.0 if parameter.dim() == 1 else 0.0))
    return network.to(dtype)


def caches(network, batch, positions, dtype):
    head, kv_heads = network.layers[0].head, network.layers[0].kv_heads
    return [
        (torch.zeros(batch, kv_heads, positions, head, dtype=dtype), torch.zeros(batch, kv_heads, positions, head, dtype=dtype))
        for _ in network.layers
    ]


def main():
    options = measure.parser(__doc__)
    options.add_argument("--shape", choices=SHAPES, default="qwen2.5-0.5b")
    options.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    options.add_argument("--work", nargs="+", choices=WORK, default=WORK)
    options.add_argument("--prompt", type=int, default=16, help="tokens of each prompt before decoding")
    options.add_argument("--tokens", type=int, default=32, help="tokens decoded one after the other")
    options.add_argument("--prefill", type=int, nargs=2, default=(16, 256), metavar=("ROWS", "TOKENS"))
    options.add_argument("--repetitions", type=int, default=2, help="runs of each; the fastest is given")
    options = options.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    dtype = getattr(torch, options.dtype)
    sizes = SHAPES[options.shape]
    rows, long = options.prefill
    positions = max(options.prompt + options.tokens + 1, long)
    with torch.inference_mode():
        network = build(sizes, positions, dtype)
        for work in options.work:
            batch = {"decode-1": 1, "decode-16": 16, "prefill": rows}[work]
            cache = caches(network, batch, positions, dtype)
            seconds = []
            for _ in range(options.repetitions):
                if work == "prefill":
                    ids = torch.randint(0, sizes[5], (batch, long))
                    start = time.perf_counter()
                    network.next(ids, cache, 0)
                    seconds.append(time.perf_counter() - start)
                    continue
                token = network.next(torch.randint(0, sizes[5], (batch, options.prompt)), cache, 0)
                start = time.perf_counter()
                for step in range(options.tokens):
                    token = network.next(token, cache, options.prompt + step)
                seconds.append(time.perf_counter() - start)
            tokens = batch * (long if work == "prefill" else options.tokens)
            measure.emit(
                bench="decode",
                work=work,
                shape=options.shape,
                dtype=options.dtype,
                batch=batch,
                tokens=tokens,
                threads=options.threads,
                tokens_per_s=tokens / min(seconds),
                seconds=min(seconds),
                runs=len(seconds),
                peak_rss_bytes=measure.resident("VmHWM"),
                torch=torch.__version__,
            )


if __name__ == "__main__":
    main()
