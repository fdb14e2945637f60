#!/usr/bin/env python3
"""Writes the first inputs of the fuzz targets: FOLDER/<target>/<name>, from the corpora of tests/golden and from what stands
below.

usage: seeds.py FOLDER GOLDEN
"""

import base64
import gzip
import io
import json
import pathlib
import shutil
import struct
import sys
import zipfile
import zlib


def corpus(golden, name):
    """Names and bytes of the files of a corpus, with what is to become of them."""
    for case in json.loads((golden / name).read_text(encoding="utf-8"))["cases"]:
        data = bytes.fromhex(case["hex"]) if "hex" in case else zlib.decompress(base64.b64decode(case["zlib_b64"]))
        yield case["id"], case["expect"], data


def cases(golden, name):
    return json.loads((golden / name).read_text(encoding="utf-8"))["cases"]


def texts(prefix, *several):
    return [(f"{prefix}.{i}", text.encode()) for i, text in enumerate(several)]


def idx(golden):
    return [(name, data) for name, _, data in corpus(golden, "idx_corpus.json")]


def gzips(golden):
    for name, data in idx(golden):
        yield name, gzip.compress(data, mtime=0)
    whole = gzip.compress(bytes(range(256)) * 20, mtime=0)
    yield "several", whole + gzip.compress(b"", mtime=0) + gzip.compress(b"more", 1, mtime=0)
    yield "cut", whole[:-9]
    yield "zeros", gzip.compress(bytes(1 << 18), mtime=0)
    name_and_comment = bytes([0x1F, 0x8B, 8, 0x18, 0, 0, 0, 0, 0, 3]) + b"name\0comment\0"
    yield "named", name_and_comment + whole[10:]


def npy(golden):
    return [(name, data) for name, _, data in corpus(golden, "npy_corpus.json")]


class Pipe(io.RawIOBase):
    """A file that cannot go back: sizes then follow the members of an archive."""

    def __init__(self):
        super().__init__()
        self.written = b""

    def writable(self):
        return True

    def write(self, data):
        self.written += bytes(data)
        return len(data)


def archive(members, method, file=None, zip64=False):
    file = file or io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as out:
        for name, data in members:
            with out.open(zipfile.ZipInfo(name), "w", force_zip64=zip64) as member:
                member.write(data)
    return file.written if isinstance(file, Pipe) else file.getvalue()


def npz(golden):
    arrays = [data for _, expect, data in corpus(golden, "npy_corpus.json") if expect == "accept"]
    for i, data in enumerate(arrays):
        yield f"stored.{i}", archive([("a.npy", data)], zipfile.ZIP_STORED)
        yield f"deflated.{i}", archive([("a.npy", data)], zipfile.ZIP_DEFLATED)
    several = [(f"{i}/\u00e4.npy", data) for i, data in enumerate(arrays)]
    yield "several", archive(several, zipfile.ZIP_DEFLATED)
    yield "zip64", archive(several[:2], zipfile.ZIP_STORED, zip64=True)
    yield "streamed", archive(several[:2], zipfile.ZIP_DEFLATED, Pipe(), zip64=True)
    yield "other", archive([("a.txt", b"text")], zipfile.ZIP_STORED)
    yield "lzma", archive([("a.npy", arrays[0])], zipfile.ZIP_LZMA)
    yield "none", archive([], zipfile.ZIP_STORED)


def matrix_market(_):
    banner = "%%MatrixMarket matrix coordinate "
    return texts("matrix", banner + "pattern general\n% a comment\n\n3 4 3\n3 1\n1 4\n1 2\n",
                 banner + "real general\n2 3 3\n2 3 -7e-1\n1 1 0\n2 1 +1.5\n", banner + "integer symmetric\n3 3 2\n1 1 5\n3 1 -6\n",
                 banner + "real skew-symmetric\n2 2 1\n2 1 inf\n", "%%MatrixMarket matrix array real general\n1 1\n1\n",
                 banner + "pattern general\n2147483647 2147483647 1\n1 1\n", banner + "real symmetric\n2 2 2\n1 2 1\n2 1 1\n")


def smtx(_):
    return texts("pattern", "3, 4, 4\n0 2 2 4 \n3 1 0 3 \n", "2,3,0\n0 0 0", "2, 4, 2\n0 1 2\n0 1 2\n", "999999999, 4, 1\n0\n",
                 "1, 2147483647, 1\n0 1\n2147483646\n")


def csr_pattern(_):
    number = struct.Struct(">q").pack
    yield "wide", bytes([0]) + number(2) + number(3) + bytes([3]) + b"".join(map(number, [0, 2, 3])) + struct.pack(">3i", 0, 2, 1)
    yield "narrow", bytes([1, 3, 5, 4, 0, 2, 2, 4, 1, 4, 0, 3])
    yield "positions", bytes([2]) + b"".join(map(number, [3, 4, 0, 5, 11]))
    yield "few", bytes([3, 4, 4, 0, 3, 4, 9, 15])
    yield "gaps", bytes([4, 40, 47]) + bytes(range(120))
    yield "full", bytes([4, 7, 3]) + bytes(60)


def yaml(golden):
    for case in cases(golden, "yaml_pyyaml.json"):
        yield case["id"], case["text"].encode()
    yield from texts("extra", "a: &x [1, 2]\nb: *x\n<<: {c: 3}\n", "[" * 70, "{a: " * 70, "- ? x\n  : y\n", "a: |\n  text\n", "%YAML 1.2\n---\n!!int 3\n...\n")


def configure(golden):
    for case in cases(golden, "cstorch_sparse.json"):
        if case.get("kind") == "configure":
            yield case["id"], json.dumps(case["in"]["config"]).encode()
    yield from texts(
        "yaml",
        "algorithm: rigl\nsparsity: {type: cosine, init: 0.2, half_period: 4}\nupdate: {freq: 2, start: 1, stop: 4}\ndrop_fraction: 0.3\n",
        "- {algorithm: gmp, sparsity: {type: cubic, init: 0, final: 0.8, start: 0, end: 4}, param_filter: 'first*'}\n"
        "- {algorithm: set, sparsity: [0.5, 0.6], init_method: topk, update: {steps: [1, 3]}}\n",
        "{algorithm: static, sparsity: 0.5, init_method: checkerboard, execution: csr}",
        "{algorithm: granet, sparsity: {type: linear, init: 0.1, slope: 0.1}}",
        "{algorithm: mest, sparsity: {type: exp, init: 0.5, gamma: 0.9}}",
        "{algorithm: snfs, sparsity: {type: power, init: 0.5, beta: 0.9}}",
        "{algorithm: topkast, sparsity: 0.5}",
        "{algorithm: rigl, sparsity: 0.5, balance_in_groups: 2, seed: 3}")


def csv(_):
    return texts("table", "\0a,b\n1,2.5\n-3e4,inf\n", "\1" "1;2\n", '\0"a ""x""\n",b\r\n" 1 ",nan\r\n\r\n', "\0\ufeffa\n+1\n",
                 "\0a,a\n1,2\n", "\1" '1,"2\n', "\0a,b\n1\n")


def vocabulary(_):
    return texts("text", "plain", "\u00e4\u20ac\U0001f600") + [("broken", b"\xc0\x80\xed\xa0\x80")]


def safetensors(golden):
    return [(name, data) for name, _, data in corpus(golden, "safetensors_corpus.json")]


def state_dict(golden):
    for name, expect, data in corpus(golden, "safetensors_corpus.json"):
        if expect != "reject":
            yield name, data


def safetensors_index(_):
    return texts("index", '{"metadata": {"total_size": 12}, "weight_map": {"x": "the-input-a.safetensors", "y": "the-input-a.safetensors"}}',
                 '{"weight_map": {"x": "the-input-a.safetensors"}}', '{"weight_map": {"x": "../a.safetensors", "y": "b.safetensors"}}', '{"weight_map": {}}')


SEEDS = {"idx": idx, "gzip": gzips, "npy": npy, "npz": npz, "matrix_market": matrix_market, "smtx": smtx,
         "csr_pattern": csr_pattern, "yaml": yaml, "configure": configure, "csv": csv,
         "vocabulary": vocabulary, "safetensors": safetensors, "safetensors_index": safetensors_index, "state_dict": state_dict}


def main():
    folder, golden = map(pathlib.Path, sys.argv[1:3])
    shutil.rmtree(folder, ignore_errors=True)
    for target, seeds in SEEDS.items():
        (folder / target).mkdir(parents=True)
        for name, data in seeds(golden):
            (folder / target / name).write_bytes(data)


if __name__ == "__main__":
    main()
