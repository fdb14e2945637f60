"""Installs the library, moves the installed tree, and there builds and runs programs as a user would: nothing tells the
loader where the library is. The README's own line builds its program; examples/embed are built by each build system.

usage: test_install.py --build BUILD_DIR --source SOURCE_DIR
                       --prefix PREFIX --libdir LIBDIR --version VERSION [--every-build-system] -- COMPILER...
"""

import argparse
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

EMBED = pathlib.Path("examples/embed")


def run(command, **options):
    """Runs a command and returns its output; a failure ends the test and shows what the command said."""
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options)
    if result.returncode != 0:
        sys.exit(f"{shlex.join(map(str, command))} failed with {result.returncode}:\n{result.stdout}")
    return result.stdout


class Tree:
    """An installed tree that was moved, a copy of the examples without the library's source, and a user's environment."""

    def __init__(self, folder, arguments):
        self.folder, self.version = folder, arguments.version
        run(["meson", "install", "-C", arguments.build, "--no-rebuild", "--quiet", "--destdir", folder / "stage"])
        self.prefix, self.lib = folder / "moved", folder / "moved" / arguments.libdir
        (folder / "stage" / arguments.prefix.relative_to("/")).rename(self.prefix)
        shutil.copytree(arguments.source / "examples", folder / "examples", ignore=shutil.ignore_patterns("build", "main"))
        hidden = ("LD_LIBRARY_PATH", "LD_RUN_PATH", "LIBRARY_PATH", "CPATH", "CXXFLAGS", "LDFLAGS", "CMAKE_PREFIX_PATH", "DESTDIR")
        self.environment = {name: value for name, value in os.environ.items() if name not in hidden}
        # What a prefix other than /usr/local asks of a user; the README's lines, for /usr/local, need nothing.
        self.environment |= {"PKG_CONFIG_PATH": str(self.lib / "pkgconfig"), "CXX": shlex.join(arguments.compiler)}

    def run(self, command, cwd="."):
        return run(command, cwd=self.folder / cwd, env=self.environment)

    def check_program(self, program):
        said = self.run([program])
        if not re.match(rf"gossamer {self.version}, headers {self.version}: accuracy .*, fc1 90.0 % sparse\n$", said):
            sys.exit(f"{program}: {said}")
        print(program.relative_to(self.folder), said, end="")


def check_flags(tree):
    """pkg-config needs no other package's description, and gives no other project's flags."""
    lib, include = tree.lib, tree.prefix / "include"
    flags = tree.run(["env", f"PKG_CONFIG_LIBDIR={lib / 'pkgconfig'}", "pkg-config", "--cflags", "--libs", "gossamer"])
    flags = re.sub(r"/\S*", lambda path: os.path.normpath(path[0]), flags)
    if set(flags.split()) - {f"-I{include}"} != {f"-L{lib}", f"-Wl,-rpath,{lib}", "-lgossamer"}:
        sys.exit(f"pkg-config says {flags}")


def check_readme(tree, readme):
    lines = re.findall(r"^c\+\+ .*pkg-config.*$", readme.read_text(encoding="utf-8"), re.MULTILINE)
    if len(lines) != 1:
        sys.exit(f"README.md: one line must build the quickstart; {lines}")
    tree.run(["sh", "-ec", lines[0].replace("c++", "$CXX", 1)])
    print(tree.run(["./quickstart"]))


def check_build_systems(tree):
    for folder, command in [("pkg-config", ["./build.sh"]), ("make", ["make"]),
                            ("meson", ["sh", "-ec", "meson setup build && ninja -C build"])]:
        if not shutil.which(command[0]):
            print(f"{command[0]} is not installed: not tried")
            continue
        tree.run(command, EMBED / folder)
        tree.check_program(tree.folder / EMBED / folder / ("build/main" if folder == "meson" else "main"))
    if not shutil.which("cmake"):
        print("cmake is not installed: not tried")
        return
    project = tree.folder / EMBED / "cmake"
    setup = ["cmake", "-S", project, f"-DCMAKE_PREFIX_PATH={tree.prefix}"]
    kinds = {"shared": "libgossamer.so", "static": "libgossamer.a"}
    text = (project / "CMakeLists.txt").read_text(encoding="utf-8")
    for kind in [kind for kind, name in kinds.items() if (tree.lib / name).exists()]:
        (project / "CMakeLists.txt").write_text(text.replace("CONFIG REQUIRED", f"CONFIG REQUIRED COMPONENTS {kind}"))
        tree.run([*setup, "-B", project / kind])
        tree.run(["cmake", "--build", project / kind])
        tree.check_program(project / kind / "main")
        needed = tree.run(["readelf", "-d", project / kind / "main"])
        if ("libgossamer.so" in needed) != (kind == "shared"):
            sys.exit(f"COMPONENTS {kind}: {needed}")
    check_versions(tree)


def check_versions(tree):
    """Which versions find_package takes the installed one for: docs/versioning.md."""
    major, minor, patch = map(int, tree.version.split("."))
    wanted = {"": True, f"{major}.{minor}": True, tree.version: True, f"{major}.{minor}...<{major + 1}": True,
              f"{major}.{minor}.{patch + 1}": False, f"{major}.{minor + 1}": False, f"{major + 1}.0": False}
    project = tree.folder / "versions"
    project.mkdir()
    (project / "CMakeLists.txt").write_text("cmake_minimum_required(VERSION 3.19)\nproject(versions NONE)\n" + "".join(
        f"find_package(gossamer {version} CONFIG QUIET)\n"
        f'message("found {version}: ${{gossamer_FOUND}}")\nunset(gossamer_DIR CACHE)\n' for version in wanted))
    said = tree.run(["cmake", "-S", project, "-B", project / "build", f"-DCMAKE_PREFIX_PATH={tree.prefix}"])
    for version, found in wanted.items():
        if f"found {version}: {int(found)}\n" not in said:
            sys.exit(f"find_package(gossamer {version} CONFIG) must {'' if found else 'not '}find {tree.version}:\n{said}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True, type=pathlib.Path)
    parser.add_argument("--source", required=True, type=pathlib.Path)
    parser.add_argument("--prefix", required=True, type=pathlib.Path)
    parser.add_argument("--libdir", required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--every-build-system", action="store_true")
    parser.add_argument("compiler", nargs="+")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        tree = Tree(pathlib.Path(folder), arguments)
        if (tree.prefix / "bin/gossamer").exists():
            tree.run([tree.prefix / "bin/gossamer", "--help"])
            for page in ("man/man1/gossamer.1", "bash-completion/completions/gossamer"):
                if not (tree.prefix / "share" / page).is_file():
                    sys.exit(f"share/{page} must be installed")
        check_flags(tree)
        check_readme(tree, arguments.source / "README.md")
        if arguments.every_build_system:
            check_build_systems(tree)


if __name__ == "__main__":
    main()
