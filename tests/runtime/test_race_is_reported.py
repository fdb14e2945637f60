"""Runs the racy program given and passes when ThreadSanitizer reports its race:
what parallel.cc tells it of loops must not order their tasks."""

import subprocess
import sys

result = subprocess.run(sys.argv[1:], capture_output=True, text=True, check=False)
if result.returncode == 0 or "data race" not in result.stderr or "race.cc" not in result.stderr:
    sys.exit(f"no report of the race (exit code {result.returncode}):\n{result.stderr}")
