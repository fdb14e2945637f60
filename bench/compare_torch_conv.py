#!/usr/bin/python3
"""Times of conv2d in those of PyTorch on the CPU, forward and backward, dense and at 90 % sparsity.

    taskset -c 1 bench/compare_torch_conv.py build/release/bench/bench_conv [--rounds 21]

Needs PyTorch (Debian: python3-torch). One thread; the three sides take turns within one run, times are CPU seconds.
"""

import argparse
import statistics
import time

import torch
import torch.nn.functional as F

from line_program import Program

# n, channels, height and width, output channels, kernel, stride, padding, groups
LAYERS = [
    (32, 1, 28, 16, 3, 1, 1, 1),
    (32, 3, 32, 16, 3, 1, 1, 1),
    (32, 16, 28, 16, 3, 1, 1, 1),
    (32, 32, 28, 32, 3, 1, 1, 1),
    (32, 32, 32, 32, 3, 1, 1, 1),
    (32, 64, 28, 64, 3, 1, 1, 1),
    (32, 16, 28, 32, 3, 2, 1, 1),
    (32, 32, 28, 64, 3, 2, 1, 1),
    (32, 16, 28, 64, 1, 1, 0, 1),
    (32, 64, 28, 64, 1, 1, 0, 1),
    (32, 32, 28, 64, 1, 2, 0, 1),
    (32, 64, 14, 64, 3, 1, 1, 1),
    (32, 128, 14, 128, 3, 1, 1, 1),
    (32, 256, 14, 256, 3, 1, 1, 1),
    (32, 128, 7, 128, 3, 1, 1, 1),
    (32, 256, 7, 256, 3, 1, 1, 1),
    (32, 512, 7, 512, 3, 1, 1, 1),
    (32, 256, 14, 512, 3, 2, 1, 1),
    (32, 64, 28, 64, 3, 1, 1, 64),
    (32, 32, 32, 32, 3, 1, 1, 32),
    (32, 64, 28, 64, 3, 2, 1, 64),
    (32, 64, 28, 64, 5, 1, 2, 64),
    (32, 256, 14, 256, 3, 1, 1, 256),
    (32, 256, 14, 256, 3, 2, 1, 256),
]


class Gossamer(Program):
    def __init__(self, program, layer, sparsity):
        super().__init__(program)
        self.ask("set", *layer, sparsity)

    def run(self):
        return self.seconds("run")


class Torch:
    def __init__(self, layer):
        n, channels, size, out, kernel, stride, padding, groups = layer
        self.x = torch.randn(n, channels, size, size, requires_grad=True)
        self.w = torch.randn(out, channels // groups, kernel, kernel, requires_grad=True)
        self.b = torch.randn(out, requires_grad=True)
        self.options = {"stride": stride, "padding": padding, "groups": groups}
        self.dy = torch.randn_like(F.conv2d(self.x, self.w, self.b, **self.options))

    def run(self):
        self.x.grad = self.w.grad = self.b.grad = None
        start = time.process_time()
        y = F.conv2d(self.x, self.w, self.b, **self.options)
        middle = time.process_time()
        y.backward(self.dy)
        return middle - start, time.process_time() - middle


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--rounds", type=int, default=21)
    args = parser.parse_args()
    torch.set_num_threads(1)
    print("x, output channels, window, stride, groups | PyTorch ms | dense / PyTorch | 90 % / dense")
    for layer in LAYERS:
        n, channels, size, out, kernel, stride, _, groups = layer
        sides = [Torch(layer), Gossamer(args.program, layer, 0)]
        if groups == 1:
            sides.append(Gossamer(args.program, layer, 0.9))
        times = [[sum(side.run()) for side in sides] for _ in range(args.rounds)]
        torch_ms = 1e3 * statistics.median(t[0] for t in times)
        dense = statistics.median(t[1] / t[0] for t in times)
        sparse = f"{statistics.median(t[2] / t[1] for t in times):.2f}" if groups == 1 else "-"
        print(f"[{n}, {channels}, {size}, {size}] {out} {kernel}x{kernel} {stride} {groups} | "
              f"{torch_ms:.2f} | {dense:.2f} | {sparse}", flush=True)


if __name__ == "__main__":
    main()
