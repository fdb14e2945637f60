# Every row of the table "From cerebras.pytorch.sparse" is compiled: tests/sparse/test_migration_table.cc holds it, letter
# for letter, above the code that uses it.
import pathlib
import sys

root = pathlib.Path(sys.argv[1])
section = (root / "docs/sparsity.md").read_text().split("## From cerebras.pytorch.sparse")[1]
rows = [line for line in section.splitlines() if line.startswith("| `")]
comments = [line.strip()[3:] for line in (root / "tests/sparse/test_migration_table.cc").read_text().splitlines()
            if line.strip().startswith("// ")]
compiled = []
for comment in comments:  # a long row goes on in the next line
    if comment.startswith("| `"):
        compiled.append(comment)
    elif compiled and not compiled[-1].endswith(" |"):
        compiled[-1] += " " + comment
wrong = [f"not compiled: {row}" for row in rows if row not in compiled]
wrong += [f"not in the document: {row}" for row in compiled if row not in rows]
if wrong or not rows:
    sys.exit("docs/sparsity.md and tests/sparse/test_migration_table.cc must hold the same rows\n" + "\n".join(wrong))
