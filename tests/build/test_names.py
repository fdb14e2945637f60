# Every name of docs/names-from-pytorch.md is there: what stands in the right column is compiled.
# usage: test_names.py ROOT -- COMPILER...
import pathlib
import re
import subprocess
import sys
import tempfile

PROLOGUE = """
#include <iostream>

#include "gossamer/gossamer.h"
namespace gs = gossamer;
void page(gs::Tensor x, gs::Tensor y, gs::Tensor a, gs::Tensor b, gs::Tensor q, gs::Tensor mask, gs::Tensor index,
          gs::Tensor indices, gs::Tensor targets, gs::Tensor loss, gs::Generator rng, gs::nn::Sequential& model,
          gs::Parameter p, gs::optim::AdamW& optimizer, gs::data::DataLoader& loader, gs::StateDict arrays,
          std::shared_ptr<gs::data::Dataset> data, std::vector<float> values) {
"""

root = pathlib.Path(sys.argv[1])
page = root / "docs" / "names-from-pytorch.md"
statements = [(number, code) for number, line in enumerate(page.read_text().splitlines(), 1) if line.startswith("| `")
              for code in re.findall(r"`([^`]*)`", line.rsplit(" | ", 1)[1])]
if not statements:
    sys.exit(f"{page}: has no rows")
with tempfile.TemporaryDirectory() as folder:
    source = pathlib.Path(folder) / "names.cc"
    lines = [f'#line {number} "{page}"\n{{ {code} }}' for number, code in statements]
    source.write_text(PROLOGUE + "\n".join(lines) + "\n}\n")
    sys.exit(subprocess.run([*sys.argv[sys.argv.index("--") + 1:], "-std=c++20", "-fsyntax-only", "-w", "-I", root / "include",
                             source]).returncode)
