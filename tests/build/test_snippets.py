# The C++ of the pages compiles. A block is the body of a function that sees what its page speaks of; programs are
# examples, which are built and run. Blocks of a how-to that are no part of its program (c++) are declarations.
# usage: test_snippets.py SOURCE -- COMPILER...
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
from pages import blocks  # noqa: E402: the folder is known only now

# What the pages take for granted.
PROLOGUE = """
#include <fmt/format.h>

#include "gossamer/gossamer.h"
using namespace gossamer;
namespace gs = gossamer;
namespace gd = gossamer::data;
namespace sp = gossamer::sparse;
extern nn::Sequential model;
extern optim::AdamW optimizer;
"""
PAGES = {
    "training": "extern const int64_t steps, parts; data::Batch next_micro_batch();",
    "sparsity": "extern sp::Group sparsity; extern const StateDict weights, states, steps;",
    "sparsity-beyond": "",
    "data": "",
    "checkpoints": "extern train::Checkpoint run; extern optim::LrScheduler history;",
}

source, compiler = pathlib.Path(sys.argv[1]), sys.argv[3:]
code = PROLOGUE
for page, declarations in PAGES.items():
    text = (source / "docs" / f"{page}.md").read_text()
    code += f"namespace page_{page.replace('-', '_')} {{\n{declarations}\n"
    for number, block in enumerate(blocks(text, "cpp")):
        if "int main(" in block:
            continue
        line = text[: text.index(block)].count("\n") + 1
        code += f'void block_{number}() {{\n#line {line} "docs/{page}.md"\n{block};\n}}\n'
    code += "}\n"

for page in sorted((source / "docs" / "howto").glob("*.md")):
    text = page.read_text()
    code += f"namespace howto_{page.stem.replace('-', '_')} {{\n"
    for block in blocks(text, r"c\+\+"):
        code += f'#line {text[: text.index(block)].count(chr(10)) + 1} "docs/howto/{page.name}"\n{block}\n'
    code += "}\n"

with tempfile.TemporaryDirectory() as folder:
    file = pathlib.Path(folder) / "snippets.cc"
    file.write_text(code)
    done = subprocess.run([*compiler, "-std=c++20", "-fsyntax-only", "-w", "-I", source / "include", file])
sys.exit(done.returncode)
