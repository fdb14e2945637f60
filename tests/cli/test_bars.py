# What is drawn on a terminal while a command works, and that elsewhere nothing is.
# usage: test_bars.py PROGRAM
import fcntl
import json
import os
import pathlib
import pty
import re
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import unittest

PROGRAM = os.path.abspath(sys.argv.pop(1))


def write_large(path):
    """A weight, a tensor of a small type, and 64 MiB of zeros, which take no room on most disks."""
    sizes = {"w": ("F32", [4, 4], 64), "small": ("BF16", [2], 4), "zeros": ("I64", [8 << 20], 64 << 20)}
    header, end = {}, 0
    for name, (dtype, shape, size) in sizes.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + struct.pack("<16f", *range(16)))
        file.truncate(8 + len(text) + end)


class Terminal:
    """One end is for a program, whose output the other one reads."""

    def __init__(self, columns):
        self.reader, self.end = pty.openpty()
        fcntl.ioctl(self.end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def start(self, folder, *arguments, term="xterm", **streams):
        child = subprocess.Popen([PROGRAM, *arguments], cwd=folder, env={**os.environ, "TERM": term},
                                 **{"stdout": subprocess.DEVNULL, **{s: self.end for s in streams.get("on", ["stderr"])}})
        os.close(self.end)
        return child

    def read_until(self, wanted):
        """What is shown until it holds `wanted`, or all of it."""
        seen = b""
        while wanted is None or wanted not in seen:
            try:
                more = os.read(self.reader, 65536)
            except OSError:  # how Linux says that the terminal is closed
                more = b""
            if not more:
                break
            seen += more
        return seen

    def read_all(self):
        seen = self.read_until(None)
        os.close(self.reader)
        return seen.decode()


class Bars(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.path = pathlib.Path(cls.folder.name)
        write_large(cls.path / "large.safetensors")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def shown(self, columns, *arguments, **options):
        terminal = Terminal(columns)
        child = terminal.start(self.path, *arguments, **options)
        shown = terminal.read_all()
        self.assertEqual(child.wait(60), 0)
        return shown

    def test_long_work_draws_a_bar_which_is_gone_at_the_end(self):
        for arguments in (("prune", "large.safetensors", "--sparsity", "0.5", "-o", "out.safetensors"),
                          ("convert", "large.safetensors", "out.safetensors"),
                          ("convert", "large.safetensors", "out.npz"),
                          ("inspect", "large.safetensors")):
            shown = self.shown(80, *arguments)
            drawing, warnings = shown.split("gossamer: ", 1) if "gossamer: " in shown else (shown, "")
            lines = [line for line in drawing.split("\r") if line]
            self.assertRegex(lines[0], rf"^{arguments[0]} \[[#.]{{24}}\] +\d+ % +$")
            self.assertTrue(all(len(line) == 79 for line in lines), lines)
            # A warning has a line of its own, and nothing is left of the bar.
            self.assertEqual(lines[-1].strip(), "")
            self.assertEqual("BF16 are written as F32\r\n" in warnings, arguments[0] != "inspect", shown)

    def test_a_bar_fits_a_narrow_terminal(self):
        for columns in (40, 20, 4):
            shown = self.shown(columns, "inspect", "large.safetensors")
            self.assertIn("\r", shown)
            self.assertTrue(all(len(line) < columns for line in shown.split("\r")), shown)

    def test_nothing_is_drawn_for_short_work_on_a_dumb_terminal_or_elsewhere(self):
        command = ("convert", "large.safetensors", "out.safetensors")
        self.assertEqual(self.shown(80, *command, term="dumb"), "gossamer: warning: tensors of BF16 are written as F32\r\n")
        elsewhere = subprocess.run([PROGRAM, *command], cwd=self.path, capture_output=True, text=True, check=True)
        self.assertEqual(elsewhere.stderr, "gossamer: warning: tensors of BF16 are written as F32\n")
        self.assertNotIn("\r", elsewhere.stdout)
        self.assertEqual(self.shown(80, "inspect", "large.safetensors", "--tensor", "w"), "")

    def test_ctrl_c_ends_the_line_of_the_bar(self):
        terminal = Terminal(80)
        child = terminal.start(self.path, "bench", "--shapes", "64x64x8", "--threads", "1")
        terminal.read_until(b"%")
        child.send_signal(signal.SIGINT)
        self.assertTrue(terminal.read_all().endswith("\n"))
        self.assertEqual(child.wait(60), -signal.SIGINT)

    def test_the_bar_of_training_gives_way_to_a_narrow_terminal(self):
        images = 300
        for prefix in ("train", "t10k"):
            (self.path / f"{prefix}-images-idx3-ubyte").write_bytes(
                struct.pack(">BBBBIII", 0, 0, 8, 3, images, 28, 28) + bytes(784 * images))
            (self.path / f"{prefix}-labels-idx1-ubyte").write_bytes(
                struct.pack(">BBBBI", 0, 0, 8, 1, images) + bytes(images))
        for columns, last in ((40, r"epoch 1/1"), (80, r"accuracy +\d+\.\d %"), (120, r"images/s")):
            terminal = Terminal(columns)
            child = terminal.start(self.path, "demo", "--epochs", "1", "--data", ".", on=["stdout"])
            shown = terminal.read_until(b"RigL").decode()
            child.kill()
            child.wait()
            os.close(terminal.reader)
            bars = re.findall(r"dense  \[[^\r\n]*", shown)
            self.assertRegex(bars[-1], rf"^dense  \[#{{8,24}}\] 100 %  .*{last} *$")
            self.assertTrue(all(len(bar) < columns for bar in bars), bars)


if __name__ == "__main__":
    unittest.main()
