"""A benchmark program of ours that takes turns with another library: it answers each line with a line."""

import subprocess
import sys


class Program:
    def __init__(self, *command):
        self.process = subprocess.Popen(list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, *words):
        line = " ".join(map(str, words))
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"{self.process.args[0]} has ended: {line}")
        return answer

    def seconds(self, *words):
        return tuple(float(seconds) for seconds in self.ask(*words).split())
