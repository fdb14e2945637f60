"""What check_layers.py must find, and what it must let pass, on small trees."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

CHECKER = pathlib.Path(__file__).with_name("check_layers.py")


def run(files):
    """Runs the checker on a tree of {path: text}; returns its exit code and what it said."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for path, text in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text, encoding="utf-8")
        result = subprocess.run([sys.executable, CHECKER, root], capture_output=True, text=True, check=False)
        return result.returncode, result.stderr


class CheckLayers(unittest.TestCase):
    def assert_violation(self, path, include, *words):
        code, said = run({path: f"// A file.\n#include {include}\n"})
        self.assertEqual(code, 1, f"{path} may include {include}")
        for word in (f"{path}:2:", *words):
            self.assertIn(word, said)

    def assert_allowed(self, path, include):
        code, said = run({path: f"#include {include}\n"})
        self.assertEqual((code, said), (0, ""))

    def test_names_file_line_and_rule_of_an_include_from_above(self):
        self.assert_violation("src/tensor/a.cc", '"ops/csr.h"', "layer tensor must not include layer ops")
        self.assert_violation("src/nn/a.cc", '"gossamer/train/checkpoint.h"', "layer nn must not include layer train")
        self.assert_violation("src/sparse/a.cc", '"gossamer/nn/module.h"', "layer sparse must not include layer nn")
        self.assert_violation("include/gossamer/tensor.h", '"gossamer/ops.h"', "layer tensor must not include layer ops")

    def test_files_are_read_below_what_is_made_of_them(self):
        self.assert_allowed("src/data/a.cc", '"io/byte_source.h"')
        self.assert_allowed("src/io/a.cc", '"gossamer/state_dict.h"')
        self.assert_violation("src/io/a.cc", '"gossamer/parameter.h"', "io must not include layer parameter")

    def test_equals_do_not_include_each_other(self):
        self.assert_violation("src/nn/a.cc", '"gossamer/data/loader.h"', "nn must not include layer data")

    def test_sparsity_algorithms_know_optimizers_and_not_the_other_way_round(self):
        self.assert_allowed("src/sparse/a.cc", '"gossamer/optim/optimizer.h"')
        self.assert_violation("src/optim/a.cc", '"sparse/remap.h"', "optim must not include layer sparse")

    def test_lower_layers_and_the_own_layer_may_be_included(self):
        self.assert_allowed("src/ops/a.cc", '"runtime/parallel.h"')
        self.assert_allowed("src/ops/a.cc", '"kernels/csr.h"')
        self.assert_allowed("src/ops/a.cc", '"gossamer/ops.h"')
        self.assert_allowed("src/cli/main.cc", '"gossamer/gossamer.h"')

    def test_tbb_and_cblas_have_one_file_each(self):
        self.assert_allowed("src/runtime/parallel.cc", "<tbb/parallel_for.h>")
        self.assert_allowed("src/runtime/blas.cc", "<cblas.h>")
        self.assert_violation("src/runtime/blas.cc", "<tbb/parallel_for.h>", "src/runtime/parallel.cc only")
        self.assert_violation("src/ops/a.cc", "<oneapi/tbb/parallel_for.h>", "src/runtime/parallel.cc only")
        self.assert_violation("src/ops/a.cc", "<cblas.h>", "src/runtime/blas.cc only")

    def test_public_headers_show_no_dependency_and_no_internals(self):
        self.assert_allowed("include/gossamer/tensor.h", "<vector>")
        self.assert_violation("include/gossamer/tensor.h", "<fmt/format.h>", "src/ only")
        self.assert_violation("include/gossamer/tensor.h", "<unistd.h>", "standard library")
        self.assert_violation("include/gossamer/tensor.h", '"runtime/check.h"', "public headers include public headers")

    def test_kernels_see_highway_and_kernels_only(self):
        self.assert_allowed("kernels/csr.cc", '"hwy/highway.h"')
        self.assert_allowed("kernels/csr.cc", '"kernels/csr.h"')
        self.assert_violation("kernels/csr.cc", '"gossamer/error.h"', "kernels include Highway and kernels only")
        self.assert_violation("kernels/csr.cc", "<immintrin.h>", "standard library")
        self.assert_violation("src/ops/a.cc", '"hwy/highway.h"', "kernels/ only")

    def test_a_header_without_a_layer_is_named(self):
        self.assert_violation("src/nn/a.cc", '"gossamer/new_concept.h"', "new_concept.h belongs to no layer")

    def test_only_users_include_the_umbrella(self):
        self.assert_allowed("include/gossamer/gossamer.h", '"gossamer/nn/module.h"')
        self.assert_violation("src/nn/a.cc", '"gossamer/gossamer.h"', "for users of the library")

    def test_public_headers_export_what_they_declare(self):
        begin, end = "#pragma GCC visibility push(default)\n", "#pragma GCC visibility pop\n"
        namespace = "namespace gossamer {\nvoid f();\n}  // namespace gossamer\n"
        for hidden in (namespace, begin + namespace, begin + end + namespace, begin + namespace + end + namespace):
            code, said = run({"include/gossamer/tensor.h": hidden})
            self.assertEqual(code, 1, hidden)
            self.assertIn("include/gossamer/tensor.h: its declarations must stand between", said)
        internal = "namespace gossamer {\nstruct Access;  // internal\n}\n"
        self.assertEqual(run({"include/gossamer/tensor.h": internal + begin + namespace + end}), (0, ""))
        self.assertEqual(run({"src/tensor/a.h": namespace}), (0, ""))

    def test_relative_includes_are_refused(self):
        self.assert_violation("src/nn/a.cc", '"module_impl.h"', "spelled from a root")


if __name__ == "__main__":
    unittest.main()
