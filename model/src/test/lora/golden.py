"""Golden values of low-rank adapters, from their formula, in float64.

Reads the golden models beside the tests, gives every adapted layer y = x W^T + b + alpha / r * (x A^T) B^T with random A and
B, and writes a folder for each: the adapters in the layout of PEFT, and expected.json with the logits, the loss and its
gradients with respect to all A and B. Needs PyTorch alone:

    python model/src/test/lora/golden.py
"""

import json
import math
import pathlib
import struct

import torch
import torch.nn.functional as F

RESOURCES = pathlib.Path(__file__).parent.parent / "resources" / "golden"
TYPES = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16}


def read(path):
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    tensors = {}
    for name, entry in json.loads(data[8 : 8 + size]).items():
        if name != "__metadata__":
            begin, end = (8 + size + offset for offset in entry["data_offsets"])
            flat = torch.frombuffer(bytearray(data[begin:end]), dtype=TYPES[entry["dtype"]])
            tensors[name] = flat.reshape(entry["shape"]).double()
    return tensors


def write(path, tensors, dtype):
    header, body = {"__metadata__": {"format": "pt"}}, b""
    for name, tensor in sorted(tensors.items()):
        stored = tensor.detach().to(TYPES[dtype]).contiguous()
        raw = stored.view(torch.uint8).numpy().tobytes()
        header[name] = {"dtype": dtype, "shape": list(tensor.shape), "data_offsets": [len(body), len(body) + len(raw)]}
        body += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


class Network:
    def __init__(self, folder, adapters, scale):
        self.config = json.loads((folder / "config.json").read_text())
        self.weights = read(folder / "model.safetensors")
        self.adapters = adapters
        self.scale = scale

    def linear(self, x, layer, transposed=False):
        weight = self.weights[layer + ".weight"]
        y = F.linear(x, weight.T if transposed else weight, self.weights.get(layer + ".bias"))
        if layer in self.adapters:
            down, up = self.adapters[layer]
            y = y + self.scale * ((x @ down.T) @ up.T)
        return y

    def logits(self, ids):
        return self.gpt2(ids) if self.config["model_type"] == "gpt2" else self.llama(ids)

    def attend(self, q, k, v, heads, kv_heads):
        batch, time, _ = q.shape
        q, k, v = (t.reshape(batch, time, n, -1).transpose(1, 2) for t, n in ((q, heads), (k, kv_heads), (v, kv_heads)))
        if self.config["model_type"] != "gpt2":
            q, k = self.rotate(q), self.rotate(k)
        k, v = (t.repeat_interleave(heads // kv_heads, 1) for t in (k, v))
        scores = q @ k.transpose(2, 3) / math.sqrt(q.shape[-1])
        hidden = torch.ones(time, time).triu(1).bool()
        mixed = scores.masked_fill(hidden, -math.inf).softmax(-1) @ v
        return mixed.transpose(1, 2).reshape(batch, time, -1)

    def rotate(self, x):
        half = x.shape[-1] // 2
        inverse = self.config["rope_theta"] ** (-torch.arange(half).double() / half)
        angle = torch.arange(x.shape[2]).double()[:, None] * inverse
        first, second = x[..., :half], x[..., half:]
        return torch.cat(
            (first * angle.cos() - second * angle.sin(), second * angle.cos() + first * angle.sin()), -1)

    def llama(self, ids):
        c, w = self.config, self.weights

        def norm(x, name):
            return x * (x.square().mean(-1, True) + c["rms_norm_eps"]).rsqrt() * w[name]

        x = w["model.embed_tokens.weight"][ids]
        for i in range(c["num_hidden_layers"]):
            at = f"model.layers.{i}."
            h = norm(x, at + "input_layernorm.weight")
            q, k, v = (self.linear(h, at + f"self_attn.{n}_proj") for n in "qkv")
            mixed = self.attend(q, k, v, c["num_attention_heads"], c["num_key_value_heads"])
            x = x + self.linear(mixed, at + "self_attn.o_proj")
            h = norm(x, at + "post_attention_layernorm.weight")
            inner = F.silu(self.linear(h, at + "mlp.gate_proj")) * self.linear(h, at + "mlp.up_proj")
            x = x + self.linear(inner, at + "mlp.down_proj")
        return norm(x, "model.norm.weight") @ w["model.embed_tokens.weight"].T

    def gpt2(self, ids):
        c, w = self.config, self.weights

        def norm(x, name):
            return F.layer_norm(x, x.shape[-1:], w[name + ".weight"], w[name + ".bias"], c["layer_norm_epsilon"])

        x = w["wte.weight"][ids] + w["wpe.weight"][: ids.shape[1]]
        for i in range(c["n_layer"]):
            at = f"h.{i}."
            q, k, v = self.linear(norm(x, at + "ln_1"), at + "attn.c_attn", True).chunk(3, -1)
            x = x + self.linear(self.attend(q, k, v, c["n_head"], c["n_head"]), at + "attn.c_proj", True)
            inner = F.gelu(self.linear(norm(x, at + "ln_2"), at + "mlp.c_fc", True), approximate="tanh")
            x = x + self.linear(inner, at + "mlp.c_proj", True)
        return norm(x, "ln_f") @ w["wte.weight"].T


def golden(model, name, rank, alpha, targets, dtype, seed):
    folder = RESOURCES / "models" / model
    weights = read(folder / "model.safetensors")
    gpt2 = "wte.weight" in weights
    torch.manual_seed(seed)
    adapters, stored = {}, {}
    for weight, tensor in weights.items():
        layer = weight.removesuffix(".weight")
        if tensor.dim() == 2 and any(layer.endswith("." + target) for target in targets):
            out, inner = (tensor.shape[1], tensor.shape[0]) if gpt2 else tensor.shape
            full = "base_model.model." + ("transformer." if gpt2 else "") + layer
            pair = []
            for part, shape in (("A", (rank, inner)), ("B", (out, rank))):
                value = (0.3 * torch.randn(shape, dtype=torch.float64)).to(TYPES[dtype])
                stored[f"{full}.lora_{part}.weight"] = value
                pair.append(value.double().requires_grad_())
            adapters[layer] = pair
    given = json.loads((folder / "expected.json").read_text())
    ids = torch.tensor(given["input_ids"])
    plain = Network(folder, {}, 0).logits(ids)
    assert (plain - torch.tensor(given["logits"], dtype=torch.float64)).abs().max() < 1e-9, "not the model"
    logits = Network(folder, adapters, alpha / rank).logits(ids)
    predicted = Network(folder, adapters, alpha / rank).logits(ids[:, :-1])
    loss = F.cross_entropy(predicted.flatten(0, 1), ids[:, 1:].flatten())
    loss.backward()
    grads = {}
    prefix = "transformer." if gpt2 else ""
    for layer, (down, up) in adapters.items():
        grads[prefix + layer] = {"A": down.grad.tolist(), "B": up.grad.tolist()}
    target = RESOURCES / "lora" / name
    target.mkdir(parents=True, exist_ok=True)
    write(target / "adapter_model.safetensors", stored, dtype)
    config = {
        "alpha_pattern": {}, "base_model_name_or_path": f"../../models/{model}", "bias": "none",
        "fan_in_fan_out": gpt2, "inference_mode": True, "init_lora_weights": True, "layer_replication": None,
        "layers_pattern": None, "layers_to_transform": None, "lora_alpha": alpha, "lora_dropout": 0.0,
        "modules_to_save": None, "peft_type": "LORA", "r": rank, "rank_pattern": {}, "revision": None,
        "target_modules": targets, "task_type": "CAUSAL_LM", "use_dora": False, "use_rslora": False}
    (target / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n")
    expected = {"input_ids": given["input_ids"], "logits": logits.tolist(), "loss": loss.item(), "grad": grads}
    (target / "expected.json").write_text(json.dumps(expected) + "\n")


golden("qwen2-bf16", "qwen2-all", 3, 6, ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"], "F32", 1)
golden("qwen2-bf16", "qwen2-some", 2, 1, ["v_proj", "up_proj"], "BF16", 2)
golden("gpt2-f32", "gpt2-all", 4, 16, ["c_attn", "c_proj", "c_fc"], "F32", 3)
