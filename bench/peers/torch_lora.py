"""GMPO rounds on the Qwen2.5-0.5B shape in PyTorch, eager, with low-rank adapters by hand or all weights trained. The work of
`geomean bench finetune`.

Random weights; every response has the full length. A round samples with a key/value cache, computes the log-probabilities of
the policy and of the reference, which is the network without adapters, and takes one update. Sequences go through the network a
few at a time, so that logits of all of them are never there at once.
"""

import contextlib
import time

import decoder
import measure
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

# layers, dim, heads, kv_heads, ffn, vocab
SHAPES = {
    "qwen2.5-0.5b": (24, 896, 14, 2, 4864, 151936),
    "smollm2-135m": (30, 576, 9, 3, 1536, 49152),
    "tiny": (2, 64, 4, 2, 192, 512),
}
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
CLIP = 0.4


class Linear(nn.Module):
    """A frozen or trained map with a low-rank update: y = x W^T + b + alpha / r (x A^T) B^T."""

    enabled = True

    def __init__(self, inner, out, bias, rank, alpha, dtype):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(out, inner, dtype=dtype), requires_grad=rank == 0)
        self.bias = nn.Parameter(torch.zeros(out, dtype=dtype), requires_grad=rank == 0) if bias else None
        self.scale = alpha / max(rank, 1)
        self.down = nn.Parameter(torch.empty(rank, inner).uniform_(-(inner**-0.5), inner**-0.5)) if rank else None
        self.up = nn.Parameter(torch.zeros(out, rank)) if rank else None
        nn.init.normal_(self.weight, 0, inner**-0.5)

    def forward(self, x):
        y = F.linear(x.to(self.weight.dtype), self.weight, self.bias)
        if self.down is not None and Linear.enabled:
            y = y + (self.scale * F.linear(F.linear(x.to(self.down.dtype), self.down), self.up)).to(y.dtype)
        return y


class Layer(nn.Module):
    def __init__(self, dim, heads, kv_heads, ffn, *adapter):
        super().__init__()
        self.head = dim // heads
        self.attention_norm, self.mlp_norm = decoder.RmsNorm(dim), decoder.RmsNorm(dim)
        self.q = Linear(dim, dim, True, *adapter)
        self.k = Linear(dim, kv_heads * self.head, True, *adapter)
        self.v = Linear(dim, kv_heads * self.head, True, *adapter)
        self.o = Linear(dim, dim, False, *adapter)
        self.gate = Linear(dim, ffn, False, *adapter)
        self.up = Linear(dim, ffn, False, *adapter)
        self.down = Linear(ffn, dim, False, *adapter)

    def forward(self, x, cos, sin, cache=None, start=0):
        batch, length, dim = x.shape
        h = self.attention_norm(x.float())
        query, key, value = (
            map_(h).view(batch, length, -1, self.head).transpose(1, 2) for map_ in (self.q, self.k, self.v)
        )
        query, key = decoder.rotate(query, cos, sin).to(value.dtype), decoder.rotate(key, cos, sin).to(value.dtype)
        if cache is not None:
            keys, values = cache
            keys[:, :, start : start + length] = key
            values[:, :, start : start + length] = value
            key, value = keys[:, :, : start + length], values[:, :, : start + length]
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=length > 1, enable_gqa=True)
        x = x + self.o(mixed.transpose(1, 2).reshape(batch, length, dim))
        h = self.mlp_norm(x.float())
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


class Network(nn.Module):
    """Hidden states; the head is the embedding."""

    def __init__(self, sizes, positions, rank, alpha, dtype, recompute):
        super().__init__()
        layers, dim, heads, kv_heads, ffn, vocab = sizes
        self.recompute = recompute
        self.kv_heads, self.head_dim, self.dtype = kv_heads, dim // heads, dtype
        self.embed = nn.Parameter(torch.empty(vocab, dim, dtype=dtype), requires_grad=rank == 0)
        nn.init.normal_(self.embed, 0, 0.02)
        self.layers = nn.ModuleList(Layer(dim, heads, kv_heads, ffn, rank, alpha, dtype) for _ in range(layers))
        self.norm = decoder.RmsNorm(dim)
        if rank:
            for layer in self.layers:
                layer.attention_norm.requires_grad_(False), layer.mlp_norm.requires_grad_(False)
            self.norm.requires_grad_(False)
        half = self.head_dim // 2
        angles = torch.arange(positions)[:, None] / 1e6 ** (torch.arange(half) / half)
        self.register_buffer("cos", angles.cos())
        self.register_buffer("sin", angles.sin())

    def forward(self, ids, caches=None, start=0):
        length = ids.shape[1]
        cos, sin = self.cos[start : start + length], self.sin[start : start + length]
        x = F.embedding(ids, self.embed)
        for index, layer in enumerate(self.layers):
            if self.recompute and torch.is_grad_enabled():
                x = checkpoint(layer, x, cos, sin, use_reentrant=False)
            else:
                x = layer(x, cos, sin, None if caches is None else caches[index], start)
        return self.norm(x.float())

    def logits(self, hidden):
        return F.linear(hidden.to(self.dtype), self.embed).float()


@torch.inference_mode()
def sample(network, prompts, samples, longest):
    count, length = prompts.shape
    rows = count * samples

    def caches(size, positions):
        shape = (size, network.kv_heads, positions, network.head_dim)
        return [[torch.zeros(shape, dtype=network.dtype) for _ in "kv"] for _ in network.layers]

    small = caches(count, length)
    hidden = network(prompts, small)[:, -1].repeat_interleave(samples, 0)
    full = caches(rows, length + longest)
    for whole, part in zip(full, small):
        for to, prefix in zip(whole, part):
            to[:, :, :length] = prefix.repeat_interleave(samples, 0)
    tokens = []
    for step in range(longest):
        token = torch.multinomial(torch.softmax(network.logits(hidden), -1), 1)
        tokens.append(token)
        if step + 1 < longest:
            hidden = network(token, full, length + step)[:, -1]
    return torch.cat(tokens, 1)


def chosen(network, ids, prompt):
    """Log-probability of every token after the prompt."""
    logits = network.logits(network(ids[:, :-1])[:, prompt - 1 :])
    return torch.log_softmax(logits, -1).gather(-1, ids[:, prompt:, None]).squeeze(-1)


@contextlib.contextmanager
def without_adapters():
    Linear.enabled = False
    try:
        yield
    finally:
        Linear.enabled = True


def one_round(network, reference, optimizer, options):
    """Seconds of sampling, scoring and updating."""
    clock = [time.perf_counter()]
    vocab = network.embed.shape[0]
    prompts = torch.randint(vocab, (options.prompts, options.prompt_tokens))
    responses = sample(network, prompts, options.samples, options.new_tokens)
    ids = torch.cat([prompts.repeat_interleave(options.samples, 0), responses], 1)
    rows = len(ids)
    rewards = torch.rand(options.prompts, options.samples)
    clock.append(time.perf_counter())

    advantages = rewards - rewards.mean(1, keepdim=True)
    advantages = (advantages / (rewards.std(1, keepdim=True) + 1e-6)).view(-1)
    length = options.prompt_tokens
    with torch.no_grad():
        old = torch.cat([chosen(network, part, length) for part in ids.split(options.rows)])
        if reference is None:
            with without_adapters():
                initial = torch.cat([chosen(network, part, length) for part in ids.split(options.rows)])
        else:
            initial = torch.cat([chosen(reference, part, length) for part in ids.split(options.rows)])
        gap = initial - old
        divergence = (torch.expm1(gap) - gap).mean().item()
    clock.append(time.perf_counter())

    optimizer.zero_grad(set_to_none=True)
    for part in torch.arange(rows).split(options.rows):
        difference = chosen(network, ids[part], length) - old[part]
        signed = advantages[part]
        clipped = torch.where((signed >= 0)[:, None], difference.clamp(max=CLIP), difference.clamp(min=-CLIP))
        loss = (-signed * torch.exp(clipped.mean(1))).sum() / rows
        loss.backward()
    nn.utils.clip_grad_norm_([p for p in network.parameters() if p.requires_grad], 1.0)
    optimizer.step()
    clock.append(time.perf_counter())
    assert divergence == divergence
    return [after - before for before, after in zip(clock, clock[1:])]


def main():
    options = measure.parser(__doc__)
    options.add_argument("--shape", choices=SHAPES, default="qwen2.5-0.5b")
    options.add_argument("--lora-rank", type=int, default=16, help="0 trains all weights")
    options.add_argument("--lora-alpha", type=float, default=32)
    options.add_argument("--dtype", choices=DTYPES, default="float32", help="of the weights, also while computing")
    options.add_argument("--gradient-checkpointing", choices=("none", "layers"), default="none")
    for name, default in (("prompts", 4), ("samples", 8), ("prompt-tokens", 64), ("new-tokens", 128), ("rounds", 1)):
        options.add_argument("--" + name, type=int, default=default)
    options.add_argument("--rows", type=int, default=4, help="sequences that go through the network together")
    options = options.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    positions = options.prompt_tokens + options.new_tokens
    recompute = options.gradient_checkpointing == "layers"

    def build():
        return Network(
            SHAPES[options.shape], positions, options.lora_rank, options.lora_alpha, DTYPES[options.dtype], recompute
        )

    network = build()
    reference = None
    if options.lora_rank == 0:
        reference = build()
        reference.load_state_dict(network.state_dict())
        reference.requires_grad_(False)
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-5, betas=(0.9, 0.95), weight_decay=0, foreach=False)
    tokens = options.prompts * options.samples * options.new_tokens
    for number in range(options.rounds):
        seconds = one_round(network, reference, optimizer, options)
        measure.emit(
            bench="finetune",
            round=str(number),
            shape=options.shape,
            lora_rank=options.lora_rank,
            dtype=options.dtype,
            gradient_checkpointing=options.gradient_checkpointing,
            threads=options.threads,
            trained=sum(parameter.numel() for parameter in trained),
            seconds=sum(seconds),
            rollout_seconds=seconds[0],
            score_seconds=seconds[1],
            update_seconds=seconds[2],
            tokens_per_second=tokens / sum(seconds),
            peak_rss_bytes=measure.resident("VmHWM"),
            torch=torch.__version__,
        )


if __name__ == "__main__":
    main()
