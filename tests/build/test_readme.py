# The programs in the README and in docs are the examples that are built and run, and so are the projects in docs/install.md.
import pathlib
import sys

root = pathlib.Path(sys.argv[1])
for page, example in [("README.md", "quickstart.cc"), ("docs/checkpoints.md", "resume.cc")]:
    program = (root / "examples" / example).read_text()
    if "```cpp\n" + program + "```" not in (root / page).read_text():
        sys.exit(f"{page}: the program must be examples/{example}, letter for letter")
    if len(program.splitlines()) >= 60:
        sys.exit(f"examples/{example}: must be under 60 lines")

install = (root / "docs/install.md").read_text()
for name in ["pkg-config/build.sh", "make/Makefile", "cmake/CMakeLists.txt", "cmake-fetch/CMakeLists.txt", "meson/meson.build"]:
    if f"\n{(root / 'examples/embed' / name).read_text()}```" not in install:
        sys.exit(f"docs/install.md: must have examples/embed/{name}, letter for letter")
