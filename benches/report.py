"""The page docs/benchmarks.md, and what other pages say of it."""

import re

from measure import FAR, NEAR, REGIONAL, REST
from rivals import COUNTS

US = "secrets-exec"


def number(value):
    if value is None:
        return "–"
    return f"{value:.0f}" if value >= 100 or isinstance(value, int) else f"{value:.1f}" if value >= 20 else f"{value:.3g}"


def markdown(results):
    about, rows, rest, tools = (results[key] for key in ("about", "rows", "rest", "tools"))
    paragraphs = [
        "# Benchmarks",
        f"Measured on {about['date']} with {about['machine']}, {about['built']}; load average before it {about['load']}. `make bench` repeats "
        "the measurement on a quiet machine and writes this page.",
        "Each launch is a whole process: it starts, reads the secrets, runs `/bin/true` and ends (`/bin/true` alone takes "
        f"{number(rows['/bin/true', 0, NEAR]['median'])} ms). The columns are numbers of secrets, the figures the wall time in ms: median and "
        "quartiles of launches in interleaved rounds, fewer of a slow tool. *The floor* ([benches/floor](../benches/floor)) is a hand-written "
        "client that does nothing else.",
        "**The server runs on the same machine, so its part of each handshake (an RSA signature, a key exchange) is in every tool's time**; "
        "with many connections that is much of it. It prefers TLS_AES_128_GCM_SHA256, as AWS's does, and its chain has RSA keys and one "
        "intermediate; it checks no signature of a request.",
        *unmeasured(results["skipped"]),
        "## In the same region",
        f"Round trips of {REGIONAL.round_trip} ms, and {REGIONAL.answer} ms until the service answers a request. Both are assumptions: no AWS "
        "was reached.",
        table(tools, rows, REGIONAL),
        picture(tools, rows, REGIONAL, 4),
        "## Near by, without delays",
        table(tools, rows, NEAR),
        "CPU time of all processes in ms, page faults, peak resident memory of the largest process, and the stripped binaries (for Python tools, "
        "all installed files without the interpreter):",
        costs(tools, rows),
        "## 20 ms away",
        f"Round trips of {FAR.round_trip} ms, as to another region; the service answers at once.",
        table(tools, rows, FAR),
        "## What was measured",
        "Each tool uses HTTPS, static credentials in variables, and one key of each secret; chamber and secrets-init import whole secrets, so "
        "theirs hold one text each (a number in a secret stops secrets-init). secrets-exec and the floor trust the server's CA alone, as a launch "
        f"against AWS reads no root from a file; *with a bundle*, and for the tools of others, it is the last of {about['roots']} roots. "
        "Credentials that must be fetched (instance, container, SSO) cost every tool additional round trips. The tools of others request one "
        "secret after the other, except summon, which starts a process for each at once.",
        f"100 secrets are {rows[US, 100, NEAR]['requests']} requests on {rows[US, 100, NEAR]['connections']} connections. What ends without "
        "a request, in ms: " + "; ".join(f"{key} {number(row['median'])}" for (key, count, _), row in rows.items() if not count) + ".",
        f"With `--on-rotation`, the process that stays has {number(rest['resident, KiB'] * 1024 / 1e6)} MB of resident memory at rest, "
        f"{number(rest['anonymous, KiB'] * 1024 / 1e6)} MB of it anonymous, {rest['threads']} thread, and {rest['switches']} context "
        f"switches in {REST} s.",
        "Versions: " + "; ".join(f"{tool.title} {tool.version}" for tool in tools if tool.version and not tool.title.startswith(US)) + ".",
        results["fleet"],
        "\n".join(results["simulated"]),
    ]
    return "\n\n".join(paragraphs) + "\n"


def unmeasured(skipped):
    return ["Not measured in this run: " + "; ".join(skipped) + "."] if skipped else []


def heading(columns):
    return [f"| tool | {' | '.join(map(str, columns))} |", "|---" * (len(columns) + 1) + "|"]


def table(tools, rows, place):
    """The times at a place, and the ratio to the floor's."""
    lines = heading(COUNTS)
    for tool in tools:
        found = [rows.get((tool.key, count, place)) for count in COUNTS]
        cells = [f"{number(row['median'])} ({number(row['low'])}–{number(row['high'])})" if row else "–" for row in found]
        lines.append(f"| {tool.title} | {' | '.join(cells)} |")
    return "\n".join([*lines, f"| *secrets-exec / the floor* | {' | '.join(ratio(rows, count, place) for count in COUNTS)} |"])


def ratio(rows, count, place):
    return f"{rows[US, count, place]['median'] / rows['floor', count, place]['median']:.2f}"


def costs(tools, rows):
    lines = heading([*(f"CPU, {count}" for count in COUNTS), *(f"faults, {count}" for count in COUNTS), "MB, 1", "binary, MB"])
    for tool in tools:
        found = [rows.get((tool.key, count, NEAR), {}) for count in COUNTS]
        cells = [row.get(what) for what in ("cpu", "faults") for row in found]
        lines.append(f"| {tool.title} | {' | '.join(map(number, [*cells, found[0]['memory'], tool.size and tool.size / 1e6]))} |")
    return "\n".join(lines)


def picture(tools, rows, place, count):
    """A bar for each tool that was measured with so many secrets."""
    times = {tool.title: rows[tool.key, count, place]["median"] for tool in tools if (tool.key, count, place) in rows}
    titles = ", ".join(f'"{title}"' for title in times)
    return f"""```mermaid
xychart-beta horizontal
    title "{count} secrets, {place.title}: wall time in ms"
    x-axis [{titles}]
    bar [{", ".join(map(number, times.values()))}]
```"""


def line(results):
    """README's paragraph."""
    rows = results["rows"]
    one, many = (number(rows[US, count, REGIONAL]["median"]) for count in (1, 20))
    return f"""{MARK}
A launch with one secret takes {one} ms and one with 20 takes {many} ms in the same region (assumed: 1 ms for a round trip, 10 ms for an
answer): {ratio(rows, 1, REGIONAL)} and {ratio(rows, 20, REGIONAL)} times what a hand-written client takes that does nothing else ([benchmarks](docs/benchmarks.md)).
"""


def comparison(results):
    """The paragraph and the table of docs/comparison.md."""
    text = f"""{MARK}
What a launch costs by the number of secrets, in ms, measured on {results["about"]["date"]} with the same credentials, roots and server
for all; 1 ms for a round trip and 10 ms for an answer are assumed. [Benchmarks](benchmarks.md) has memory, sizes and other distances."""
    return "\n\n".join([text, *unmeasured(results["skipped"]), table(results["tools"], results["rows"], REGIONAL)]) + "\n"


MARK, END = "<!-- `make bench` writes this -->", "<!-- -->"


def rewrite(path, text):
    """Puts the text between the marks of a page."""
    page, found = re.subn(rf"{MARK}\n.*?(?={END}\n)", lambda _: text, path.read_text(), flags=re.S)
    if found != 1:
        raise SystemExit(f"bench: {path} has no {MARK}")
    path.write_text(page)
