"""Batched sampling with a key/value cache in PyTorch. The work of `geomean bench generate`."""

import decoder
import measure
import torch


def main():
    options = measure.parser(__doc__)
    measure.add_budget(options)
    measure.add_device(options)
    decoder.add_options(options)
    options.add_argument("--prompt", type=int, default=8, help="tokens of a prompt, less than --seq")
    options = options.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    measure.use_device(options.device)
    sizes = decoder.shape(options)
    batch, seq, prompt = sizes["batch"], sizes["seq"], options.prompt
    if not 1 <= prompt < seq:
        raise SystemExit(f"--prompt must be from 1 to {seq - 1}, not {prompt}")
    network = decoder.Decoder(**sizes).eval()
    head = sizes["dim"] // sizes["heads"]
    caches = [
        (torch.zeros(batch, sizes["kv_heads"], seq, head), torch.zeros(batch, sizes["kv_heads"], seq, head))
        for _ in range(sizes["layers"])
    ]
    prompts = torch.randint(0, sizes["vocab"], (batch, prompt))
    forward = torch.compile(network, dynamic=True) if options.compile else network

    @torch.inference_mode()
    def generate():
        hidden = forward(prompts, caches, 0)[:, -1]
        tokens = []
        for position in range(prompt, seq):
            token = torch.multinomial(torch.softmax(network.head(hidden), -1), 1)
            tokens.append(token)
            if position + 1 < seq:
                hidden = forward(token, caches, position)[:, -1]
        return torch.cat(tokens, 1)

    ordered = measure.timings(measure.waiting(generate, options.device), options.seconds, options.warmup)
    measure.emit(
        bench="generate",
        config=options.config,
        **sizes,
        prompt=prompt,
        threads=options.threads,
        device=options.device,
        compile=options.compile,
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        **measure.rate("tokens_per_s", batch * (seq - prompt), ordered),
        device_bytes=measure.device_bytes(options.device),
        peak_rss_bytes=measure.resident("VmHWM"),
        torch=torch.__version__,
    )


if __name__ == "__main__":
    main()
