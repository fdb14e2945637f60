"""Prints the headers below a folder, one per line, relative to it and sorted."""

import pathlib
import sys

root = pathlib.Path(sys.argv[1])
print("\n".join(sorted(path.relative_to(root).as_posix() for path in root.rglob("*.h"))))
