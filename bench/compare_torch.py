#!/usr/bin/python3
"""Times of Gossamer's operations in those of PyTorch on the CPU, forward and backward.

    bench/compare_torch.py build/release/bench/bench_ops [--threads 1] [--ops exp,softmax] [--rounds 15]

Needs PyTorch (Debian: python3-torch). Both sides take turns within one run, on as many threads; a figure is the median of
the ratios of the turns. With one thread, time is CPU time of that thread. See docs/benchmarks.md.
"""

import argparse
import statistics
import time

import torch
import torch.nn.functional as F

from line_program import Program

ROW = 1024
UNITS = {"Ki": 1 << 10, "Mi": 1 << 20}
TURN_SECONDS = 0.02


def elements_of(size):
    return int(size[:-2]) * UNITS[size[-2:]]


def tensor(elements):
    row = min(elements, ROW)
    return torch.empty(elements // row, row).uniform_(-1, 1)


def unary(op):
    def make(elements):
        x = tensor(elements).requires_grad_()
        grad = torch.rand_like(x)

        def step():
            y = op(x)
            if y.dim() == 0:
                y.backward()
            else:
                y.backward(grad)
            x.grad = None

        return step

    return make


def binary(op):
    def make(elements):
        a, b = tensor(elements).requires_grad_(), tensor(elements).requires_grad_()
        grad = torch.rand_like(a)

        def step():
            op(a, b).backward(grad)
            a.grad = b.grad = None

        return step

    return make


def layer_norm(elements):
    x = tensor(elements).requires_grad_()
    weight = torch.rand(x.shape[1]).requires_grad_()
    bias = torch.rand(x.shape[1]).requires_grad_()
    grad = torch.rand_like(x)

    def step():
        F.layer_norm(x, weight.shape, weight, bias).backward(grad)
        x.grad = weight.grad = bias.grad = None

    return step


def cross_entropy(elements):
    x = tensor(elements).requires_grad_()
    targets = torch.arange(x.shape[0]) * 37 % x.shape[1]

    def step():
        F.cross_entropy(x, targets).backward()
        x.grad = None

    return step


def rule(Optimizer, **options):
    def make(elements):
        weight = tensor(elements).requires_grad_()
        weight.grad = tensor(elements)
        return Optimizer([weight], lr=1e-3, **options).step

    return make


OPS = {
    "exp": unary(torch.exp),
    "tanh": unary(torch.tanh),
    "gelu": unary(F.gelu),
    "gelu_tanh": unary(lambda x: F.gelu(x, approximate="tanh")),
    "silu": unary(F.silu),
    "relu": unary(torch.relu),
    "add": binary(torch.add),
    "mul": binary(torch.mul),
    "softmax": unary(lambda x: torch.softmax(x, -1)),
    "log_softmax": unary(lambda x: torch.log_softmax(x, -1)),
    "layer_norm": layer_norm,
    "cross_entropy": cross_entropy,
    "sum": unary(torch.sum),
    "mean": unary(torch.mean),
    "adadelta": rule(torch.optim.Adadelta),
    "adagrad": rule(torch.optim.Adagrad),
    "adamax": rule(torch.optim.Adamax),
    "adamw": rule(torch.optim.AdamW, weight_decay=0.01),
    "asgd": rule(torch.optim.ASGD),
    "nadam": rule(torch.optim.NAdam),
    "radam": rule(torch.optim.RAdam),
    "rmsprop": rule(torch.optim.RMSprop),
    "rprop": rule(torch.optim.Rprop),
    "sgd": rule(torch.optim.SGD, momentum=0.9),
}


def torch_seconds(step, calls, threads):
    now = time.thread_time if threads == 1 else time.perf_counter
    start = now()
    for _ in range(calls):
        step()
    return now() - start


def measure(gossamer, op, elements, threads, rounds):
    """The median times of a call, ours and PyTorch's, and the median of their ratios."""
    step = OPS[op](elements)

    def ours(calls):
        return float(gossamer.ask(op, elements, calls)) / calls

    def theirs(calls):
        return torch_seconds(step, calls, threads) / calls

    ours(3), theirs(3)
    calls = max(1, int(TURN_SECONDS / max(ours(3), theirs(3))))
    turns = []
    for _ in range(rounds):
        # Caches, clocks and threads are those of the side that is measured.
        ours(max(1, calls // 4))
        mine = ours(calls)
        theirs(max(1, calls // 4))
        turns.append((mine, theirs(calls)))
    return (statistics.median(a for a, _ in turns), statistics.median(b for _, b in turns),
            statistics.median(a / b for a, b in turns))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="bench_ops, as ./dev bench builds it")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--simd", help="the best SIMD target that ours may use, such as AVX2")
    parser.add_argument("--ops", default=",".join(OPS))
    parser.add_argument("--sizes", default="4Ki,1Mi,32Mi", help="in elements (%(default)s)")
    arguments = parser.parse_args()

    torch.set_num_threads(arguments.threads)
    simd = [arguments.simd] if arguments.simd else []
    gossamer = Program(arguments.program, "--turns", str(arguments.threads), *simd)
    sizes = arguments.sizes.split(",")
    print(f"PyTorch {torch.__version__}, {arguments.threads} thread(s); microseconds of ours / PyTorch's = ratio")
    print(f"{'':14}" + "".join(f"{size:>30}" for size in sizes))
    for op in arguments.ops.split(","):
        print(f"{op:14}", end="")
        for size in sizes:
            ours, theirs, ratio = measure(gossamer, op, elements_of(size), arguments.threads, arguments.rounds)
            print(f"{ours * 1e6:11.1f} /{theirs * 1e6:10.1f} ={ratio:5.2f}", end="", flush=True)
        print()


if __name__ == "__main__":
    main()
