# The commands on files of weights: what they find, what they write, what they refuse, and that the pages tell the truth.
# usage: test_weights.py PROGRAM SOURCE_ROOT
import json
import os
import pathlib
import random
import re
import struct
import subprocess
import sys
import tempfile
import unittest
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import pages  # noqa: E402: the folder is known only now

ROOT = pathlib.Path(sys.argv.pop(2))
PROGRAM = os.path.abspath(sys.argv.pop(1))
FORMATS = {"F32": "f", "F64": "d", "I32": "i", "I64": "q", "BOOL": "?", "U8": "B", "BF16": "H", "F8_E4M3": "B"}


def write(path, tensors, metadata=None):
    """A safetensors file of {name: (dtype, shape, values)}."""
    header, data = {"__metadata__": metadata} if metadata else {}, b""
    for name, (dtype, shape, values) in tensors.items():
        more = struct.pack(f"<{len(values)}{FORMATS[dtype]}", *values)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(more)]}
        data += more
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def read(path):
    """The tensors as write() takes them, and the metadata."""
    file = path.read_bytes()
    size, = struct.unpack("<Q", file[:8])
    header, data = json.loads(file[8:8 + size]), file[8 + size:]
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        values = list(struct.unpack(f"<{(end - begin) // struct.calcsize(FORMATS[entry['dtype']])}{FORMATS[entry['dtype']]}",
                                    data[begin:end]))
        tensors[name] = (entry["dtype"], entry["shape"], values)
    return tensors, metadata


def kept(values, count):
    """Positions of the `count` largest magnitudes, ascending."""
    return sorted(sorted(range(len(values)), key=lambda i: -abs(values[i]))[:count])


# No two magnitudes are equal; multiples of 1/256, which F32 holds.
random.seed(7)
A = [x * random.choice((-1, 1)) / 256 for x in random.sample(range(1, 256), 48)]  # [6, 8]
B = [x * random.choice((-1, 1)) / 256 for x in random.sample(range(256, 512), 32)]  # [4, 8], all larger
DENSE = {"a.weight": ("F32", [6, 8], A), "a.bias": ("F32", [6], [1.0] * 6), "b.weight": ("F64", [4, 8], B),
         "norm.weight": ("F32", [2, 2], [1.0, 0.0, 2.0, 3.0]), "steps": ("I64", [], [3])}
# Row 1 and column 2 are dead.
MASK = [1, 0, 0, 1, 0, 0, 0, 0, 1, 1, 0, 0]
ORIGINAL = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0]
PRODUCT = [w * m for w, m in zip(ORIGINAL, MASK)]
CSR = {"w.crow_indices": ("I32", [4], [0, 2, 2, 4]), "w.col_indices": ("I32", [4], [0, 3, 0, 1]),
       "w.values": ("F32", [4], [1.0, 4.0, 9.0, 10.0]), "w.shape": ("I64", [2], [3, 4])}
FORMS = {
    "dense": {"w": ("F32", [3, 4], PRODUCT)},
    "mask": {"w": ("F32", [3, 4], PRODUCT), "w_mask": ("BOOL", [3, 4], MASK)},
    "prune": {"w_orig": ("F32", [3, 4], ORIGINAL), "w_mask": ("F32", [3, 4], [float(m) for m in MASK])},
    "CSR": CSR,
}


class Weights(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name)
        write(self.path / "m.safetensors", DENSE, {"format": "pt"})

    def run_program(self, *arguments, **options):
        options.setdefault("stdout", subprocess.PIPE)
        return subprocess.run([PROGRAM, *arguments], cwd=self.path, stderr=subprocess.PIPE, text=True, timeout=300,
                              **options)

    def ok(self, *arguments):
        result = self.run_program(*arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result

    def pruned(self, *options):
        """The positions that are left of each weight with a mask, and the metadata's line."""
        self.ok("prune", "m.safetensors", "-o", "out.safetensors", *options)
        tensors, metadata = read(self.path / "out.safetensors")
        self.assertEqual(metadata["format"], "pt")
        left = {}
        for name, (dtype, shape, mask) in tensors.items():
            if name.endswith("_mask"):
                weight = name[:-len("_mask")]
                self.assertEqual((dtype, shape), ("BOOL", DENSE[weight][1]))
                self.assertEqual(tensors[weight][2], [w if m else 0 for w, m in zip(DENSE[weight][2], mask)])
                left[weight] = [i for i, m in enumerate(mask) if m]
            elif name + "_mask" not in tensors:
                self.assertEqual(tensors[name], DENSE[name])
        return left, metadata["gossamer.prune"]

    def test_magnitude_keeps_the_largest_of_each_weight_or_of_all_together(self):
        self.assertEqual(self.pruned("--sparsity", "0.75"),
                         ({"a.weight": kept(A, 12), "b.weight": kept(B, 8)}, "magnitude, sparsity 0.75"))
        together = kept(A + B, 40)
        self.assertEqual(self.pruned("--sparsity", "0.5", "--global"),
                         ({"a.weight": [i for i in together if i < 48], "b.weight": [i - 48 for i in together if i >= 48]},
                          "magnitude, sparsity 0.5 of all together"))

    def test_n_of_m_and_blocks_keep_the_largest_of_each_group(self):
        groups = [[4 * g + i for i in kept(A[4 * g:4 * g + 4], 1)] for g in range(12)]
        self.assertEqual(self.pruned("--algorithm", "n:m", "--n", "1", "--sparsity", "0.75", "--include", "a*"),
                         ({"a.weight": sorted(sum(groups, []))}, "1:4"))
        cells = [[8 * (3 * r + i) + 4 * c + j for i in range(3) for j in range(4)] for r in range(2) for c in range(2)]
        best = max(cells, key=lambda cell: sum(abs(A[i]) for i in cell))
        self.assertEqual(
            self.pruned("--algorithm", "block", "--block", "3x4", "--sparsity", "0.75", "--include", "a.weight"),
            ({"a.weight": best}, "block, sparsity 0.75, 3x4"))

    def test_random_depends_on_the_seed_alone(self):
        first, line = self.pruned("--algorithm", "random", "--sparsity", "0.5")
        self.assertEqual((len(first["a.weight"]), len(first["b.weight"]), line), (24, 16, "random, sparsity 0.5, seed 0"))
        self.assertNotEqual(first["a.weight"][:16], first["b.weight"])
        self.assertEqual(self.pruned("--algorithm", "random", "--sparsity", "0.5", "--seed", "0")[0], first)
        self.assertNotEqual(self.pruned("--algorithm", "random", "--sparsity", "0.5", "--seed", "1")[0], first)

    def test_a_weight_that_is_sparse_loses_more_and_regains_nothing(self):
        write(self.path / "s.safetensors", FORMS["prune"])
        for options, positions in ((("--sparsity", "0.75"), [3, 8, 9]),
                                   (("--algorithm", "n:m", "--n", "3"), [0, 3, 8, 9])):
            self.ok("prune", "s.safetensors", "-o", "s2.safetensors", *options)
            mask = read(self.path / "s2.safetensors")[0]["w_mask"][2]
            self.assertEqual([i for i, m in enumerate(mask) if m], positions)

    def test_inspect_counts_every_form(self):
        for form, tensors in FORMS.items():
            write(self.path / "f.safetensors", tensors)
            self.ok("inspect", "f.safetensors", "--json", "f.json", "--svg", "f.svg")
            weight, = json.loads((self.path / "f.json").read_text())["weights"]
            self.assertEqual(weight, {"name": "w", "form": form, "type": "F32", "shape": [3, 4], "dense_bytes": 48,
                                      "nonzeros": 4, "sparsity": 1 - 4 / 12, "csr_bytes": 4 * 8 + 4 * 4,
                                      "dead_rows": 1, "dead_cols": 1})
            svg = (self.path / "f.svg").read_text()
            # Four cells of one by one, each as full as can be.
            self.assertIn('<path d="M0 0h1v1h-1zM3 0h1v1h-1zM0 2h2v1h-2z" fill="#08306b"/>', svg)
            self.assertIn("3 x 4, 66.7 % zero; darkest cell: 100.0 % not zero", svg)

    def test_inspect_shows_types_that_cannot_be_read(self):
        write(self.path / "q.safetensors", {"q": ("F8_E4M3", [2, 2], [1, 2, 3, 4]), "h": ("BF16", [2, 2], [0x3F80, 0, 0, 0])})
        shown = self.ok("inspect", "q.safetensors").stdout
        self.assertRegex(shown, r"h +dense +BF16 +\[2, 2\] +1 +75.0")
        self.assertRegex(shown, r"q +dense +F8_E4M3 +\[2, 2\] +\? +\?")

    def test_every_form_becomes_every_other(self):
        for form, tensors in FORMS.items():
            write(self.path / "f.safetensors", tensors, {"about": form})
            zeros = ("--from-zeros", "w") if form == "dense" else ()
            for to, expected in (("dense", FORMS["mask"]), ("csr", CSR), ("zeros", FORMS["dense"])):
                self.ok("convert", "f.safetensors", "g.safetensors", "--form", to, *(zeros if to != "zeros" else ()))
                self.assertEqual(read(self.path / "g.safetensors"), (expected, {"about": form}), (form, to))

    def test_an_index_is_read_as_one_file_and_may_be_split_within_a_weight(self):
        parts = {"1.safetensors": dict(list(CSR.items())[:2]), "2.safetensors": dict(list(CSR.items())[2:])}
        for name, tensors in parts.items():
            write(self.path / name, tensors)
        (self.path / "i.index.json").write_text(
            json.dumps({"weight_map": {tensor: name for name, tensors in parts.items() for tensor in tensors}}))
        self.ok("convert", "i.index.json", "g.safetensors")
        self.assertEqual(read(self.path / "g.safetensors")[0], FORMS["mask"])
        self.assertIn("66.7", self.ok("inspect", "i.index.json").stdout)

    def test_bench_measures_the_pattern_of_a_weight(self):
        for form in ("mask", "prune", "CSR", "index"):
            tensors = FORMS["mask" if form == "index" else form]
            write(self.path / "f.safetensors", {**tensors, "other": ("F8_E4M3", [2, 2], [1, 2, 3, 4])})
            (self.path / "f.index.json").write_text(
                json.dumps({"weight_map": {name: "f.safetensors" for name in [*tensors, "other"]}}))
            file = "f.index.json" if form == "index" else "f.safetensors"
            shown = self.ok("bench", "--pattern", file, "--tensor", "w", "--batch", "1", "--threads", "1",
                            "--kernels", "forward", "--layouts", "native", "--budget", "0.01", "--json", "r.json",
                            "--svg", "r.svg").stdout
            self.assertRegex(shown, r"forward +3x4x1 +\d")
            self.assertIn("66.67 %", shown)
            ratio, = json.loads((self.path / "r.json").read_text())["ratios"]
            self.assertEqual([ratio[key] for key in "mkn"], [3, 4, 1])
            self.assertTrue((self.path / "r.svg").read_text().endswith("</svg>\n"))

    def test_arrays_of_numpy_come_and_go(self):
        write(self.path / "f.safetensors", CSR, {"about": "CSR"})
        self.assertIn("an .npz holds no metadata", self.ok("convert", "f.safetensors", "f.npz").stderr)
        with zipfile.ZipFile(self.path / "f.npz") as arrays:
            self.assertEqual(sorted(arrays.namelist()), ["w.npy", "w_mask.npy"])
            self.assertTrue(arrays.read("w.npy").endswith(struct.pack("<12f", *PRODUCT)))
            (self.path / "single.npy").write_bytes(arrays.read("w.npy"))
        self.ok("convert", "f.npz", "g.safetensors", "--form", "csr")
        self.assertEqual(read(self.path / "g.safetensors"), (CSR, {}))
        self.assertRegex(self.ok("inspect", "single.npy").stdout, r"single +dense +F32 +\[3, 4\] +4 +66.7")

    def test_zeros_that_stay_dense_are_told(self):
        write(self.path / "z.safetensors", {"w": ("F32", [3, 4], PRODUCT), "full": ("F32", [2, 2], [1.0] * 4)})
        told = self.ok("convert", "z.safetensors", "c.safetensors", "--form", "csr").stderr
        self.assertEqual(told, "gossamer: warning: 'w' is 66.7 % zeros and stays dense; --from-zeros 'w' makes it sparse\n")
        self.assertEqual(self.ok("convert", "z.safetensors", "c.safetensors", "--form", "csr", "--from-zeros", "w").stderr, "")
        self.assertEqual(self.ok("convert", "z.safetensors", "c.safetensors").stderr, "")

    def test_a_device_is_written_to_and_not_replaced(self):
        self.ok("inspect", "m.safetensors", "--svg", "/dev/null")
        self.assertFalse(os.path.isfile("/dev/null"))
        shown = self.ok("inspect", "m.safetensors", "--json", "/dev/stdout").stdout
        self.assertEqual(json.JSONDecoder().raw_decode(shown)[0]["metadata"], {"format": "pt"})

    def test_a_dash_is_standard_output_for_the_figures_alone(self):
        done = self.ok("inspect", "m.safetensors", "--json", "-")
        self.assertEqual(json.loads(done.stdout)["metadata"], {"format": "pt"})
        self.assertIn("of rank 2 or more", done.stderr)
        self.assertFalse((self.path / "-").exists())
        refused = self.run_program("inspect", "m.safetensors", "--json", "-", "--svg", "-")
        self.assertIn("--json: it must be a file of its own; '-' is --svg already", refused.stderr)

    def test_a_file_that_standard_output_is_appended_to_keeps_what_it_has(self):
        log = self.path / "log"
        log.write_text("before\n")
        with log.open("a") as out:
            subprocess.run([PROGRAM, "inspect", self.path / "m.safetensors", "--json", "/dev/stdout"], stdout=out, check=True)
        text = log.read_text()
        self.assertTrue(text.startswith("before\n"))
        self.assertIn('"metadata"', text)
        self.assertIn("of rank 2 or more", text)

    def test_names_cannot_command_the_terminal(self):
        write(self.path / "n.safetensors", {"\x1b[31m<w>": ("F32", [1, 2], [0.0, 0.0])}, {"\n": "\r"})
        result = self.ok("prune", "n.safetensors", "--algorithm", "block", "--sparsity", "0.5", "-o", "n2.safetensors")
        self.assertIn("warning: '?[31m<w>' loses all its weights", result.stderr)
        refused = self.run_program("inspect", "n.safetensors", "--tensor", "other").stderr
        self.assertIn("there are ?[31m<w>", refused)
        shown = self.ok("inspect", "n2.safetensors", "--svg", "n.svg").stdout + (self.path / "n.svg").read_text() + refused
        self.assertNotRegex(shown + result.stdout, "[\x1b\r]")
        self.assertIn(">?[31m&lt;w>", shown)

    def test_small_types_are_widened_with_a_warning_and_input_may_be_output(self):
        write(self.path / "h.safetensors", {"h": ("BF16", [2, 2], [0x3F80, 0x4000, 0, 0]), "u": ("U8", [1], [7])})
        result = self.ok("prune", "h.safetensors", "--sparsity", "0.75", "-o", "h.safetensors", "--form", "zeros")
        self.assertIn("BF16 are written as F32", result.stderr)
        self.assertIn("U8 are written as I32", result.stderr)
        self.assertEqual(read(self.path / "h.safetensors")[0], {"h": ("F32", [2, 2], [0, 2, 0, 0]), "u": ("I32", [1], [7])})

    def test_prune_tells_the_size_of_the_files_that_it_read(self):
        write(self.path / "a.safetensors", {"a.weight": DENSE["a.weight"]})
        write(self.path / "b.safetensors", {"b.weight": ("F32", [256, 256], [1.0] * 65536)})
        (self.path / "ab.index.json").write_text(
            json.dumps({"weight_map": {"a.weight": "a.safetensors", "b.weight": "b.safetensors"}}))
        for file, out in (("ab.index.json", "c.safetensors"), ("b.safetensors", "b.safetensors")):
            shown = self.ok("prune", file, "--sparsity", "0.5", "--form", "csr", "-o", out).stdout
            self.assertIn("(before: 256 KiB)", shown)

    def test_what_is_refused(self):
        out = ("-o", "out.safetensors")
        write(self.path / "bad_mask.safetensors", {**FORMS["prune"], "w_mask": ("F32", [3, 4], [2.0] * 12)})
        write(self.path / "bad_shape.safetensors", {**FORMS["prune"], "w_mask": ("F32", [4, 3], [1.0] * 12)})
        write(self.path / "two.safetensors", {**FORMS["prune"], "w": ("F32", [3, 4], PRODUCT)})
        write(self.path / "no_shape.safetensors", {k: v for k, v in CSR.items() if k != "w.shape"})
        write(self.path / "columns.safetensors", {**CSR, "w.col_indices": ("I32", [4], [3, 0, 0, 1])})
        write(self.path / "rows.safetensors", {**CSR, "w.crow_indices": ("I32", [4], [0, 3, 2, 4])})
        for name in ("noise.safetensors", "noise.npz", "noise.index.json"):
            (self.path / name).write_bytes(b"no file of tensors")
        (self.path / "outside.index.json").write_text('{"weight_map": {"w": "../m.safetensors"}}')
        write(self.path / "w.safetensors", FORMS["dense"])
        write(self.path / "s.safetensors", FORMS["mask"])
        for name, text in (("map", '{"weights": {}}'), ("comma", '{"weight_map": {},}'),
                           ("other", '{"weight_map": {"v": "w.safetensors"}}'),
                           ("more", '{"weight_map": {"w": "w.safetensors", "x": "w.safetensors"}}'),
                           ("twice", '{"weight_map": {"w": "w.safetensors", "w": "w.safetensors"}}'),
                           ("gone", '{"weight_map": {"w": "gone.safetensors"}}')):
            (self.path / f"{name}.index.json").write_text(text)
        for arguments, *texts in (
            (("inspekt", "m.safetensors"), "'inspekt'", "did you mean 'inspect'?"),
            (("--verson",), "'--verson'", "did you mean '--version'?"),
            ((), "subcommand is required"),
            (("inspect",), "FILE is required", "Try: gossamer inspect --help"),
            (("inspect", "m.safetensors", "--tensors", "a"), "inspect: ", "'--tensors'", "did you mean '--tensor'?"),
            (("prune", "m.safetensors", "--sparcity=0.9"), "'--sparcity'", "did you mean '--sparsity'?"),
            (("prune", "m.safetensors", "extra", *out), "extra"),
            (("inspect", "none.safetensors"), "'none.safetensors'", "No such file"),
            (("inspect", "noise.safetensors"), "noise.safetensors"),
            (("inspect", "m.safetensors", "--tensor", "c*"), "--tensor: ", "'c*' matches none", "a.bias, a.weight"),
            (("prune", "m.safetensors", "--sparsity", "0.9", "--include", "a.bias", *out), "'a.bias' matches none"),
            (("inspect", "m.safetensors", "--svg", "no/x.svg"), "--svg: ", "'no/x.svg'", "No such file"),
            (("inspect", "m.safetensors", "--json", "."), "--json: "),
            (("inspect", "no_shape.safetensors"), "'w.shape' must be there"),
            (("inspect", "columns.safetensors"), "'w'", "columns of row 0 do not ascend below 4"),
            (("inspect", "rows.safetensors"), "'w'", "crow_indices do not lead from 0 to 4 in 3 steps"),
            (("inspect", "bad_shape.safetensors"), "'w_mask'", "[3, 4]", "[4, 3]"),
            (("convert", "bad_shape.safetensors", "out.safetensors"), "'w_mask'", "[3, 4]", "[4, 3]"),
            (("convert", "bad_mask.safetensors", "out.safetensors"), "'w_mask' must hold 0 and 1 only"),
            (("convert", "two.safetensors", "out.safetensors"), "'w' must have one form"),
            (("convert", "columns.safetensors", "out.safetensors"), "to_dense_form", "w"),
            (("bench", "--pattern", "m.safetensors", "--tensor", "c.weight"), "--tensor", "'c.weight'"),
            (("bench", "--pattern", "m.safetensors", "--tensor", "a.weight"), "must have zeros", "6x8"),
            (("bench", "--pattern", "m.safetensors"), "--tensor: ", "it is missing", "has a.weight, b.weight, norm.weight"),
            (("bench", "--pattern", "a.txt"), "must end in .mtx, .smtx, .safetensors or .index.json", "'a.txt'"),
            (("bench", "--pattern", "s.safetensors", "--tensor", "w", "--json", "./s.safetensors"), "is --pattern already"),
            (("inspect", "m.safetensors", "--json", "./m.safetensors"), "--json: it must be a file of its own", "is FILE already"),
            (("inspect", "m.safetensors", "--svg", "new", "--json", "new"), "'new' is --svg already"),
            (("demo", "--save", "new", "--json", "./new"), "'./new' is --save already"),
            (("demo", "--save", "no/run"), "--save: ", "'no/run'", "No such file"),
            (("demo", "--resume", "none"), "'none'", "No such file"),
            (("help",), "did you mean '--help'?"),
            (("bench", "--shapes", "4x4"), "--shapes", "'4x4'"),
            (("bench", "--shapes", "4x4x1", "--sparsities", "0.5", "--svg", "no/x.svg"), "--svg", "'no/x.svg'"),
            (("convert", "m.safetensors", "out.pt"), "must end in .safetensors or .npz", "'out.pt'"),
            (("inspect", "none.index.json"), "'none.index.json'", "No such file"),
            (("inspect", "noise.index.json"), "the index must be as its format says; 'noise.index.json'", "'{' is missing"),
            (("inspect", "map.index.json"), "weight_map is missing"),
            (("inspect", "comma.index.json"), "'comma.index.json': byte 18: a string is missing"),
            (("inspect", "outside.index.json"), "\"../m.safetensors\" is no file beside the index"),
            (("inspect", "other.index.json"), "'w.safetensors': \"v\" is missing"),
            (("inspect", "more.index.json"), "'w.safetensors': \"x\" is missing"),
            (("inspect", "twice.index.json"), "names must be unique; 'twice.index.json': \"w\" comes twice"),
            (("inspect", "gone.index.json"), "gone.safetensors': No such file"),
            (("inspect", "noise.npz"), "noise.npz"),
            (("convert", "m.safetensors", "out.safetensors", "--form", "crs"), "--form", "'crs'", "did you mean 'csr'?"),
            (("convert", "m.safetensors", "out.safetensors", "--from-zeros", "a.bias"), "--from-zeros", "'a.bias'"),
            (("convert", "m.safetensors", "no/out.safetensors"), "'no/out.safetensors'", "No such file"),
            (("prune", "m.safetensors", *out), "--sparsity must be given"),
            (("prune", "m.safetensors", "--sparsity", "0.9"), "--output is required"),
            (("prune", "m.safetensors", "--sparsity", "1", *out), "at least 0 and below 1", "'1'"),
            (("prune", "m.safetensors", "--sparsity", "80", *out), "'80'; it is a share: 0.8 for 80 %"),
            (("prune", "m.safetensors", "--sparsity", "nan", *out), "at least 0 and below 1", "'nan'"),
            (("prune", "m.safetensors", "--sparsity", "0.9", "--algorithm", "magnitud", *out), "did you mean 'magnitude'?"),
            (("prune", "m.safetensors", "--sparsity", "0.9", "--seed", "-1", *out), "--seed", "'-1'"),
            (("prune", "m.safetensors", "--sparsity", "0.9", "--seed", "1", *out), "--seed is an option of the algorithm random"),
            (("prune", "m.safetensors", "--sparsity", "0.9", "--m", "4", *out), "--m is an option of the algorithm n:m"),
            (("prune", "m.safetensors", "--sparsity", "0.9", "--block", "4x4", *out), "--block is an option"),
            (("prune", "m.safetensors", "--algorithm", "n:m", "--global", *out), "--global is an option"),
            (("prune", "m.safetensors", "--algorithm", "n:m", "--sparsity", "0.9", *out), "2 of 4 is 0.5", "0.9"),
            (("prune", "m.safetensors", "--algorithm", "n:m", "--m", "3", *out), "'a.weight'", "3"),
            (("prune", "m.safetensors", "--algorithm", "n:m", "--m", "0", *out), "m"),
            (("prune", "m.safetensors", "--algorithm", "block", "--sparsity", "0.5", "--block", "4x", *out), "'4x'"),
            (("prune", "m.safetensors", "--algorithm", "block", "--sparsity", "0.5", "--block", "0x4", *out), "'0x4'"),
            (("prune", "m.safetensors", "--sparsity", "0.9", "--include", "steps", *out), "--include", "'steps'"),
            (("prune", "m.safetensors", "--sparsity", "0.9", "--exclude", "[ab].*", *out), "must be a weight to prune"),
        ):
            with self.subTest(arguments=arguments):
                before = sorted(os.listdir(self.path))
                result = self.run_program(*arguments)
                self.assertEqual((result.returncode, result.stdout), (1, ""), result.stderr)
                self.assertTrue(result.stderr.startswith("gossamer: "), result.stderr)
                for text in texts:
                    self.assertIn(text, result.stderr)
                self.assertEqual(sorted(os.listdir(self.path)), before)

    def test_a_full_disk_is_an_error(self):
        for arguments in (("inspect", "m.safetensors"), ("--version",)):
            with open("/dev/full", "w") as full:
                result = self.run_program(*arguments, stdout=full)
            self.assertEqual(result.returncode, 1)
            self.assertIn("No space left", result.stderr)

    def test_the_version_names_the_simd_target_and_openblas(self):
        version = re.search(r"version: '([^']+)'", (ROOT / "meson.build").read_text())[1]
        self.assertRegex(self.ok("--version").stdout,
                         rf"^gossamer {re.escape(version)}\nSIMD target: \w+\nOpenBLAS: \d+\.\d+\.\d+\S*, \w+\n$")

    def test_every_option_is_in_the_man_page_and_in_the_completion(self):
        man = (ROOT / "docs/gossamer.1").read_text().replace("\\-", "-")
        completion = (ROOT / "src/cli/gossamer.bash").read_text()
        shown = self.ok("--help").stdout
        commands = re.findall(r"^  (\w+) ", shown[shown.index("Subcommands:"):], re.MULTILINE)
        self.assertEqual(commands, ["bench", "convert", "demo", "inspect", "prune"])
        for command in commands:
            section = re.search(rf"^\.SS {command}\n(.*?)(?=^\.S)", man, re.MULTILINE | re.DOTALL)[1]
            offered = set(re.search(rf"^    {command}\) options='([^']+)'", completion, re.MULTILINE)[1].split())
            options = set(re.findall(r"^  (?:-\w,)?(--[\w-]+)", self.ok(command, "--help").stdout, re.MULTILINE))
            self.assertEqual(offered, options)
            self.assertEqual({o for o in options if not re.search(rf"{o}\b", section)}, {"--help"})
        for option in re.findall(r"(--[\w-]+)", shown):
            self.assertIn(option, man)
            self.assertIn(option, completion)

    def test_the_page_on_the_command_line_shows_what_is_printed(self):
        page = (ROOT / "docs/command-line.md").read_text()
        self.assertEqual(pages.run_page(page, self.folder.name, PROGRAM).splitlines(), page.splitlines())


if __name__ == "__main__":
    unittest.main()
