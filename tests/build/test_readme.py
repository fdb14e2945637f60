# The program in the README is the example that is built and run.
import pathlib
import sys

root = pathlib.Path(sys.argv[1])
program = (root / "examples/quickstart.cc").read_text()
if "```cpp\n" + program + "```" not in (root / "README.md").read_text():
    sys.exit("README.md: the program must be examples/quickstart.cc, letter for letter")
if len(program.splitlines()) >= 60:
    sys.exit("examples/quickstart.cc: must be under 60 lines")
