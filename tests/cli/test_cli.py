# The command line program: what it refuses and how it says so, output that is lost, and Ctrl-C.
# usage: test_cli.py PROGRAM
import os
import pty
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = sys.argv.pop(1)


def write_data(folder, images):
    """The four files of Fashion-MNIST, with few images."""
    for prefix in ("train", "t10k"):
        with open(os.path.join(folder, prefix + "-images-idx3-ubyte"), "wb") as file:
            file.write(struct.pack(">BBBBIII", 0, 0, 8, 3, images, 28, 28))
            file.write(bytes(i * 7 % 251 for i in range(images * 784)))
        with open(os.path.join(folder, prefix + "-labels-idx1-ubyte"), "wb") as file:
            file.write(struct.pack(">BBBBI", 0, 0, 8, 1, images))
            file.write(bytes(i % 10 for i in range(images)))


def run(*arguments, **options):
    options.setdefault("stdout", subprocess.PIPE)
    return subprocess.run([PROGRAM, *arguments], stderr=subprocess.PIPE, text=True, timeout=300, **options)


class Cli(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.data = cls.folder.name
        write_data(cls.data, 300)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def refused(self, *arguments):
        result = run(*arguments)
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertEqual(result.stdout, "")
        return result.stderr

    def test_an_unknown_command_is_named_with_a_guess(self):
        message = self.refused("demos")
        self.assertIn("'demos'", message)
        self.assertIn("did you mean 'demo'?", message)
        self.assertIn("'train'", self.refused("train", "--seed", "3"))

    def test_a_seed_is_a_whole_number_below_2_to_the_64(self):
        for seed in ("-1", "100000000000000000000000", "18446744073709551616", "1.5", "0x10", "one", ""):
            message = self.refused("demo", "--seed", seed, "--data", self.data)
            self.assertIn("--seed", message)
            self.assertIn("18446744073709551615", message)
            self.assertIn(f"'{seed}'", message)

    def test_threads_that_cannot_be_are_refused(self):
        for threads in ("0", "-3"):
            self.assertIn("--threads", self.refused("demo", "--threads", threads, "--data", self.data))
        self.assertIn("[1, ", self.refused("demo", "--threads", "70000", "--data", self.data))

    def test_a_full_disk_is_an_error(self):
        for arguments in (("--help",), ("demo", "--epochs", "1", "--data", self.data)):
            with open("/dev/full", "w") as full:
                result = run(*arguments, stdout=full)
            self.assertEqual(result.returncode, 1, arguments)
            self.assertIn("No space left", result.stderr)

    def test_a_closed_pipe_is_an_error_also_where_its_signal_is_ignored(self):
        for restore in (True, False):
            reader, writer = os.pipe()
            os.close(reader)
            result = run("demo", "--epochs", "1", "--data", self.data, stdout=writer, restore_signals=restore)
            os.close(writer)
            self.assertEqual(result.returncode, -signal.SIGPIPE if restore else 1)
            if not restore:
                self.assertIn("Broken pipe", result.stderr)

    def test_a_whole_run_succeeds(self):
        with tempfile.TemporaryDirectory() as folder:
            report = os.path.join(folder, "report.json")
            result = run("demo", "--epochs", "1", "--data", self.data, "--seed", "18446744073709551615", "--json", report)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertIn("dense/CSR", result.stdout)
            self.assertTrue(os.path.getsize(report) > 0)

    def test_a_demo_that_was_killed_goes_on_from_its_file_with_the_same_bits(self):
        with tempfile.TemporaryDirectory() as folder:
            whole, pieces = os.path.join(folder, "whole"), os.path.join(folder, "pieces")
            options = ["demo", "--epochs", "2", "--data", self.data]
            self.assertEqual(run(*options, "--save", whole).returncode, 0)
            killed = subprocess.Popen([PROGRAM, *options, "--save", pieces], stdout=subprocess.DEVNULL)
            while not os.path.exists(pieces):
                self.assertIsNone(killed.poll())
                time.sleep(0.01)
            killed.kill()
            killed.wait()
            result = run(*options, "--resume", pieces, "--save", pieces, "--threads", "2")
            self.assertEqual(result.returncode, 0, result.stderr)
            with open(whole, "rb") as a, open(pieces, "rb") as b:
                self.assertTrue(a.read() == b.read())

    def test_ctrl_c_ends_the_line_of_the_bar_and_the_program(self):
        controller, terminal = pty.openpty()
        child = subprocess.Popen([PROGRAM, "demo", "--epochs", "10000", "--data", self.data], stdout=terminal,
                                 stderr=subprocess.PIPE)
        os.close(terminal)
        seen = b""
        while b"epoch" not in seen or b"%" not in seen.split(b"epoch")[-1]:
            seen += os.read(controller, 4096)
        child.send_signal(signal.SIGINT)
        try:
            while True:
                more = os.read(controller, 4096)
                if not more:
                    break
                seen += more
        except OSError:  # how Linux says that the terminal is closed
            pass
        child.stderr.close()
        self.assertEqual(child.wait(60), -signal.SIGINT)
        self.assertTrue(seen.endswith(b"\n"), seen[-200:])
        os.close(controller)


if __name__ == "__main__":
    unittest.main()
