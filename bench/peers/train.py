"""Training steps in PyTorch: forward pass, GMPO loss, backward pass, clipping, AdamW. The work of `geomean bench train`."""

import math

import decoder
import measure
import torch

CLIP = 0.4


def main():
    options = measure.parser(__doc__)
    measure.add_budget(options)
    measure.add_device(options)
    decoder.add_options(options)
    options = options.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    measure.use_device(options.device)
    sizes = decoder.shape(options)
    batch, seq, vocab = sizes["batch"], sizes["seq"], sizes["vocab"]
    network = decoder.Decoder(**sizes)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, betas=(0.9, 0.999), weight_decay=0.01, fused=True)
    ids = torch.randint(0, vocab, (batch, seq + 1))
    old_log_probs = torch.randn(batch, seq) * 0.1 - math.log(vocab)
    advantages = torch.randn(batch)

    def loss_of(inputs, targets):
        log_probs = torch.log_softmax(network.head(network(inputs)), -1).gather(-1, targets[..., None]).squeeze(-1)
        difference = log_probs - old_log_probs
        clipped = torch.where(
            (advantages >= 0)[:, None], difference.clamp(max=CLIP), difference.clamp(min=-CLIP)
        )
        return (-advantages * torch.exp(clipped.mean(1))).mean()

    loss_of = torch.compile(loss_of) if options.compile else loss_of

    def step():
        loss = loss_of(ids[:, :-1], ids[:, 1:])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()

    ordered = measure.timings(measure.waiting(step, options.device), options.seconds, options.warmup)
    measure.emit(
        bench="train",
        config=options.config,
        **sizes,
        threads=options.threads,
        device=options.device,
        compile=options.compile,
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        **measure.rate("tokens_per_s", batch * seq, ordered),
        device_bytes=measure.device_bytes(options.device),
        peak_rss_bytes=measure.resident("VmHWM"),
        torch=torch.__version__,
    )


if __name__ == "__main__":
    main()
