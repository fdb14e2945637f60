"""Installs the library into a temporary folder and there builds and runs a program that knows nothing but pkg-config.

usage: test_install.py --build BUILD_DIR --source PROGRAM.cc -- COMPILER...
"""

import argparse
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile


def run(command, **options):
    """Runs a command and returns its output; a failure ends the test and shows what the command said."""
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options)
    if result.returncode != 0:
        sys.exit(f"{shlex.join(map(str, command))} failed with {result.returncode}:\n{result.stdout}")
    return result.stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True, type=pathlib.Path)
    parser.add_argument("--source", required=True, type=pathlib.Path)
    parser.add_argument("compiler", nargs="+")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        run(["meson", "install", "-C", arguments.build, "--no-rebuild", "--quiet", "--destdir", root / "tree"])
        (description,) = (root / "tree").rglob("gossamer.pc")
        environment = os.environ | {"PKG_CONFIG_PATH": str(description.parent)}
        flags = shlex.split(run(["pkg-config", "--cflags", "--libs", "gossamer"], env=environment))
        # The source is copied away, so that a header of the source tree cannot stand in for an installed one.
        program = root / "program.cc"
        program.write_bytes(arguments.source.read_bytes())
        run([*arguments.compiler, "-std=c++20", program, "-o", root / "program", *flags])
        libraries = description.parent.parent
        print(run([root / "program"], cwd=root, env=os.environ | {"LD_LIBRARY_PATH": str(libraries)}))


if __name__ == "__main__":
    main()
