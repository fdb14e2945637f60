"""The version is one, wherever it is written; and a program that is compiled as C++17 is told what it needs.

usage: test_version.py SOURCE_DIR VERSION -- COMPILER...
"""

import pathlib
import re
import subprocess
import sys

source, version, compiler = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[4:]
include = source / "include"


def compile_text(standard, text, *options):
    return subprocess.run([*compiler, f"-std={standard}", "-I", include, "-x", "c++", *options, "-"], input=text,
                          capture_output=True, text=True, check=False)


# What the preprocessor makes of the macros, since the library's build and others read the header as text.
expanded = compile_text("c++20", '#include "gossamer/version.h"\nis GOSSAMER_VERSION_MAJOR.GOSSAMER_VERSION_MINOR.'
                        'GOSSAMER_VERSION_PATCH GOSSAMER_VERSION_STRING\n', "-E", "-P").stdout
if f'is {version} "{version}"' not in re.sub(r"(\d)\s*\.\s*(?=\d)", r"\1.", expanded):
    sys.exit(f"include/gossamer/version.h: must be {version}, as meson.build; {expanded.splitlines()[-1]}")

for header in ["gossamer/gossamer.h", "gossamer/tensor.h", "gossamer/sparse/rigl.h", "gossamer/nn/linear.h"]:
    result = compile_text("c++17", f'#include "{header}"\n', "-fsyntax-only")
    errors = [line for line in result.stderr.splitlines() if "error:" in line]
    if result.returncode == 0 or "Gossamer needs C++20" not in errors[0]:
        sys.exit(f"{header} as C++17: the first error must say what is needed:\n" + "\n".join(errors[:2]))
