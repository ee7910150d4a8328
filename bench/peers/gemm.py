"""Products of float32 matrices in PyTorch. The work of `geomean bench gemm`."""

import measure
import torch

SHAPES = "64,128,256,512,1024,2048,512x1536x384,1024x384x128,2048x512x128,16x1024x384,3072x64x192"


def sizes(text):
    """m, n and k of "512x1536x384", or of "512" for all three."""
    numbers = [int(number) for number in text.split("x")]
    return numbers * 3 if len(numbers) == 1 else numbers


def main():
    options = measure.parser(__doc__, threads=("1", str))
    measure.add_budget(options)
    options.add_argument("--shapes", default=SHAPES)
    options.add_argument("--transposed", default="none,left,right")
    options = options.parse_args()
    torch.manual_seed(0)
    for threads in map(int, options.threads.split(",")):
        torch.set_num_threads(threads)
        for m, n, k in map(sizes, options.shapes.split(",")):
            for transposed in options.transposed.split(","):
                a = torch.randn(k, m).t() if transposed == "left" else torch.randn(m, k)
                b = torch.randn(n, k).t() if transposed == "right" else torch.randn(k, n)
                out = torch.empty(m, n)
                ordered = measure.timings(lambda: torch.mm(a, b, out=out), options.seconds, options.warmup)
                measure.emit(
                    bench="gemm",
                    shape=f"{m}x{n}x{k}",
                    transposed=transposed,
                    threads=threads,
                    **measure.rate("gflops", 2e-9 * m * n * k, ordered),
                    torch=torch.__version__,
                )


if __name__ == "__main__":
    main()
