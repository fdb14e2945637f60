"""CMake builds the library from source as Meson does: the same files, with the same flags, and nothing else. The whole
library would take minutes: a few of its files show that they find what they include.

usage: test_cmake_build.py SOURCE_DIR MESON_BUILD_DIR -- COMPILER...
"""

import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

source, meson_build, compiler = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]), sys.argv[4:]
# What decides on the code that is made of a file. Diagnostics, the size of file offsets on 32 bits and one library's note
# about how it is linked do not.
FLAGS = re.compile(r"-(f(?!diagnostics)|O|D(?!_FILE_OFFSET_BITS|HWY_SHARED_DEFINE)|std|m)")


def run(command, **options):
    """Runs a command and returns what it printed; a failure ends the test and shows that."""
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options)
    if result.returncode != 0:
        sys.exit(f"{shlex.join(map(str, command))} failed with {result.returncode}:\n{result.stdout}")
    return result.stdout


def compiled(build):
    """The flags of each file that is compiled into the library, or, in a build of the library alone, anywhere."""
    flags = {}
    for unit in json.loads((build / "compile_commands.json").read_text()):
        path = pathlib.Path(unit["directory"], unit["file"]).resolve()
        name = path.relative_to(source).as_posix() if path.is_relative_to(source) else str(path)
        if build != meson_build or unit["output"].startswith(("src/libgossamer", "kernels/")):
            flags[name] = {flag for flag in shlex.split(unit["command"]) if FLAGS.match(flag)}
    return flags


if not shutil.which("cmake"):
    print("cmake is not installed")
    sys.exit(77)
with tempfile.TemporaryDirectory() as folder:
    build = pathlib.Path(folder)
    setup = ["-G", "Ninja", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON"]
    if shutil.which("ccache"):
        setup.append("-DCMAKE_CXX_COMPILER_LAUNCHER=ccache")
    run(["cmake", "-S", source / "examples/embed/cmake-fetch", "-B", build, *setup],
        env=os.environ | {"CXX": compiler[-1]})

    meson, cmake = compiled(meson_build), compiled(build)
    del cmake["examples/embed/main.cc"]
    # -O3 and -DNDEBUG are the flags of a release build, which is what CMake makes where no build type is named.
    differing = [f"{name}: Meson {sorted(meson[name] - cmake[name])}, CMake {sorted(cmake[name] - meson[name])}"
                 for name in meson if name in cmake and meson[name] != cmake[name]]
    if meson.keys() != cmake.keys() or differing or len(meson) < 100:
        sys.exit("\n".join([f"{name}: not compiled by both" for name in sorted(meson.keys() ^ cmake.keys())] + differing[:10]))

    objects = run(["ninja", "-C", build, "-t", "targets", "all"])
    few = re.findall(r"^(\S*(?:main|kernels/update|runtime/version|config/schedule|runtime/blas)\.cc\.o):", objects, re.MULTILINE)
    if len(few) != 5:
        sys.exit(f"{few}")
    run(["ninja", "-C", build, *few])
