#!/usr/bin/env python3
"""GOSSAMER_SIMD chooses the kernels' target when the library is loaded, and warns where it cannot.

usage: test_simd_environment.py PROGRAM, which prints simd_target() and simd_targets(), best first, a line each
"""

import os
import subprocess
import sys


def run(name):
    environment = os.environ | {"GOSSAMER_SIMD": name}
    done = subprocess.run(sys.argv[1:], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.split(), done.stderr


everything, silence = run("")
assert everything[0] == everything[1] and not silence, (everything, silence)
for number, target in enumerate(everything[1:]):
    printed, warning = run(target)
    assert printed == [target, *everything[number + 1:]] and not warning, (target, printed, warning)
printed, warning = run("AVX9")
assert printed == everything and "no target 'AVX9'" in warning, (printed, warning)
