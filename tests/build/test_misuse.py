"""Mistakes that compilers can see are seen: each line below that ends in a comment draws a warning or an error, and no
other does. It says who sees it: every compiler, or clang alone.

usage: test_misuse.py ROOT -- COMPILER...
"""

import pathlib
import re
import subprocess
import sys

SOURCE = """
#include "gossamer/gossamer.h"
namespace gs = gossamer;
float use(const float* elements) { return *elements; }
float mistakes(const gs::Tensor& x) {
  gs::NoGrad();  // every
  gs::nn::init::Skip();  // every
  gs::relu(x);  // every
  const auto elements = gs::relu(x).span<float>();  // every
  float total = 0;
  for (const float v : (x * 2.0).span<float>()) total += v;  // every
  const float* const dangling = gs::relu(x).data<float>();  // clang
  const gs::Shape& shape = gs::relu(x).shape();  // clang
  return total + *dangling + elements[0] + static_cast<float>(shape.rank());
}
float uses(const gs::Tensor& x) {
  const gs::NoGrad guard;
  float total = use(gs::relu(x).data<float>());
  const gs::Tensor y = x * 2.0;
  for (const float v : y.span<float>()) total += v;
  for (const float v : gs::relu(x).to_vector<float>()) total += v;
  const float* const first = y.data<float>();
  return total + *first;
}
"""

root, separator, *compiler = sys.argv[1:]
assert separator == "--"
version = subprocess.run(compiler + ["--version"], capture_output=True, text=True, check=True).stdout
seers = {"every", "clang"} if "clang" in version else {"every"}
lines = SOURCE.splitlines()
expected = {number for number, line in enumerate(lines, 1) if line.rpartition("// ")[2] in seers}

command = compiler + ["-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-I", str(pathlib.Path(root) / "include"),
                      "-x", "c++", "-"]
output = subprocess.run(command, input=SOURCE, capture_output=True, text=True).stderr
seen = {int(number) for number in re.findall(r"^<stdin>:(\d+):\d+: (?:warning|error)", output, re.MULTILINE)}
if seen != expected:
    for number in sorted(seen ^ expected):
        print("drew nothing:" if number in expected else "drew something:", lines[number - 1].strip(), file=sys.stderr)
    sys.exit(output)
