# The demo says what is wrong with a data set that is too small for it.
import pathlib
import struct
import subprocess
import sys
import tempfile

with tempfile.TemporaryDirectory() as folder:
    for part in ["train", "t10k"]:
        images = pathlib.Path(folder) / f"{part}-images-idx3-ubyte"
        images.write_bytes(struct.pack(">iiii", 0x0803, 1, 28, 28) + bytes(784))
        labels = pathlib.Path(folder) / f"{part}-labels-idx1-ubyte"
        labels.write_bytes(struct.pack(">ii", 0x0801, 1) + bytes(1))
    demo = subprocess.run([sys.argv[1], "demo", "--data", folder], capture_output=True, text=True)
if demo.returncode == 0 or "at least 256 training images" not in demo.stderr:
    sys.exit(f"demo on one image: status {demo.returncode}, {demo.stderr}")
