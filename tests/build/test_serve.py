#!/usr/bin/env python3
"""examples/serve answers as PyTorch's formula does, from every form in which a pruned network is written.

usage: test_serve.py PROGRAM
"""

import json
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
from array import array

SIZES = [784, 1024, 1024, 10]
random.seed(1)


def safetensors(tensors):
    """A file of F32 tensors, by name: (shape, array)."""
    header, offset = {}, 0
    for name, (shape, values) in tensors.items():
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, offset + 4 * len(values)]}
        offset += 4 * len(values)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + b"".join(values.tobytes() for _, values in tensors.values())


weights, masks, biases = [], [], []
for inputs, outputs in zip(SIZES, SIZES[1:]):
    count = inputs * outputs
    weights.append(array("f", (random.gauss(0, inputs ** -0.5) * 3 for _ in range(count))))
    masks.append(array("f", (1.0 if outputs == 10 or random.random() < 0.02 else 0.0 for _ in range(count))))
    biases.append(array("f", (random.uniform(-0.1, 0.1) for _ in range(outputs))))

pruned, zeros = {}, {}
for i, (weight, mask, bias) in enumerate(zip(weights, masks, biases), 1):
    shape = [SIZES[i], SIZES[i - 1]]
    product = array("f", (w * m for w, m in zip(weight, mask)))
    zeros[f"fc{i}.weight"] = (shape, product)
    if i == 3:
        pruned[f"fc{i}.weight"] = (shape, weight)
    else:
        pruned[f"fc{i}.weight_orig"] = (shape, weight)
        pruned[f"fc{i}.weight_mask"] = (shape, mask)
    for tensors in (pruned, zeros):
        tensors[f"fc{i}.bias"] = ([SIZES[i]], bias)


def expected(x):
    for i in range(3):
        weight, inputs = zeros[f"fc{i + 1}.weight"][1], SIZES[i]
        rows = (weight[r * inputs:(r + 1) * inputs] for r in range(SIZES[i + 1]))
        x = [sum(a * b for a, b in zip(row, x) if a) + bias for row, bias in zip(rows, biases[i])]
        if i < 2:
            x = [max(0.0, v) for v in x]
    return max(range(10), key=x.__getitem__)


requests = [[round(random.random(), 3) for _ in range(784)] for _ in range(3)]
answers = [expected(x) for x in requests]
text = "\n".join(" ".join(map(str, x)) for x in requests) + "\n"
with tempfile.TemporaryDirectory() as folder:
    for form, tensors in (("pruned", pruned), ("zeros", zeros)):
        path = pathlib.Path(folder) / f"{form}.safetensors"
        path.write_bytes(safetensors(tensors))
        done = subprocess.run([sys.argv[1], path, "2"], input=text, capture_output=True, text=True, check=True)
        *lines, sparse, dense = done.stdout.splitlines()
        got = sorted(tuple(map(int, line.split())) for line in lines)
        assert got == list(enumerate(answers, 1)), (form, got, answers)
        assert sparse.startswith("CSR: p50 ") and dense.startswith("dense: p50 "), (sparse, dense)
    path.write_bytes(b"no file of tensors")
    done = subprocess.run([sys.argv[1], path], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and path.name in done.stderr, done.stderr
