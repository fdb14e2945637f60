"""What the shared library exports: the reviewed list of functions and classes in exports.txt, and nothing else.

usage: test_exports.py LIBRARY.so [--every | --accept]
  --every   the library exports the whole list, too, and inline functions are looked at: without it they are not, since
            what is left of them to be exported is the compiler's choice
  --accept  writes the list; what changed is for the review to see
"""

import pathlib
import re
import subprocess
import sys

LIST = pathlib.Path(__file__).with_name("exports.txt")
# Names of gossamer::, also where they follow "vtable for", "typeinfo name for", "guard variable for" and the like, or the
# type that a template returns.
OWN = re.compile(r"(?:^|[ *&])(gossamer::[\w:]+)")


def exported(library, inline):
    """Demangled names that programs can link; weak ones, which inline functions have, where they are asked for."""
    listed = subprocess.run(["nm", "--dynamic", "--defined-only", "--demangle", "--format=posix", library],
                            capture_output=True, text=True, check=True).stdout
    # "name type address size": the name may hold blanks.
    symbols = [re.fullmatch(r"(.*) ([A-Za-z])(?: [0-9a-f]*){0,2}", line.rstrip()).groups() for line in listed.splitlines()]
    return [name for name, kind in symbols if inline or kind not in "wWvVu"]


def entity(name):
    """What a reviewer wants to see of a name: the function, or the class that it is a part of. None for others' names."""
    match = OWN.search(name)
    if not match:
        return None
    # Namespaces and functions are written small, classes begin with a capital letter.
    return re.match(r"(?:[a-z]\w*::)*\w+", match[1])[0]


def main():
    names = exported(sys.argv[1], inline="--every" in sys.argv or "--accept" in sys.argv)
    entities = {name: entity(name) for name in names}
    found = set(entities.values()) - {None}
    if "--accept" in sys.argv:
        LIST.write_text("".join(f"{name}\n" for name in sorted(found)), encoding="utf-8")
        return
    reviewed = set(LIST.read_text(encoding="utf-8").split())
    faults = [f"exported, and not of gossamer: {name}" for name, own in entities.items() if own is None]
    faults += [f"exported, and not in tests/build/exports.txt: {name}" for name in sorted(found - reviewed)]
    if "--every" in sys.argv:
        faults += [f"in tests/build/exports.txt, and not exported: {name}" for name in sorted(reviewed - found)]
    print(len(names), "names of", len(found), "functions and classes")
    if faults:
        sys.exit("\n".join([*faults, "if that is meant (docs/versioning.md): python3 tests/build/test_exports.py LIBRARY.so --accept"]))


if __name__ == "__main__":
    main()
