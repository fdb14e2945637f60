# A how-to's blocks are, put together, its program, and the program prints what the page shows.
# usage: test_howto.py PAGE SOURCE PROGRAM
import difflib
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
from pages import blocks  # noqa: E402: the folder is known only now

NUMBER = re.compile(r"-?\d+\.\d+")


def same_line(shown, printed):
    """Words and whole numbers are equal; fractions depend, in their last digits, on the machine's SIMD target."""
    if NUMBER.sub("#", shown) != NUMBER.sub("#", printed):
        return False
    pairs = zip(NUMBER.findall(shown), NUMBER.findall(printed))
    return all(abs(float(a) - float(b)) <= 0.02 * abs(float(a)) + 10 ** -len(a.partition(".")[2]) for a, b in pairs)


page, source, program = (pathlib.Path(path).resolve() for path in sys.argv[1:4])
text = page.read_text()
told, written = "\n".join(blocks(text, "cpp")), source.read_text()
if told != written:
    sys.exit("".join(difflib.unified_diff(told.splitlines(True), written.splitlines(True), str(page), str(source))))

with tempfile.TemporaryDirectory() as folder:
    for number, code in enumerate(blocks(text, "python")):
        compile(code, f"{page}: python block {number}", "exec")
    done = subprocess.run([program], cwd=folder, capture_output=True, text=True, timeout=300)
if done.returncode:
    sys.exit(f"{program} ended with {done.returncode}:\n{done.stderr}")
shown, printed = blocks(text, "text")[0].splitlines(), done.stdout.splitlines()
if len(shown) != len(printed) or not all(map(same_line, shown, printed)):
    sys.exit("".join(difflib.unified_diff([line + "\n" for line in shown], [line + "\n" for line in printed], str(page), "what it prints")))
