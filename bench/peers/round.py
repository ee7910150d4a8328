"""Whole GMPO rounds in PyTorch: sampling, rewards, log-probabilities, advantages, updates. The work of `geomean bench round`.

A GPT-2-shaped decoder (layer norm, learned positions, GELU in its tanh form, biases, tied embeddings) learns addition with the
digits of the sum in reverse, rewarded for every right character.
"""

import time

START = time.perf_counter()

import random  # noqa: E402

import measure  # noqa: E402
import torch  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

PAD, END = 0, 1
ALPHABET = "0123456789+="
CLIP = 0.4


class Layer(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.attention_norm, self.mlp_norm = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv, self.attention_output = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.mlp_in, self.mlp_out = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)

    def forward(self, x, cache, start):
        batch, length, dim = x.shape
        qkv = self.qkv(self.attention_norm(x)).view(batch, length, 3, self.heads, dim // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        if cache is not None:
            cache[0][:, :, start : start + length] = key
            cache[1][:, :, start : start + length] = value
            key, value = cache[0][:, :, : start + length], cache[1][:, :, : start + length]
        attended = F.scaled_dot_product_attention(query, key, value, is_causal=length > 1)
        x = x + self.attention_output(attended.transpose(1, 2).reshape(batch, length, dim))
        return x + self.mlp_out(F.gelu(self.mlp_in(self.mlp_norm(x)), approximate="tanh"))


class Policy(nn.Module):
    def __init__(self, layers, dim, heads, positions):
        super().__init__()
        self.heads = heads
        self.embed = nn.Embedding(len(ALPHABET) + 2, dim)
        self.positions = nn.Embedding(positions, dim)
        self.layers = nn.ModuleList(Layer(dim, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(dim)
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                table = name.startswith(("embed", "positions"))
                nn.init.normal_(parameter, 0, 0.02 if table else parameter.shape[1] ** -0.5)

    def forward(self, ids, caches=None, start=0):
        x = self.embed(ids) + self.positions.weight[start : start + ids.shape[1]]
        for index, layer in enumerate(self.layers):
            x = layer(x, None if caches is None else caches[index], start)
        return self.norm(x)

    def head(self, hidden):
        return F.linear(hidden, self.embed.weight)


def problem(source, digits):
    """A prompt and its answer."""
    a, b = source.randrange(10**digits), source.randrange(10**digits)
    return f"{a:0{digits}d}+{b:0{digits}d}=", f"{a + b:0{digits + 1}d}"[::-1]


def encode(text):
    return [ALPHABET.index(character) + 2 for character in text]


def reward(answer, tokens):
    """Part of the characters that are right; 0 for a response that does not end."""
    if END not in tokens:
        return 0.0
    text = [ALPHABET[token - 2] if token > 1 else "" for token in tokens[: tokens.index(END)]]
    return sum(a == b for a, b in zip(answer, text)) / max(len(answer), len(text))


@torch.inference_mode()
def sample(policy, prompts, samples, longest):
    """Responses of every prompt, those of one prompt side by side, and a mask of their tokens. Prompts go through once."""
    count, length = prompts.shape
    head = policy.embed.weight.shape[1] // policy.heads
    total = length + longest
    small = [[torch.zeros(count, policy.heads, length, head) for _ in "kv"] for _ in policy.layers]
    hidden = policy(prompts, small)[:, -1].repeat_interleave(samples, 0)
    rows = count * samples
    caches = [[torch.empty(rows, policy.heads, total, head) for _ in "kv"] for _ in policy.layers]
    for cache, prefix in zip(caches, small):
        for full, part in zip(cache, prefix):
            full[:, :, :length] = part.repeat_interleave(samples, 0)
    tokens, masks = [], []
    alive = torch.ones(rows, dtype=torch.bool)
    for step in range(longest):
        token = torch.multinomial(torch.softmax(policy.head(hidden), -1), 1).squeeze(1)
        token = torch.where(alive, token, PAD)
        tokens.append(token)
        masks.append(alive)
        alive = alive & (token != END)
        if step + 1 == longest or not alive.any():
            break
        hidden = policy(token[:, None], caches, length + step)[:, -1]
    return torch.stack(tokens, 1), torch.stack(masks, 1)


def log_probs(policy, ids, prompt):
    """Log-probability of every token after the prompt."""
    logits = policy.head(policy(ids[:, :-1])[:, prompt - 1 :])
    return torch.log_softmax(logits, -1)


def chosen(scores, ids, prompt):
    return scores.gather(-1, ids[:, prompt:, None]).squeeze(-1)


def one_round(policy, reference, optimizer, source, options):
    """Seconds of sampling, scoring and updating."""
    clock = [time.perf_counter()]
    problems = [problem(source, options.digits) for _ in range(options.prompts)]
    prompts = torch.tensor([encode(text) for text, _ in problems])
    prompt = prompts.shape[1]
    responses, mask = sample(policy, prompts, options.samples, options.digits + 2)
    rewards = torch.tensor(
        [reward(problems[row // options.samples][1], tokens) for row, tokens in enumerate(responses.tolist())]
    ).view(options.prompts, options.samples)
    clock.append(time.perf_counter())

    advantages = rewards - rewards.mean(1, keepdim=True)
    advantages = (advantages / (rewards.std(1, keepdim=True) + 1e-6)).view(-1)
    ids = torch.cat([prompts.repeat_interleave(options.samples, 0), responses], 1)
    weights = mask.float()
    with torch.no_grad():
        scores = log_probs(policy, ids, prompt)
        old = chosen(scores, ids, prompt)
        entropy = (-(scores.exp() * scores).sum(-1) * weights).sum() / weights.sum()
        gap = chosen(log_probs(reference, ids, prompt), ids, prompt) - old
        divergence = ((torch.expm1(gap) - gap) * weights).sum() / weights.sum()
        figures = (entropy.item(), divergence.item(), rewards.mean().item())
    clock.append(time.perf_counter())

    for rows in torch.randperm(len(ids)).chunk(options.mini_batches):
        difference = chosen(log_probs(policy, ids[rows], prompt), ids[rows], prompt) - old[rows]
        signed = advantages[rows]
        clipped = torch.where((signed >= 0)[:, None], difference.clamp(max=CLIP), difference.clamp(min=-CLIP))
        part = weights[rows]
        loss = (-signed * torch.exp((clipped * part).sum(1) / part.sum(1).clamp(min=1))).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
        optimizer.step()
    clock.append(time.perf_counter())
    assert all(value == value for value in figures)
    return [after - before for before, after in zip(clock, clock[1:])]


def main():
    options = measure.parser(__doc__)
    for name, default in (("layers", 3), ("dim", 96), ("heads", 4), ("prompts", 64), ("samples", 8)):
        options.add_argument("--" + name, type=int, default=default)
    options.add_argument("--mini-batches", type=int, default=8)
    options.add_argument("--digits", type=int, default=3, help="digits of each number")
    options.add_argument("--rounds", type=int, default=20, help="the median is that of the second half")
    options = options.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    source = random.Random(0)
    policy = Policy(options.layers, options.dim, options.heads, 3 * options.digits + 12)
    reference = Policy(options.layers, options.dim, options.heads, 3 * options.digits + 12)
    reference.load_state_dict(policy.state_dict())
    optimizer = torch.optim.AdamW(policy.parameters(), lr=3e-4, betas=(0.9, 0.95), weight_decay=0, fused=True)

    def line(name, seconds, **more):
        measure.emit(
            bench="round",
            round=name,
            threads=options.threads,
            parameters=sum(parameter.numel() for parameter in policy.parameters()),
            seconds=sum(seconds),
            rollout_seconds=seconds[0],
            score_seconds=seconds[1],
            update_seconds=seconds[2],
            peak_rss_bytes=measure.resident("VmHWM"),
            torch=torch.__version__,
            **more,
        )

    laps = []
    for number in range(options.rounds):
        laps.append(one_round(policy, reference, optimizer, source, options))
        line(str(number), laps[-1], seconds_since_start=time.perf_counter() - START)
    steady = laps[len(laps) // 2 :]
    line("median", [measure.quantile(sorted(phase), 0.5) for phase in zip(*steady)])


if __name__ == "__main__":
    main()
