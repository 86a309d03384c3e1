"""The page docs/benchmarks.md, README's paragraph, and what `make bench` prints."""

import re

from measure import FAR, NEAR, REGIONAL, REST
from rivals import COUNTS

US = "secrets-exec"


def number(value):
    if value is None:
        return "–"
    return f"{value:.0f}" if value >= 100 or isinstance(value, int) else f"{value:.1f}" if value >= 20 else f"{value:.3g}"


def markdown(results):
    about, rows, tools = (results[key] for key in ("about", "rows", "tools"))
    paragraphs = [
        "# Benchmarks",
        f"Measured on {about['date']} with {about['machine']}, {about['built']}; load average before it {about['load']}. "
        "`make bench` writes this page, and prints the rest: quartiles, other distances, CPU time, page faults, fleets.",
        "Each launch is a whole process: it starts, reads one key of each secret over TLS with keys in variables, and runs `/bin/true`. *The "
        "floor* ([benches/floor](../benches/floor)) is a hand-written client that does nothing else. secrets-exec and the floor trust one root; "
        f"the other tools, and *with a bundle*, read {about['roots']}.",
        *unmeasured(results["skipped"]),
        "## In the same region",
        f"Median wall time in ms by the number of secrets (–: not measured). Round trips of {REGIONAL.round_trip} ms, and {REGIONAL.answer} ms "
        "until an answer, are assumptions: no AWS was reached. Each time includes the server's part of a handshake.",
        table(tools, rows, REGIONAL, lambda row: number(row["median"])),
        "## Memory, size, cold start",
        "Peak resident memory; the stripped binaries, or all installed files without the interpreter; one launch near by after the page cache "
        "was dropped, and what it reads from the disk.",
        costs(tools, rows),
        f"With `--on-rotation`, the process that stays has {number(results['rest']['resident, KiB'] * 1024 / 1e6)} MB.",
    ]
    return "\n\n".join(paragraphs) + "\n"


def details(results):
    """What is printed and not in the page."""
    rows, rest, tools = (results[key] for key in ("rows", "rest", "tools"))
    paragraphs = [
        "# In the same region, with quartiles",
        table(tools, rows, REGIONAL),
        "# Near by, without delays",
        table(tools, rows, NEAR),
        "CPU time of all processes in ms, and page faults:",
        effort(tools, rows),
        "# 20 ms away",
        table(tools, rows, FAR),
        f"100 secrets are {rows[US, 100, NEAR]['requests']} requests on {rows[US, 100, NEAR]['connections']} connections. What ends without "
        "a request, in ms: " + "; ".join(f"{key} {number(row['median'])}" for (key, count, _), row in rows.items() if not count) + ".",
        f"At rest with `--on-rotation`: {number(rest['anonymous, KiB'] * 1024 / 1e6)} MB of anonymous memory, {rest['threads']} thread, and "
        f"{rest['switches']} context switches in {REST} s.",
        "Versions: " + "; ".join(f"{tool.title} {tool.version}" for tool in tools if tool.version and not tool.title.startswith(US)) + ".",
        results["fleet"],
        results["simulated"],
    ]
    return "\n\n".join(paragraphs) + "\n"


def unmeasured(skipped):
    return ["Not measured in this run: " + "; ".join(skipped) + "."] if skipped else []


def heading(columns):
    return [f"| tool | {' | '.join(map(str, columns))} |", "|---" * (len(columns) + 1) + "|"]


def quartiles(row):
    return f"{number(row['median'])} ({number(row['low'])}–{number(row['high'])})"


def table(tools, rows, place, cell=quartiles):
    """The times at a place, and the ratio to the floor's."""
    lines = heading(COUNTS)
    for tool in tools:
        found = [rows.get((tool.key, count, place)) for count in COUNTS]
        cells = [cell(row) if row else "–" for row in found]
        lines.append(f"| {tool.title} | {' | '.join(cells)} |")
    return "\n".join([*lines, f"| *secrets-exec / the floor* | {' | '.join(ratio(rows, count, place) for count in COUNTS)} |"])


def ratio(rows, count, place):
    return f"{rows[US, count, place]['median'] / rows['floor', count, place]['median']:.2f}"


def costs(tools, rows):
    lines = heading(["memory, MB", "size, MB", "cold, ms", "cold, MB read"])
    for tool in tools:
        row = rows.get((tool.key, 1, NEAR), {})
        cold = row.get("cold") or (None, None)
        lines.append(f"| {tool.title} | {' | '.join(map(number, [row.get('memory'), tool.size and tool.size / 1e6, *cold]))} |")
    return "\n".join(lines)


def effort(tools, rows):
    lines = heading([*(f"CPU, {count}" for count in COUNTS), *(f"faults, {count}" for count in COUNTS)])
    for tool in tools:
        found = [rows.get((tool.key, count, NEAR), {}) for count in COUNTS]
        cells = [row.get(what) for what in ("cpu", "faults") for row in found]
        lines.append(f"| {tool.title} | {' | '.join(map(number, cells))} |")
    return "\n".join(lines)


def line(results):
    """README's paragraph."""
    rows = results["rows"]
    one, many = (number(rows[US, count, REGIONAL]["median"]) for count in (1, 20))
    return f"""{MARK}
A launch with one secret takes {one} ms and one with 20 takes {many} ms in the same region (assumed: 1 ms for a round trip, 10 ms for an
answer): {ratio(rows, 1, REGIONAL)} and {ratio(rows, 20, REGIONAL)} times what a hand-written client takes that does nothing else ([benchmarks](docs/benchmarks.md)).
"""


MARK, END = "<!-- `make bench` writes this -->", "<!-- -->"


def rewrite(path, text):
    """Puts the text between the marks of a page."""
    page, found = re.subn(rf"{MARK}\n.*?(?={END}\n)", lambda _: text, path.read_text(), flags=re.S)
    if found != 1:
        raise SystemExit(f"bench: {path} has no {MARK}")
    path.write_text(page)
