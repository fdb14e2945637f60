#!/usr/bin/python3
"""Training steps of a GPT, dense and with sparse blocks, in times of PyTorch on the CPU; and tokens written per second.

    taskset -c 1 bench/compare_torch_gpt.py build/release/bench/bench_gpt [--rounds 5] [--threads 1] [--sparsities 0.75,0.9]
    taskset -c 1 bench/compare_torch_gpt.py build/release/bench/bench_gpt --write 64

Needs PyTorch (Debian: python3-torch). A step is forward, cross-entropy, backward and AdamW on the same shapes. The sides
take turns within one run; times are CPU seconds with one thread, else seconds of the clock. With --write the models write
one sequence, by default of GPT-2's shape, and PyTorch is not asked.
"""

import argparse
import math
import statistics
import time

from line_program import Program


class Gossamer(Program):
    def __init__(self, program, threads, shape, sparsity, embedding_sparsity=0):
        super().__init__(program, str(threads))
        self.ask("set", *shape, sparsity, embedding_sparsity)

    def step(self):
        return self.seconds("step")

    def write(self, n):
        return float(self.ask("write", n))


class Torch:
    def __init__(self, threads, shape):
        import torch
        import torch.nn.functional as F
        from torch import nn

        torch.set_num_threads(threads)
        layers, dim, heads, context, batch, vocabulary = shape
        causal = torch.full((context, context), -math.inf).triu(1)

        class Block(nn.Module):
            def __init__(self):
                super().__init__()
                self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
                self.qkv, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
                self.fc1, self.fc2 = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)

            def forward(self, x):
                q, k, v = (y.view(batch, context, heads, -1).transpose(1, 2) for y in self.qkv(self.norm1(x)).split(dim, 2))
                scores = q @ k.transpose(2, 3) * (1 / math.sqrt(dim / heads)) + causal
                y = (scores.softmax(-1) @ v).transpose(1, 2).reshape(batch, context, dim)
                x = x + self.out(y)
                return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))

        class Model(nn.Module):
            def __init__(self):
                super().__init__()
                self.tokens, self.positions = nn.Embedding(vocabulary, dim), nn.Embedding(context, dim)
                self.blocks = nn.Sequential(*(Block() for _ in range(layers)))
                self.norm = nn.LayerNorm(dim)

            def forward(self, tokens):
                x = self.tokens(tokens) + self.positions(torch.arange(context))
                return F.linear(self.norm(self.blocks(x)), self.tokens.weight)

        self.model = Model()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-4)
        self.tokens = torch.randint(vocabulary, (batch, context))
        self.targets = torch.randint(vocabulary, (batch, context))
        self.now = time.thread_time if threads == 1 else time.perf_counter
        self.loss = lambda: F.cross_entropy(self.model(self.tokens).flatten(0, 1), self.targets.flatten())

    def step(self):
        start = self.now()
        loss = self.loss()
        forward = self.now()
        self.optimizer.zero_grad()
        loss.backward()
        backward = self.now()
        self.optimizer.step()
        return [forward - start, backward - forward, self.now() - backward]


def compare_steps(args, shape, sparsities):
    sides = {"PyTorch": Torch(args.threads, shape)}
    for s in sparsities:
        sides["dense" if s == 0 else f"{100 * s:g} %"] = Gossamer(args.program, args.threads, shape, s)
    rounds = [{name: side.step() for name, side in sides.items()} for _ in range(args.rounds + 1)][1:]
    print("              tokens/s   forward  backward    AdamW ms   of PyTorch's time   of dense's")
    for name in sides:
        parts = [1e3 * statistics.median(r[name][i] for r in rounds) for i in range(3)]
        of = lambda other: statistics.median(sum(r[name]) / sum(r[other]) for r in rounds)
        print(f"{name:12} {1e3 * shape[3] * shape[4] / sum(parts):9.0f} {parts[0]:9.1f} {parts[1]:9.1f} {parts[2]:11.1f} "
              f"{of('PyTorch'):19.2f} {of('dense'):12.2f}")


def compare_writing(args, shape, sparsities):
    sides = {s: Gossamer(args.program, args.threads, shape, s, s if args.sparse_output else 0) for s in sparsities}
    rounds = [{s: side.write(args.write) for s, side in sides.items()} for _ in range(args.rounds + 1)][1:]
    for s in sides:
        print(f"{100 * s:3g} % sparse: {args.write / statistics.median(r[s] for r in rounds):7.1f} tokens/s, "
              f"{statistics.median(r[0] / r[s] for r in rounds):.2f} times dense")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="bench_gpt of a build with -Dbench=true")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sparsities", help="beside dense; default 0.75,0.9, with --write 0.5,0.75,0.9")
    parser.add_argument("--write", type=int, metavar="N", help="write N tokens instead of training")
    parser.add_argument("--sparse-output", action="store_true", help="with --write: the embedding and output too")
    parser.add_argument("--shape", help="layers,dim,heads,context,batch,vocabulary; default 4,512,8,256,4,256, "
                                        "with --write 12,768,12,1024,1,50257")
    args = parser.parse_args()
    shape = args.shape or ("12,768,12,1024,1,50257" if args.write else "4,512,8,256,4,256")
    sparsities = args.sparsities or ("0.5,0.75,0.9" if args.write else "0.75,0.9")
    compare = compare_writing if args.write else compare_steps
    compare(args, [int(part) for part in shape.split(",")], [0] + [float(s) for s in sparsities.split(",")])


if __name__ == "__main__":
    main()
