"""The goals of secrets-exec, and what `make bench` prints about them: which of them a run has met."""

from measure import NEAR, REGIONAL
from rivals import COUNTS

# The most for each of COUNTS, in this order. The first three are compared with the minimal client.
RATIOS = [
    ("launch time / minimal client, in the same region", REGIONAL, "median", [1.01, 1.02, 1.04, 1.06]),
    ("launch time / minimal client, without network delays", NEAR, "median", [1.00, 0.95, 1.00, 1.06]),
    ("CPU time / minimal client, without network delays", NEAR, "cpu", [1.05, 1.02, 1.03, 1.15]),
]
FAULTS = [300, 330, 500, 680]
SIZE, MEMORY, PARENT = 7.3, 6.3, 4.8  # MB
PRINTING = 2.0  # ms for --help and for --version


def markdown(ours, rows, parent):
    """The paragraphs to print. `ours` is our tool, and `parent` the memory in MB of the parent process of `--on-rotation`."""
    by_count = [
        (title, [f"{rows[ours.key, count, place][what] / rows['floor', count, place][what]:.2f}" for count in COUNTS], limits)
        for title, place, what, limits in RATIOS
    ]
    by_count.append(("page faults, without network delays", [str(rows[ours.key, count, NEAR]["faults"]) for count in COUNTS], FAULTS))
    single = [
        ("size of the binary, MB", ours.size / 1e6, SIZE),
        ("peak memory of a launch with one secret, MB", rows[ours.key, 1, NEAR]["memory"], MEMORY),
        ("memory of the parent process of `--on-rotation`, MB", parent, PARENT),
        ("`--help`, ms", rows["--help", 0, NEAR]["median"], PRINTING),
        ("`--version`, ms", rows["--version", 0, NEAR]["median"], PRINTING),
    ]
    single = [(title, [f"{seen:.2f}"], [limit]) for title, seen, limit in single]
    missed = sum(float(seen) > limit for _, row, limits in by_count + single for seen, limit in zip(row, limits, strict=True))
    return [
        "# Goals",
        f"These are the figures of secrets-exec that we watch, each with its limit in parentheses. {verdict(missed)}",
        table("goal | " + " | ".join(map(str, COUNTS)), by_count),
        table("goal | measured", single),
    ]


def verdict(missed):
    if missed == 0:
        return "This run met all of them."
    return f"This run missed {'one of them, which is' if missed == 1 else f'{missed} of them, which are'} in bold."


def table(heading, goals):
    lines = [f"| {heading} |", "|---" * (heading.count("|") + 1) + "|"]
    for title, row, limits in goals:
        cells = [cell(seen, limit) for seen, limit in zip(row, limits, strict=True)]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def cell(seen, limit):
    """A figure and its limit, with the same number of decimals. The figure is bold if it is above the limit."""
    decimals = len(seen.partition(".")[2])
    shown = f"**{seen}**" if float(seen) > limit else seen
    return f"{shown} ({limit:.{decimals}f})"
