"""Writes small random checkpoints in the published layout, and what PyTorch computes from them in float64.

    python3 golden.py FOLDER

Needs PyTorch only. The network is written here from the papers: rotary positions (arXiv:2104.09864) and their scaling
by interpolation (arXiv:2306.15595) and in Llama 3.1 (arXiv:2407.21783), grouped queries (arXiv:2305.13245), sliding
windows (arXiv:2310.06825), SwiGLU (arXiv:2002.05202). `expected.json` has the fields that GoldenModelTest reads.
"""

import json
import math
import pathlib
import struct
import sys

import torch

VOCABULARY = 97
DTYPES = {"float32": ("F32", torch.float32), "bfloat16": ("BF16", torch.bfloat16), "float16": ("F16", torch.float16)}
LLAMA3 = {"rope_type": "llama3", "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 64}

# name: (configuration, files of the checkpoint)
MODELS = {
    "llama3-bf16": (dict(
        model_type="llama", architectures=["LlamaForCausalLM"], hidden_size=32, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, head_dim=16, intermediate_size=48, max_position_embeddings=256,
        rms_norm_eps=1e-5, rope_theta=500000.0, rope_scaling=LLAMA3, hidden_act="silu", attention_bias=False,
        mlp_bias=False, tie_word_embeddings=True, bos_token_id=1, eos_token_id=[2, 3, 5], torch_dtype="bfloat16"), 2),
    "llama-linear-f16": (dict(
        model_type="llama", architectures=["LlamaForCausalLM"], hidden_size=24, num_hidden_layers=2,
        num_attention_heads=3, num_key_value_heads=3, intermediate_size=40, max_position_embeddings=64,
        rms_norm_eps=1e-6, rope_parameters={"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.5},
        hidden_act="silu", tie_word_embeddings=False, bos_token_id=1, eos_token_id=2, dtype="float16"), 1),
    "mistral-bf16": (dict(
        model_type="mistral", architectures=["MistralForCausalLM"], hidden_size=32, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, head_dim=12, intermediate_size=56, max_position_embeddings=64,
        rms_norm_eps=1e-5, rope_theta=10000.0, sliding_window=3, hidden_act="silu", tie_word_embeddings=False,
        bos_token_id=1, eos_token_id=2, torch_dtype="bfloat16"), 1),
    "qwen2-window-f32": (dict(
        model_type="qwen2", architectures=["Qwen2ForCausalLM"], hidden_size=32, num_hidden_layers=3,
        num_attention_heads=4, num_key_value_heads=1, intermediate_size=40, max_position_embeddings=64,
        rms_norm_eps=1e-6, rope_theta=1000000.0, use_sliding_window=True, sliding_window=4, max_window_layers=1,
        hidden_act="silu", tie_word_embeddings=True, bos_token_id=1, eos_token_id=2, torch_dtype="float32"), 1),
    "smollm2-bf16": (dict(
        model_type="llama", architectures=["LlamaForCausalLM"], hidden_size=36, num_hidden_layers=3,
        num_attention_heads=9, num_key_value_heads=3, intermediate_size=96, max_position_embeddings=64,
        rms_norm_eps=1e-5, rope_theta=100000, rope_scaling=None, rope_interleaved=False, hidden_act="silu",
        attention_bias=False, mlp_bias=False, pretraining_tp=1, tie_word_embeddings=True, bos_token_id=0,
        eos_token_id=0, pad_token_id=2, torch_dtype="bfloat16"), 1),
}


def head_size(config):
    return config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]


def make_weights(config, seed):
    """Random weights under their published names, rounded to the type of the checkpoint."""
    generator = torch.Generator().manual_seed(seed)
    dim, inner = config["hidden_size"], config["intermediate_size"]
    heads, kv_heads, head = config["num_attention_heads"], config["num_key_value_heads"], head_size(config)
    shapes = {"model.embed_tokens.weight": (VOCABULARY, dim)}
    for layer in range(config["num_hidden_layers"]):
        prefix = f"model.layers.{layer}."
        shapes[prefix + "input_layernorm.weight"] = (dim,)
        for name, width in (("q_proj", heads * head), ("k_proj", kv_heads * head), ("v_proj", kv_heads * head)):
            shapes[prefix + f"self_attn.{name}.weight"] = (width, dim)
            if config["model_type"] == "qwen2":
                shapes[prefix + f"self_attn.{name}.bias"] = (width,)
        shapes[prefix + "self_attn.o_proj.weight"] = (dim, heads * head)
        shapes[prefix + "post_attention_layernorm.weight"] = (dim,)
        shapes[prefix + "mlp.gate_proj.weight"] = (inner, dim)
        shapes[prefix + "mlp.up_proj.weight"] = (inner, dim)
        shapes[prefix + "mlp.down_proj.weight"] = (dim, inner)
    shapes["model.norm.weight"] = (dim,)
    if not config["tie_word_embeddings"]:
        shapes["lm_head.weight"] = (VOCABULARY, dim)
    dtype = DTYPES[config.get("torch_dtype") or config["dtype"]][1]
    weights = {}
    for name, shape in shapes.items():
        values = torch.randn(shape, generator=generator, dtype=torch.float64) * (0.2 if len(shape) == 2 else 0.1)
        if name.endswith("norm.weight"):
            values += 1
        weights[name] = values.to(dtype)
    return weights


def frequencies(config):
    """Radians per position, for each pair of elements of a head."""
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    theta = rope.get("rope_theta") or config["rope_theta"]
    half = head_size(config) // 2
    base = theta ** (-torch.arange(half, dtype=torch.float64) / half)
    kind = rope.get("rope_type", "default")
    if kind == "linear":
        return base / rope["factor"]
    if kind == "llama3":
        low, high, before = rope["low_freq_factor"], rope["high_freq_factor"], rope["original_max_position_embeddings"]
        wave = 2 * math.pi / base
        smooth = (before / wave - low) / (high - low)
        mixed = (1 - smooth) * base / rope["factor"] + smooth * base
        mixed = torch.where(wave > before / low, base / rope["factor"], mixed)
        return torch.where(wave < before / high, base, mixed)
    return base


def windows(config):
    """How many tokens each layer attends to."""
    layers, everything = config["num_hidden_layers"], config["max_position_embeddings"]
    if config["model_type"] == "mistral" and config["sliding_window"]:
        return [config["sliding_window"]] * layers
    if config.get("use_sliding_window"):
        return [config["sliding_window"] if i >= config["max_window_layers"] else everything for i in range(layers)]
    return [everything] * layers


def rms_norm(x, weight, epsilon):
    return x / torch.sqrt((x * x).mean(-1, keepdim=True) + epsilon) * weight


def rotate(x, angles):
    first, second = x.chunk(2, dim=-1)
    cos, sin = torch.cos(angles)[:, None], torch.sin(angles)[:, None]
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)


def logits(config, weights, ids):
    heads, kv_heads, head = config["num_attention_heads"], config["num_key_value_heads"], head_size(config)
    batch, time = ids.shape
    epsilon = config["rms_norm_eps"]
    angles = torch.arange(time, dtype=torch.float64)[:, None] * frequencies(config)[None]
    distance = torch.arange(time)[:, None] - torch.arange(time)[None]
    x = weights["model.embed_tokens.weight"][ids]
    for layer, window in enumerate(windows(config)):
        def linear(name, value):
            full = f"model.layers.{layer}.{name}"
            out = value @ weights[full + ".weight"].T
            return out + weights[full + ".bias"] if full + ".bias" in weights else out

        y = rms_norm(x, weights[f"model.layers.{layer}.input_layernorm.weight"], epsilon)
        query = rotate(linear("self_attn.q_proj", y).view(batch, time, heads, head), angles)
        key = rotate(linear("self_attn.k_proj", y).view(batch, time, kv_heads, head), angles)
        value = linear("self_attn.v_proj", y).view(batch, time, kv_heads, head)
        key, value = (t.repeat_interleave(heads // kv_heads, dim=2) for t in (key, value))
        scores = torch.einsum("bthd,bshd->bhts", query, key) / math.sqrt(head)
        scores = scores.masked_fill((distance < 0) | (distance >= window), -math.inf)
        mixed = torch.einsum("bhts,bshd->bthd", torch.softmax(scores, -1), value)
        x = x + linear("self_attn.o_proj", mixed.reshape(batch, time, heads * head))
        y = rms_norm(x, weights[f"model.layers.{layer}.post_attention_layernorm.weight"], epsilon)
        gate = linear("mlp.gate_proj", y)
        x = x + linear("mlp.down_proj", gate * torch.sigmoid(gate) * linear("mlp.up_proj", y))
    x = rms_norm(x, weights["model.norm.weight"], epsilon)
    return x @ weights.get("lm_head.weight", weights["model.embed_tokens.weight"]).T


def token_log_probs(config, weights, ids):
    all_log_probs = torch.log_softmax(logits(config, weights, ids[:, :-1]), -1)
    return all_log_probs.gather(-1, ids[:, 1:, None]).squeeze(-1)


def adamw(config, weights, ids):
    """Losses of five steps, each before its step."""
    first = {name: torch.zeros_like(w) for name, w in weights.items()}
    second = {name: torch.zeros_like(w) for name, w in weights.items()}
    weights = {name: w.clone().requires_grad_() for name, w in weights.items()}
    losses = []
    for step in range(1, 6):
        loss = -token_log_probs(config, weights, ids).mean()
        losses.append(loss.item())
        gradients = torch.autograd.grad(loss, list(weights.values()))
        with torch.no_grad():
            for (name, w), g in zip(weights.items(), gradients):
                first[name] = 0.9 * first[name] + 0.1 * g
                second[name] = 0.95 * second[name] + 0.05 * g * g
                w *= 1 - 1e-2 * 0.1
                w -= 1e-2 * first[name] / (1 - 0.9 ** step) / (torch.sqrt(second[name] / (1 - 0.95 ** step)) + 1e-8)
    return losses


def greedy(config, weights, prompt, count):
    ids = prompt.tolist()
    for _ in range(count):
        ids.append(int(logits(config, weights, torch.tensor([ids]))[0, -1].argmax()))
    return ids[len(prompt):]


def write_safetensors(path, tensors):
    kind = {torch.float32: "F32", torch.bfloat16: "BF16", torch.float16: "F16"}
    header, data = {"__metadata__": {"format": "pt"}}, bytearray()
    for name, tensor in tensors.items():
        content = tensor.contiguous().view(torch.uint8).numpy().tobytes()
        header[name] = {"dtype": kind[tensor.dtype], "shape": list(tensor.shape),
                        "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def write_checkpoint(folder, weights, files):
    if files == 1:
        write_safetensors(folder / "model.safetensors", weights)
        return
    names = list(weights)
    weight_map = {}
    for i in range(files):
        file = f"model-{i + 1:05d}-of-{files:05d}.safetensors"
        part = names[len(names) * i // files:len(names) * (i + 1) // files]
        write_safetensors(folder / file, {name: weights[name] for name in part})
        weight_map.update({name: file for name in part})
    total = sum(w.numel() * w.element_size() for w in weights.values())
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=1) + "\n")


def main(target):
    for number, (name, (config, files)) in enumerate(MODELS.items()):
        folder = pathlib.Path(target) / name
        folder.mkdir(parents=True, exist_ok=True)
        config = dict(config, vocab_size=VOCABULARY)
        stored = make_weights(config, 200 + number)
        write_checkpoint(folder, stored, files)
        (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
        weights = {key: w.double().requires_grad_() for key, w in stored.items()}
        ids = torch.randint(VOCABULARY, (2, 12), generator=torch.Generator().manual_seed(number))
        loss = -token_log_probs(config, weights, ids).mean()
        gradients = torch.autograd.grad(loss, list(weights.values()))
        with torch.no_grad():
            expected = {
                "input_ids": ids.tolist(),
                "logits": logits(config, weights, ids).tolist(),
                "token_logprobs": token_log_probs(config, weights, ids).tolist(),
                "loss": loss.item(),
                "grad": {key: {"sum": g.sum().item(), "abs_sum": g.abs().sum().item(), "l2": g.norm().item(),
                               "first8": g.flatten()[:8].tolist()} for key, g in zip(weights, gradients)},
                "greedy": greedy(config, weights, ids[0, :4], 12),
            }
        expected["adamw"] = adamw(config, {key: w.detach() for key, w in weights.items()}, ids)
        (folder / "expected.json").write_text(json.dumps(expected) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
