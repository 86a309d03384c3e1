#!/usr/bin/env python3
"""The figures of docs/benchmarks.md in README.md, docs/adopting.md and docs/comparison.md.

    pages.py            writes these figures between the marks of these pages
    pages.py --check    fails if a page has other figures than docs/benchmarks.md

`make bench` writes docs/benchmarks.md and then these three, so that all pages have figures from the same run, in the same units.
"""

import re
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MARK, END = "<!-- `make bench` writes this -->", "<!-- -->"
US, RATIO = "secrets-exec", "*secrets-exec / minimal client*"
LAUNCHES, COSTS = "## Launch time in the same region", "## Memory, size and cold start"


def table(page, heading):
    """The rows of the first table below a heading, by tool. A row is the cells by column, as text."""
    _, _, section = page.partition(f"{heading}\n")
    lines = [line for line in section.split("\n## ")[0].splitlines() if line.startswith("|")]
    names, _, *rows = [line.strip("| ").split(" | ") for line in lines] or [[], []]
    return {row[0]: dict(zip(names[1:], row[1:], strict=True)) for row in rows}


def highlight(page):
    """The first item of README's list, in round figures."""
    size, one = table(page, COSTS)[US]["size, MB"], table(page, LAUNCHES)[US]["1"]
    item = (
        f"- **It's one static binary for Linux** of {float(size):.1f} MB. With one secret, your program starts after about {float(one):.0f} ms "
        "([measured](docs/benchmarks.md) with a simulated network)."
    )
    return fill(item, "  ")


def adopting(page):
    """The item of the list at the beginning of docs/adopting.md."""
    launches, costs = table(page, LAUNCHES), table(page, COSTS)
    item = (
        f"- **What it adds:** {costs[US]['size, MB']} MB in the image (about half of that compressed), {costs[US]['peak memory, MB']} MB of memory until "
        f"secrets-exec becomes your program, and {launches[US]['1']} ms for one secret or {launches[US]['20']} ms for twenty, "
        f"[measured](benchmarks.md) with a simulated network. With [`--on-rotation`](rotation.md), a parent process stays, with {parent(page)} MB for "
        "each program."
    )
    return fill(item, "  ")


def comparison(page):
    """The item of docs/comparison.md about reading in parallel."""
    launches = table(page, LAUNCHES)
    longer = float(launches[US]["20"]) - float(launches[US]["1"])
    return fill(f"- It reads secrets in parallel, so twenty secrets take only [{longer:.0f} ms longer](benchmarks.md) than one.", "  ")


def parent(page):
    """The memory of the parent process of `--on-rotation`, in MB."""
    return re.search(r"the parent process uses ([0-9.]+) MB", " ".join(page.split()))[1]


def fill(text, indent=""):
    return textwrap.fill(text, 100, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def rewritten(path, texts):
    """The page, with each text between the next pair of its marks. In a list, the marks are indented."""
    left = iter(texts)
    page, found = re.subn(rf"(^ *{MARK}\n).*?(?=^ *{END}\n)", lambda mark: f"{mark[1]}{next(left, '')}\n", path.read_text(), flags=re.S | re.M)
    if found != len(texts):
        raise SystemExit(f"bench: {path} has {found} times {MARK}, and not {len(texts)} times")
    return page


def main():
    page = (ROOT / "docs/benchmarks.md").read_text()
    for name, texts in (
        ("README.md", [highlight(page)]),
        ("docs/adopting.md", [adopting(page)]),
        ("docs/comparison.md", [comparison(page)]),
    ):
        path = ROOT / name
        new = rewritten(path, texts)
        if sys.argv[1:] != ["--check"]:
            path.write_text(new)
        elif new.split() != path.read_text().split():
            raise SystemExit(f"{name} has other figures than docs/benchmarks.md: `benches/pages.py` writes them again:\n" + "\n".join(texts))


if __name__ == "__main__":
    main()
