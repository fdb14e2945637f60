#!/usr/bin/env python3
"""What Doxygen reads in place of a file: headers with their comments in Doxygen's form, pages with names for their headings.

usage: doxygen_filter.py FILE   (Doxygen's INPUT_FILTER, run in the root of the project)

The sources keep plain comments: a comment in front of a declaration documents it, one behind it too, lines that are
indented by two more spaces are shown as they are. Headings get GitHub's names, so that one link works in both places.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path.cwd()
SPECIAL = re.compile(r"[\\@<>#%&]")
COMMENT = re.compile(r"^(\s*)//(?: (.*))?$")
TRAILING = re.compile(r"^(.*\S)(\s+)// (.*)$")
SECTION = re.compile(r"^-{3,}")


def escaped(text):
    return SPECIAL.sub(lambda found: "\\" + found.group(), text)


def comment_block(lines, mark, out, indent):
    """Lines of one comment, as text and as what is shown as it stands."""
    position = 0
    while position < len(lines):
        if not lines[position].startswith("  "):
            out.append(f"{indent}{mark} {escaped(lines[position])}".rstrip())
            position += 1
            continue
        end = position
        for after in range(position, len(lines)):  # blank lines between its parts belong to it
            if lines[after].startswith("  "):
                end = after + 1
            elif lines[after]:
                break
        shown = [line[2:] for line in lines[position:end]]
        kind = ("code{.cpp}", "endcode") if re.search(r"[;{]$", "\n".join(shown), re.M) else ("verbatim", "endverbatim")
        out += [f"{indent}{mark} @{kind[0]}", *(f"{indent}{mark} {line}".rstrip() for line in shown),
                f"{indent}{mark} @{kind[1]}"]
        position = end


def header(lines):
    """A header's lines with /// and ///< comments."""
    out = []
    column = None  # of the comment behind the line before
    number = 0
    while number < len(lines):
        line = lines[number]
        comment = COMMENT.match(line)
        if comment:
            behind = column is not None and line.index("//") == column
            block = []
            begin = number
            while number < len(lines) and COMMENT.match(lines[number]):
                block.append(COMMENT.match(lines[number]).group(2) or "")
                number += 1
            if SECTION.match(block[0]):
                out += lines[begin:number]
                continue
            if begin == 0:
                out.append("/// @file")
            comment_block(block, "///<" if behind else "///", out, comment.group(1))
            continue
        trailing = TRAILING.match(line)
        if trailing and not trailing.group(1).lstrip().startswith("}"):
            column = len(trailing.group(1)) + len(trailing.group(2))
            out.append(f"{trailing.group(1)}{trailing.group(2)}///< {escaped(trailing.group(3))}")
        else:
            column = None
            out.append(line)
        number += 1
    return out


def slug(heading):
    """GitHub's name for a heading."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").strip().lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


def page_name(path):
    return "page_" + re.sub(r"\W", "_", path.relative_to(ROOT).with_suffix("").as_posix()).lower()


def link(page, text, target):
    """A link as Doxygen follows it: pages by their names; what is no page stays as text."""
    if re.match(r"[a-z]+:", target):
        return f"[{text}]({target})"
    file, _, anchor = target.partition("#")
    path = (page.parent / file).resolve() if file else page
    in_site = path.parent == ROOT or ROOT / "docs" in path.parents
    if path.suffix == ".md" and path.is_file() and in_site:
        return f"[{text}](@ref {page_name(path)}{'-' + anchor if anchor else ''})"
    return text


def markdown(page, lines):
    """A page's lines with names for its headings and links to those."""
    out = []
    fenced = False
    for line in lines:
        if line.lstrip().startswith("```"):
            fenced = not fenced
        heading = re.match(r"^(#+) (.*)$", line)
        if fenced:
            out.append(line)
        elif heading:
            level, text = heading.groups()
            name = page_name(page) + ("" if level == "#" else "-" + slug(text))
            text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
            out.append(f"{level} {text} {{#{name}}}")
        else:
            out.append(re.sub(r"(?<!!)\[([^\]]*)\]\(([^)\s]+)\)", lambda m: link(page, *m.groups()), line))
    return out


def main():
    path = pathlib.Path(sys.argv[1]).resolve()
    lines = path.read_text().split("\n")
    print("\n".join(markdown(path, lines) if path.suffix == ".md" else header(lines)), end="")


if __name__ == "__main__":
    main()
