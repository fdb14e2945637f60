# What the how-tos say that the library says about mistakes is what it says: the text blocks after the first, line by line.
# usage: test_howto_mistakes.py FOLDER PROGRAM     (PROGRAM makes the mistakes: page, tab, message)
import collections
import difflib
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
from pages import blocks  # noqa: E402: the folder is known only now

folder, program = (pathlib.Path(path).resolve() for path in sys.argv[1:3])
with tempfile.TemporaryDirectory() as scratch:
    done = subprocess.run([program], cwd=scratch, capture_output=True, text=True, timeout=300, check=True)
said = collections.defaultdict(list)
for line in done.stdout.splitlines():
    page, message = line.split("\t", 1)
    said[page].append(message)

faults = []
for page, messages in said.items():
    shown = [line for block in blocks((folder / (page + ".md")).read_text(), "text")[1:] for line in block.splitlines()]
    faults += difflib.unified_diff(shown, messages, f"{page}.md", "what the library says", lineterm="")
if faults or not said:
    sys.exit("\n".join(faults) or f"{program} made no mistake")
