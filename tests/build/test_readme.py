# The programs in the README and in docs are the examples that are built and run.
import pathlib
import sys

root = pathlib.Path(sys.argv[1])
for page, example in [("README.md", "quickstart.cc"), ("docs/checkpoints.md", "resume.cc")]:
    program = (root / "examples" / example).read_text()
    if "```cpp\n" + program + "```" not in (root / page).read_text():
        sys.exit(f"{page}: the program must be examples/{example}, letter for letter")
    if len(program.splitlines()) >= 60:
        sys.exit(f"examples/{example}: must be under 60 lines")
