# The program in the README is the example that is built and run, and so are the projects in docs/install.md.
import pathlib
import sys

root = pathlib.Path(sys.argv[1])
program = (root / "examples/quickstart.cc").read_text()
if "```cpp\n" + program + "```" not in (root / "README.md").read_text():
    sys.exit("README.md: the program must be examples/quickstart.cc, letter for letter")
if len(program.splitlines()) >= 60:
    sys.exit("examples/quickstart.cc: must be under 60 lines")

install = (root / "docs/install.md").read_text()
for name in ["pkg-config/build.sh", "make/Makefile", "cmake/CMakeLists.txt", "cmake-fetch/CMakeLists.txt", "meson/meson.build"]:
    if f"\n{(root / 'examples/embed' / name).read_text()}```" not in install:
        sys.exit(f"docs/install.md: must have examples/embed/{name}, letter for letter")
