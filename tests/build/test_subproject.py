"""Sets up the small Meson project of examples/embed with Gossamer as its subproject, and looks at what it would build.

usage: test_subproject.py SOURCE_DIR SCRATCH_DIR -- COMPILER...
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys

# What the library is made with. GoogleTest, Google Benchmark, CLI11, nlohmann-json and Eigen are for its own programs.
DEPENDENCIES = {"threads", "libhwy", "tbb", "openblas", "fmt", "zlib", "yaml-cpp", "gossamer"}


def run(command, **options):
    """Runs a command and returns what it printed; a failure ends the test and shows that."""
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options)
    if result.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} failed with {result.returncode}:\n{result.stdout}")
    return result.stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("scratch", type=pathlib.Path)
    parser.add_argument("compiler", nargs="+")
    arguments = parser.parse_args()

    host = arguments.scratch / "host"
    shutil.rmtree(host, ignore_errors=True)
    (host / "subprojects").mkdir(parents=True)
    (host / "subprojects" / "gossamer").symlink_to(arguments.source.resolve(), target_is_directory=True)
    embed = arguments.source / "examples" / "embed"
    shutil.copy(embed / "meson" / "meson.build", host)
    shutil.copy(embed / "main.cc", arguments.scratch)
    build = host / "build"
    # Not what is installed here, but the fallback.
    run(["meson", "setup", build, host, "--force-fallback-for=gossamer"],
        env=os.environ | {"CXX": " ".join(arguments.compiler)})

    def introspect(what):
        return json.loads(run(["meson", "introspect", build, f"--{what}"]))

    needed = {dependency["name"] for dependency in introspect("dependencies")}
    if not needed <= DEPENDENCIES:
        sys.exit(f"a host project needs {sorted(needed - DEPENDENCIES)}")
    others = [target["name"] for target in introspect("targets")
              if "library" not in target["type"] and target["name"] != "main"]
    if others:
        sys.exit(f"a host project builds {others}")
    if introspect("tests") or introspect("benchmarks"):
        sys.exit("a host project runs Gossamer's tests")
    # The whole library would take minutes: the host's own file shows that the dependency leads to the headers.
    run(["ninja", "-C", build, next(name for name in run(["ninja", "-C", build, "-t", "targets", "all"]).split()
                                    if name.endswith("main.cc.o:"))[:-1]])


if __name__ == "__main__":
    main()
