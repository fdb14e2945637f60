# A how-to's C++ blocks are, put together, its program, which prints what the page shows; so do its commands, run after the
# program in the same folder. What the page's Python wrote stands in tests/golden/howto, as PyTorch and NumPy wrote it.
# usage: test_howto.py PAGE SOURCE PROGRAM GOSSAMER [--record]
# --record: runs the page's Python as well, which needs what it imports: the blocks above the first one in C++ before the
# program, and the files that they write go to tests/golden/howto; the others after it, with the same variables.
import difflib
import importlib.util
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

tests = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(tests / "support"))
from pages import blocks, run_commands  # noqa: E402: the folder is known only now

NUMBER = re.compile(r"-?\d+\.\d+")


def same_line(shown, printed):
    """Words and whole numbers are equal; fractions depend, in their last digits, on the machine's SIMD target."""
    if NUMBER.sub("#", shown) != NUMBER.sub("#", printed):
        return False
    pairs = zip(NUMBER.findall(shown), NUMBER.findall(printed))
    return all(abs(float(a) - float(b)) <= 0.02 * abs(float(a)) + 10 ** -len(a.partition(".")[2]) for a, b in pairs)


def compare(shown, printed, what):
    shown, printed = shown.splitlines(), printed.splitlines()
    if len(shown) != len(printed) or not all(map(same_line, shown, printed)):
        sys.exit("".join(difflib.unified_diff([line + "\n" for line in shown], [line + "\n" for line in printed], str(page), what)))


page, source, program, gossamer = (pathlib.Path(path).resolve() for path in sys.argv[1:5])
record = sys.argv[5:] == ["--record"]
text = page.read_text()
told, written = "\n".join(blocks(text, "cpp")), source.read_text()
if told != written:
    sys.exit("".join(difflib.unified_diff(told.splitlines(True), written.splitlines(True), str(page), str(source))))

recorded = tests / "golden" / "howto" / page.stem
before, cpp, after = text.partition("```cpp\n")
before, after = (compile("\n".join(blocks(part, "python")), str(page), "exec") for part in (before, cpp + after))
with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    variables = {"__name__": "__main__"}
    if record:
        if importlib.util.find_spec("safetensors") is None:
            sys.path.append(str(tests / "support" / "stand_ins"))
        exec(before, variables)
        shutil.copytree(folder, recorded, dirs_exist_ok=True)
    elif recorded.exists():
        shutil.copytree(recorded, folder, dirs_exist_ok=True)
    done = subprocess.run([program], capture_output=True, text=True, timeout=300)
    if done.returncode:
        sys.exit(f"{program} ended with {done.returncode}:\n{done.stderr}")
    compare(blocks(text, "text")[0], done.stdout, "what it prints")
    for block in blocks(text, "console"):
        compare(block, run_commands(block, folder, gossamer), "what its commands print")
    if record:
        exec(after, variables)
    os.chdir(tests)
