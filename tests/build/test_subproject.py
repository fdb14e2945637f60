"""Sets up a small host project that embeds Gossamer as a Meson subproject, and looks at what it would build.

usage: test_subproject.py SOURCE_DIR SCRATCH_DIR -- COMPILER...
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys

HOST = """project('host', 'cpp', default_options: ['cpp_std=c++20'])
subproject('gossamer')
executable('host', 'host.cc', dependencies: dependency('gossamer'))
"""
PROGRAM = """#include <gossamer/gossamer.h>

int main() { return gossamer::Tensor::zeros({2, 3}).numel() == 6 ? 0 : 1; }
"""
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
    (host / "meson.build").write_text(HOST, encoding="utf-8")
    (host / "host.cc").write_text(PROGRAM, encoding="utf-8")
    build = host / "build"
    run(["meson", "setup", build, host], env=os.environ | {"CXX": " ".join(arguments.compiler)})

    def introspect(what):
        return json.loads(run(["meson", "introspect", build, f"--{what}"]))

    needed = {dependency["name"] for dependency in introspect("dependencies")}
    if not needed <= DEPENDENCIES:
        sys.exit(f"a host project needs {sorted(needed - DEPENDENCIES)}")
    others = [target["name"] for target in introspect("targets")
              if "library" not in target["type"] and target["name"] != "host"]
    if others:
        sys.exit(f"a host project builds {others}")
    if introspect("tests") or introspect("benchmarks"):
        sys.exit("a host project runs Gossamer's tests")
    # The whole library would take minutes: the host's own file shows that the dependency leads to the headers.
    run(["ninja", "-C", build, "host.p/host.cc.o"])


if __name__ == "__main__":
    main()
