"""Timing, memory and output shared by the PyTorch programs. Fields have the names that `geomean bench --json` uses."""

import argparse
import json
import time

import torch

LEAST_RUNS = 5


def parser(description, threads=(2, int)):
    """Options of every program; threads is the default of --threads and its type."""
    options = argparse.ArgumentParser(description=description)
    options.add_argument("--threads", default=threads[0], type=threads[1], help="threads of PyTorch")
    return options


def add_budget(options):
    """Options of programs that repeat one piece of work."""
    options.add_argument("--seconds", type=float, default=3, help="time to measure, at least 5 runs")
    options.add_argument("--warmup", type=float, default=2, help="seconds of the same work before that")


def add_device(options):
    """Adds --device."""
    options.add_argument("--device", default="cpu", help="where PyTorch computes, for example cuda:0")


def use_device(device):
    """Makes tensors and modules of this process on a device from here on."""
    torch.set_default_device(device)


def waiting(work, device):
    """The work, and after it a wait for a GPU, which computes beside the host."""
    if not device.startswith("cuda"):
        return work

    def both():
        work()
        torch.cuda.synchronize()

    return both


def device_bytes(device):
    """The most bytes that were taken on a GPU at any moment; None on the CPU."""
    return torch.cuda.max_memory_reserved() if device.startswith("cuda") else None


def timings(work, seconds, warmup):
    """Seconds of each run, sorted; work shorter than half a millisecond is run several times for each."""
    start = time.perf_counter()
    runs, shortest = 0, float("inf")
    while runs < LEAST_RUNS or time.perf_counter() - start < warmup:
        before = time.perf_counter()
        work()
        shortest = min(shortest, time.perf_counter() - before)
        runs += 1
    calls = max(1, round(5e-4 / shortest + 0.5))
    samples = []
    start = time.perf_counter()
    while len(samples) < LEAST_RUNS or time.perf_counter() - start < seconds:
        before = time.perf_counter()
        for _ in range(calls):
            work()
        samples.append((time.perf_counter() - before) / calls)
    return sorted(samples)


def quantile(ordered, fraction):
    """Quantile of sorted values, interpolated between neighbours."""
    position = fraction * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (position - below) * (ordered[above] - ordered[below])


def rate(name, amount, ordered):
    """Fields of a rate: median, tenth and ninetieth percentile."""
    return {
        name: amount / quantile(ordered, 0.5),
        name + "_p10": amount / quantile(ordered, 0.9),
        name + "_p90": amount / quantile(ordered, 0.1),
        "seconds_per_step": quantile(ordered, 0.5),
    }


def resident(field):
    """Resident memory in bytes, VmHWM (the most ever) or VmRSS (now); None where there is no /proc."""
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            for line in status:
                if line.startswith(field + ":"):
                    return 1024 * int(line.split()[1])
    except OSError:
        pass
    return None


def emit(**fields):
    """Prints one JSON line at once."""
    print(json.dumps({key: value for key, value in fields.items() if value is not None}), flush=True)
