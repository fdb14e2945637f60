#!/usr/bin/env python3
"""Compiles the sources of a build folder one by one and prints the CPU seconds of each, the slowest first.

usage: compile_times.py BUILD_DIR [--only TEXT,...] [--every N] [--top N]

CPU time hardly depends on what else the machine does. A compiler cache is left out, and nothing in the folder changes, but
generated headers and precompiled ones must be there: build first.
"""

import argparse
import json
import os
import pathlib
import shlex
import subprocess
import tempfile


def cpu_seconds(command, folder, output):
    """CPU seconds that the command takes with its object written to output."""
    words = shlex.split(command)
    if words[0].endswith("ccache"):
        words = words[1:]
    words[words.index("-o") + 1] = output
    if "-MF" in words:
        words[words.index("-MF") + 1] = os.devnull
    process = subprocess.Popen(words, cwd=folder)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"compile_times: failed: {shlex.join(words)}")
    return usage.ru_utime + usage.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--only", default="", help="files whose path holds one of these texts, separated by commas")
    parser.add_argument("--every", type=int, default=1, help="every Nth file, as a sample")
    parser.add_argument("--top", type=int, default=10, help="how many files to print")
    arguments = parser.parse_args()

    entries = json.loads((arguments.build / "compile_commands.json").read_text(encoding="utf-8"))
    chosen = [entry for entry in entries if any(t in entry["file"] for t in arguments.only.split(","))][::arguments.every]
    times = []
    with tempfile.TemporaryDirectory() as folder:
        for entry in chosen:
            seconds = cpu_seconds(entry["command"], entry["directory"], str(pathlib.Path(folder) / "object.o"))
            times.append((seconds, entry["file"]))
    for seconds, file in sorted(times, reverse=True)[:arguments.top]:
        print(f"{seconds:6.1f}  {file}")
    print(f"{sum(seconds for seconds, _ in times):6.1f}  all {len(times)}")


if __name__ == "__main__":
    main()
