#!/usr/bin/env python3
"""Checks that what the pages name is there: files, folders, pictures and headings (by the names that GitHub gives them) that they
link to, and files of the tree in backquotes, as `docs/adding.md` or `src/ops/*.cc`. The changelog names what is gone, too.

usage: check_links.py ROOT
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1]).resolve()
sys.path.insert(0, str(ROOT / "docs" / "site"))
from doxygen_filter import slug  # noqa: E402: the folder is known only now

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FILE = re.compile(r"(?<![\w./<-])(?:bench|docs|examples|include|kernels|src|tests)/[\w./*-]+\.\w+")


def prose(page):
    """The lines of a page outside of blocks of code, by number."""
    fenced = False
    for number, line in enumerate(page.read_text().split("\n"), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced:
            yield number, line


def without_code(page):
    for number, line in prose(page):
        yield number, re.sub(r"`[^`]*`", "", line) if not line.startswith("#") else line


def anchors(page):
    names = {}
    for _, line in without_code(page):
        if heading := re.match(r"^#+ (.*)$", line):
            name = slug(heading.group(1))
            names[name] = names.get(name, -1) + 1
    return {name + (f"-{n}" if n else "") for name, count in names.items() for n in range(count + 1)}


def faults(page):
    for number, line in without_code(page):
        for target in LINK.findall(line):
            if re.match(r"[a-z]+:", target):
                continue
            file, _, anchor = target.partition("#")
            path = (page.parent / file).resolve() if file else page
            if not path.exists():
                yield f"{page.relative_to(ROOT)}:{number}: there is no {target}"
            elif ROOT not in path.parents:
                yield f"{page.relative_to(ROOT)}:{number}: {target} lies outside of the project"
            elif anchor and path.suffix == ".md" and anchor not in anchors(path):
                yield f"{page.relative_to(ROOT)}:{number}: {file or page.name} has no heading #{anchor}"
    if page.name == "CHANGELOG.md":
        return
    for number, line in prose(page):
        for code in re.findall(r"`([^`]*)`", line):
            for file in FILE.findall(code):
                if not any(ROOT.glob(file)):
                    yield f"{page.relative_to(ROOT)}:{number}: there is no {file}"


pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / ".github").rglob("*.md")]
found = [fault for page in sorted(pages) for fault in faults(page)]
if found or not pages:
    sys.exit("\n".join(found) or f"there are no pages in {ROOT}")
