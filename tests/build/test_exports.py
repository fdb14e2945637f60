"""What the shared library exports: names of gossamer:: alone, and of these the public ones.

usage: test_exports.py LIBRARY.so
"""

import re
import subprocess
import sys

# Names of gossamer::, also where they follow "vtable for", "typeinfo name for", "guard variable for" and the like, or the
# type that a template returns.
OWN = re.compile(r"(^|[ *&])gossamer::")
# Namespaces of internals, and of the libraries that the library is built with.
INTERNAL = re.compile(r"gossamer::(kernels|rt)::")
PUBLIC = [
    "gossamer::Tensor::zeros(", "gossamer::relu(", "gossamer::nn::Linear::Linear(", "gossamer::sparse::RigL::RigL(",
    "typeinfo for gossamer::ShapeError", "vtable for gossamer::nn::Module", "vtable for gossamer::Node",
    "vtable for gossamer::optim::Optimizer", "vtable for gossamer::sparse::SparsityAlgorithm",
    "gossamer::optim::SgdRule::update(",
]
HIDDEN = ["gossamer::CsrWeight", "gossamer::CsrUse", "gossamer::StreamPlan", "gossamer::ParameterAccess",
          "gossamer::CsrPatternAccess"]


def main():
    listed = subprocess.run(["nm", "--dynamic", "--defined-only", "--demangle", "--format=posix", sys.argv[1]],
                            capture_output=True, text=True, check=True).stdout
    # "name type address size": the name may hold blanks.
    names = [re.sub(r" [A-Za-z]( [0-9a-f]*){0,2}$", "", line.rstrip()) for line in listed.splitlines()]
    faults = [f"exported, and not of gossamer: {name}" for name in names if not OWN.search(name)]
    faults += [f"exported, and internal: {name}" for name in names
               if INTERNAL.search(name) or any(hidden in name for hidden in HIDDEN)]
    faults += [f"public, and not exported: {public}" for public in PUBLIC if not any(public in name for name in names)]
    print(len(names), "names")
    if faults:
        sys.exit("\n".join(faults))


if __name__ == "__main__":
    main()
