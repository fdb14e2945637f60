#!/usr/bin/python3
"""Time of a training step of examples/cnn_model.h in that of the same network in PyTorch on the CPU, dense and sparse.

    taskset -c 1 bench/compare_torch_cnn.py build/release/bench/bench_cnn [--rounds 9] [--width 32] [--batch 128]

Needs PyTorch (Debian: python3-torch). Forward, backward and AdamW; one thread; the sides take turns within one run, times
are CPU seconds. MALLOC_TOP_PAD_=268435456 MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=-1 lets PyTorch keep its memory.
"""

import argparse
import statistics
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

from line_program import Program


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if inputs != outputs or stride != 1:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        return F.relu(self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x))))) + self.shortcut(x))


class Net(nn.Sequential):
    def __init__(self, width, stages=3, blocks=2):
        layers = [nn.Conv2d(1, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
        inputs = width
        for stage in range(stages):
            for i in range(blocks):
                layers.append(Block(inputs, width << stage, 2 if stage > 0 and i == 0 else 1))
                inputs = width << stage
        super().__init__(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, 10))


class Torch:
    def __init__(self, width, batch):
        self.net = Net(width)
        self.optimizer = torch.optim.AdamW(self.net.parameters(), lr=1e-3)
        self.images = torch.rand(batch, 1, 28, 28) * 2 - 1
        self.labels = torch.arange(batch) % 10

    def run(self):
        start = time.process_time()
        loss = F.cross_entropy(self.net(self.images), self.labels)
        forward = time.process_time()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        backward = time.process_time()
        self.optimizer.step()
        return forward - start, backward - forward, time.process_time() - backward


class Gossamer(Program):
    def __init__(self, program, width, batch, sparsity):
        super().__init__(program)
        self.ask("set", width, batch, sparsity)

    def run(self):
        return self.seconds("run")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--sparsities", default="0.9,0.95")
    args = parser.parse_args()
    torch.set_num_threads(1)
    names = ["PyTorch", "dense"] + [f"{100 * float(s):g} %" for s in args.sparsities.split(",")]
    sides = [Torch(args.width, args.batch), Gossamer(args.program, args.width, args.batch, 0)]
    sides += [Gossamer(args.program, args.width, args.batch, float(s)) for s in args.sparsities.split(",")]
    for side in sides:
        side.run()
    rounds = [[side.run() for side in sides] for _ in range(args.rounds)]
    print("weights | forward, ms | backward, ms | update, ms | images/s | in times of PyTorch")
    for i, name in enumerate(names):
        parts = [1e3 * statistics.median(r[i][part] for r in rounds) for part in range(3)]
        rate = args.batch / statistics.median(sum(r[i]) for r in rounds)
        ratio = statistics.median(sum(r[i]) / sum(r[0]) for r in rounds)
        print(f"{name} | {parts[0]:.1f} | {parts[1]:.1f} | {parts[2]:.1f} | {rate:.0f} | {ratio:.2f}")


if __name__ == "__main__":
    main()
