# Examples that are stopped and go on from their checkpoint end with the file that they write when run in one piece.
import pathlib
import subprocess
import sys
import tempfile

examples = pathlib.Path(sys.argv[1])


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{command}: status {done.returncode}, {done.stderr}")
    return done.stdout


def expect_same(a, b):
    if a.read_bytes() != b.read_bytes():
        sys.exit(f"{a.name} and {b.name} differ")


with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    run(examples / "resume", folder / "whole", 100)
    run(examples / "resume", folder / "pieces", 70)
    if "goes on after step 60" not in run(examples / "resume", folder / "pieces", 100):
        sys.exit("resume: did not go on from its checkpoint")
    expect_same(folder / "whole/checkpoint-100.safetensors", folder / "pieces/checkpoint-100.safetensors")

    text = folder / "text"
    text.write_text("".join(f"{i} times {i + 1} is {i * (i + 1)}. " for i in range(200)))
    gpt = [examples / "gpt", "--data", text, "--steps", 20, "--layers", 1, "--dim", 16, "--heads", 2, "--context", 8,
           "--batch", 4, "--dropout", 0.1, "--generate", 1, "--prompt", "1"]
    run(*gpt, "--save", folder / "whole.safetensors")
    run(*gpt, "--save", folder / "first.safetensors", "--stop-at", 7)
    run(*gpt, "--resume", folder / "first.safetensors", "--save", folder / "second.safetensors", "--threads", 2)
    expect_same(folder / "whole.safetensors", folder / "second.safetensors")
