"""The page docs/benchmarks.md, README's paragraph, and what `make bench` prints."""

import re
import textwrap

from measure import FAR, NEAR, REGIONAL, REST
from rivals import COUNTS

US = "secrets-exec"


def number(value):
    if value is None:
        return "–"
    return f"{value:.0f}" if value >= 100 or isinstance(value, int) else f"{value:.1f}" if value >= 20 else f"{value:.3g}"


def markdown(results):
    about, rows, tools = (results[key] for key in ("about", "rows", "tools"))
    one, many = launch_times(rows)
    paragraphs = [
        "# Benchmarks",
        f"secrets-exec starts a program with one secret in {number(one)} ms, and with 20 secrets in {number(many)} ms. That is within "
        f"{overhead(rows)}% of a minimal hand-written client. The network is simulated: a round trip takes {REGIONAL.round_trip} ms, and the "
        f"server answers after {REGIONAL.answer} ms. Nothing was measured against AWS.",
        *unmeasured(results["skipped"]),
        "## Launch time in the same region",
        "The table shows how many milliseconds a launch takes (the median), by the number of secrets. A dash means that this wasn't measured.",
        table(tools, rows, REGIONAL, lambda row: number(row["median"])),
        "\n".join(
            [
                "- Each launch is a whole process. It starts, connects with TLS, reads one key of each secret, and runs `/bin/true`. The credentials "
                "are in environment variables.",
                "- *The floor* ([benches/floor](../benches/floor)) is a hand-written client that does nothing else. The last row "
                "shows how many times as long as the floor secrets-exec takes.",
                "- secrets-exec and the floor load one root certificate. The other tools, and the row *with a bundle*, load "
                f"{about['roots']}.",
                "- The times include the server's share of the TLS handshake, because client and server run on the same machine.",
            ]
        ),
        "## Memory, size and cold start",
        "The size is that of the stripped binaries. For Python, it is that of all installed packages, without the interpreter. "
        "A cold start is one launch with one secret, without network delays, right after the kernel's page cache was dropped.",
        costs(tools, rows),
        f"With `--on-rotation`, the supervising process uses {number(results['rest']['resident, KiB'] * 1024 / 1e6)} MB of memory.",
        "## How this was measured",
        f"These figures are from {about['date']}, with {about['machine']}, {about['built']}. The load average before the run was "
        f"{about['load']}. `make bench` measures again and writes this page. It also prints what isn't shown here: quartiles, other distances, "
        "CPU time, page faults, and fleets.",
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
    return ["These tools could not be measured: " + "; ".join(skipped) + "."] if skipped else []


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
    lines = heading(["peak memory, MB", "size, MB", "cold start, ms", "read from disk, MB"])
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


def launch_times(rows):
    """The median times of a launch in the same region, in ms, with one secret and with 20."""
    return [rows[US, count, REGIONAL]["median"] for count in (1, 20)]


def overhead(rows):
    """How much longer than the floor's those times are at most, in percent."""
    return max(round((float(ratio(rows, count, REGIONAL)) - 1) * 100) for count in (1, 20))


def line(results):
    """README's paragraph."""
    rows = results["rows"]
    one, many = launch_times(rows)
    scripts = rows.get(("awscli", 1, REGIONAL))
    others = f" A script with the AWS CLI and `jq` takes {number(scripts['median'])} ms for one secret." if scripts else ""
    text = (
        f"A launch takes about {one:.0f} ms for one secret and {many:.0f} ms for twenty. That is within {overhead(rows)}% of a minimal hand-written "
        f"client.{others} The network in these [benchmarks](docs/benchmarks.md) is simulated: a round trip takes {REGIONAL.round_trip} ms, and the "
        f"server answers after {REGIONAL.answer} ms."
    )
    return f"{MARK}\n{textwrap.fill(text, 150, break_long_words=False, break_on_hyphens=False)}\n"


MARK, END = "<!-- `make bench` writes this -->", "<!-- -->"


def rewrite(path, text):
    """Puts the text between the marks of a page."""
    page, found = re.subn(rf"{MARK}\n.*?(?={END}\n)", lambda _: text, path.read_text(), flags=re.S)
    if found != 1:
        raise SystemExit(f"bench: {path} has no {MARK}")
    path.write_text(page)
