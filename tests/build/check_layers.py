#!/usr/bin/env python3
"""Checks that every file includes only what stands below it (HACKING.md describes the layers), and that public headers
export what they declare: the library hides everything else.

usage: check_layers.py ROOT [--stamp FILE] [--depfile FILE]
"""

import argparse
import pathlib
import re
import sys

# The layers, from the bottom up; those of one row are equals, and do not include each other.
ROWS = [["kernels"], ["runtime"], ["config"], ["tensor"], ["autograd"], ["ops"], ["io"], ["parameter"], ["optim"],
        ["sparse"], ["nn", "data"], ["train"], ["cli"]]

# include/gossamer/<file> -> layer; include/gossamer/<layer>/ and src/<layer>/ speak for themselves.
PUBLIC_HEADERS = {
    "error.h": "runtime", "runtime.h": "runtime", "version.h": "runtime", "lifetimebound.h": "runtime", "block_allocator.h": "runtime", "config.h": "config", "glob.h": "config",
    "schedule.h": "config", "tensor.h": "tensor", "shape.h": "tensor", "dtype.h": "tensor", "dispatch.h": "tensor",
    "random.h": "tensor", "csr_pattern.h": "tensor", "state_dict.h": "tensor", "sparse_forms.h": "tensor",
    "autograd.h": "autograd", "gradcheck.h": "autograd", "ops.h": "ops",
    "parameter.h": "parameter", "functional.h": "parameter", "metrics.h": "data",
}
UMBRELLA = "gossamer.h"

# Libraries, by the first component of their includes, and the layers or files of src/ and kernels/ that may use them.
LIBRARIES = {
    "hwy": ["kernels/"],
    "tbb": ["src/runtime/parallel.cc"], "oneapi": ["src/runtime/parallel.cc"], "cblas.h": ["src/runtime/blas.cc"],
    "fmt": ["src/"],
    "zlib.h": ["src/io/"],
    "nlohmann": ["src/cli/"],
    "yaml-cpp": ["src/config/", "src/cli/"],
    "CLI": ["src/cli/"],
}

EXPORT = ("#pragma GCC visibility push(default)", "#pragma GCC visibility pop")
EXPORTS_NOTHING = re.compile(r"(#|//|namespace [\w:]+ \{$|\}|(struct|class) \w+;|\s*$)")

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
RANK = {layer: rank for rank, row in enumerate(ROWS) for layer in row}


def layer_of_public(path):
    """Layer of a header named relative to include/gossamer, None for the umbrella; KeyError when unknown."""
    if path == UMBRELLA:
        return None
    first, _, rest = path.partition("/")
    if rest:
        if first not in RANK:
            raise KeyError(path)
        return first
    return PUBLIC_HEADERS[path]


def layer_of_file(path):
    """Layer of a file named relative to the root."""
    parts = path.split("/")
    if parts[0] == "kernels":
        return "kernels"
    if parts[0] == "src":
        if parts[1] not in RANK:
            raise KeyError(path)
        return parts[1]
    return layer_of_public("/".join(parts[2:]))


def layer_of_include(name):
    """Layer of a header of the project, as spelled in an include."""
    first, _, rest = name.partition("/")
    return layer_of_public(rest) if first == "gossamer" else first


def is_own(name):
    return name.split("/")[0] in RANK or name.startswith("gossamer/")


def violation(path, quote, name):
    """The rule that an include in file `path` breaks, or None."""
    public = path.startswith("include/")
    if not is_own(name):
        library = name.split("/")[0]
        if library in LIBRARIES:
            if not any(path.startswith(allowed) for allowed in LIBRARIES[library]):
                return f"{library} may be included by {', '.join(LIBRARIES[library])} only"
        elif quote == '"':
            return 'headers of the project are spelled from a root: "gossamer/...", "<layer>/..." or "kernels/..."'
        elif ("." in name or "/" in name) and not path.startswith("src/"):
            return "public headers and kernels include the C++ standard library and own headers only"
        return None

    if public and not name.startswith("gossamer/"):
        return "public headers include public headers only"
    try:
        user, used = layer_of_file(path), layer_of_include(name)
    except KeyError as unknown:
        return f"{unknown.args[0]} belongs to no layer: give it one in PUBLIC_HEADERS or ROWS of check_layers.py"
    if user is None or user == used:
        return None
    if used is None:
        return None if user == "cli" else "gossamer/gossamer.h is for users of the library"
    if user == "kernels":
        return "kernels include Highway and kernels only"
    if RANK[used] >= RANK[user]:
        return f"layer {user} must not include layer {used}: it does not stand below"
    return None


def hidden_declarations(text):
    """Whether a public header declares more than names of classes outside of the two pragmas that export."""
    inside = False
    for line in text.splitlines():
        if line in EXPORT:
            inside = line == EXPORT[0]
        elif not inside and not EXPORTS_NOTHING.match(line):
            return True
    return inside


def check(root):
    """Messages `file:line: include: rule`, and every file and folder that was read."""
    messages, seen = [], []
    for top in ("include", "src", "kernels"):
        for path in sorted([root / top, *(root / top).rglob("*")]):
            if path.is_dir():
                seen.append(path)
            if path.suffix not in (".h", ".cc"):
                continue
            seen.append(path)
            relative = path.relative_to(root).as_posix()
            text = path.read_text(encoding="utf-8")
            if top == "include" and hidden_declarations(text):
                messages.append(f"{relative}: its declarations must stand between '{EXPORT[0]}' and '{EXPORT[1]}'; "
                                "the library hides all others")
            for number, line in enumerate(text.splitlines(), 1):
                match = INCLUDE.match(line)
                rule = match and violation(relative, *match.groups())
                if rule:
                    messages.append(f"{relative}:{number}: {line.strip()}: {rule}")
    return messages, seen


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=pathlib.Path)
    parser.add_argument("--stamp", type=pathlib.Path, help="written when all is well")
    parser.add_argument("--depfile", type=pathlib.Path, help="the files and folders read, for ninja")
    arguments = parser.parse_args()

    messages, seen = check(arguments.root)
    if messages:
        print("\n".join(messages), file=sys.stderr)
        return 1
    if arguments.stamp:
        arguments.stamp.write_text("")
    if arguments.depfile:
        escaped = (path.as_posix().replace(" ", "\\ ") for path in seen)
        arguments.depfile.write_text(f"{arguments.stamp}: {' '.join(escaped)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
