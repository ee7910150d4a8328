"""Log-probability of a token and entropy of its distribution, forward and backward, in PyTorch: the work of
`geomean bench kernels --kernels token_log_prob_both`."""

import measure
import torch


def main():
    options = measure.parser(__doc__)
    measure.add_budget(options)
    options.add_argument("--rows", type=int, default=2048)
    options.add_argument("--vocab", type=int, default=32000)
    options.add_argument("--compile", action="store_true", help="torch.compile instead of eager")
    options = options.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    before = measure.resident("VmRSS")
    logits = torch.randn(options.rows, options.vocab, requires_grad=True)
    targets = torch.randint(0, options.vocab, (options.rows,))
    grad_log_probs, grad_entropy = torch.randn(options.rows), torch.randn(options.rows)

    def outputs(scores, chosen):
        log_softmax = torch.log_softmax(scores, -1)
        log_probs = log_softmax.gather(-1, chosen[:, None]).squeeze(-1)
        return log_probs, -(log_softmax.exp() * log_softmax).sum(-1)

    outputs = torch.compile(outputs) if options.compile else outputs

    def both():
        logits.grad = None
        torch.autograd.backward(outputs(logits, targets), (grad_log_probs, grad_entropy))

    ordered = measure.timings(both, options.seconds, options.warmup)
    measure.emit(
        bench="kernels",
        kernel="token_log_prob_both",
        rows=options.rows,
        vocab=options.vocab,
        threads=options.threads,
        compile=options.compile,
        **measure.rate("calls_per_s", 1, ordered),
        rss_before_bytes=before,
        peak_rss_bytes=measure.resident("VmHWM"),
        torch=torch.__version__,
    )


if __name__ == "__main__":
    main()
