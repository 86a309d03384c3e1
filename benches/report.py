"""The page docs/benchmarks.md, and what `make bench` prints."""

import goals
import pages
from measure import FAR, NEAR, REGIONAL, REST
from pages import COSTS, LAUNCHES, RATIO, US, fill
from rivals import COUNTS

# The tools that each run measures. Rows of other tools may be from an earlier run.
OWN = (US, "minimal client")
AGAIN = f"{US}, measured again"
SDK = "## Beside a program with the AWS SDK"

CHART = """<p><picture>
  <source media="(prefers-color-scheme: dark)" srcset="img/benchmarks-dark.svg">
  <img src="img/benchmarks-light.svg" alt="A bar chart of the time until a program with one secret, or with 20 secrets, starts. secrets-exec has the \
shortest bar in both parts. With one secret, a script with the AWS CLI and jq has the longest. The table below has the figures.">
</picture></p>"""


def number(value):
    if value is None:
        return "–"
    if isinstance(value, int) or value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def markdown(results, before):
    """The page. The rows of tools that this run hasn't measured, and the section about the SDK, are kept from the page as it was before."""
    about, rows, tools = (results[key] for key in ("about", "rows", "tools"))
    launches, kept = merged(launch_times(tools, rows, about["date"]), pages.table(before, LAUNCHES))
    spent, _ = merged(costs(tools, rows), pages.table(before, COSTS))
    paragraphs = [
        "# Benchmarks",
        f"secrets-exec starts a program with one secret in {launches[US][0]} ms, and with 20 secrets in {launches[US][2]} ms. Both are within "
        f"about {overhead(rows)}% of the time of a minimal hand-written client.{lead(launches)}",
        CHART,
        f"The network is simulated: a round trip takes {REGIONAL.round_trip} ms, and the server responds after {REGIONAL.answer} ms. We assume that "
        "this is typical within an AWS region. We haven't measured against AWS itself.",
        *unmeasured(results["skipped"]),
        LAUNCHES,
        "The table shows the median time of a launch in milliseconds, for 1, 4, 20 and 100 secrets: a process starts, connects with TLS, reads one key "
        "of each secret, and runs `/bin/true`. A dash means that we didn't measure this case.",
        "\n".join([*heading([*COUNTS, "measured"]), *lines(launches), f"| {RATIO} | {' | '.join(ratios(rows, REGIONAL))} | {about['date']} |"]),
        *([EARLIER] if kept else []),
        "The times include the server's share of the TLS handshake. Some rows need an explanation:",
        "\n".join(
            [
                "- *secrets-exec, measured again* is another copy of the same file. The difference between the first two rows shows how exact the times are.",
                f"- *secrets-exec, with --ca-bundle* loads {about['roots']} root certificates from a file, as the other tools do. Use this row to compare "
                "the tools under the same conditions.",
                "- *minimal client* is a client that we wrote by hand ([benches/floor](../benches/floor)).",
                *(SDK_ROWS if "AWS SDK for Rust" in launches else []),
            ]
        ),
        *kept_section(before, SDK, unless="sdk" in (tool.key for tool in tools)),
        COSTS,
        "*Size* is the size of the tool's stripped binary or, for Python, of all installed packages without the interpreter. A cold start is a launch "
        "with one secret and without network delays, right after we dropped the kernel's page cache.",
        "\n".join([*heading(["peak memory, MB", "size, MB", "cold start, ms", "read from disk, MB"]), *lines(spent)]),
        *cold_noise(spent),
        "Once secrets-exec has become your program, it doesn't use any memory. With `--on-rotation`, the parent "
        f"process uses {number(parent(results))} MB.",
        "## How this was measured",
        f"We measured this on {about['date']}, at commit {about['commit']}, on a machine with {about['machine']} and {about['libc']}. secrets-exec was "
        f"built with Rust {about['rust']}. `make bench` measures again, and writes this page and the figures of the other pages. It also prints more details, and "
        "which of our goals the run has met.",
    ]
    return "\n\n".join(wrapped(paragraph) for paragraph in paragraphs) + "\n"


def wrapped(paragraph):
    """The paragraph, or each item of a list, in lines of at most 100 characters. Headings, tables and pictures stay as they are."""
    if paragraph.startswith(("#", "|", "<")):
        return paragraph
    return "\n".join(fill(line, "  " if line.startswith("- ") else "") for line in paragraph.splitlines())


def details(results):
    """What is printed, but isn't on the page."""
    rows, rest, tools = (results[key] for key in ("rows", "rest", "tools"))
    paragraphs = [
        *goals.markdown(tools[0], rows, parent(results)),
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


def parent(results):
    """The memory in MB of the parent process of `--on-rotation`."""
    return results["rest"]["resident, KiB"] * 1024 / 1e6


def cold_noise(spent):
    """A sentence about the cold starts of the two copies of our binary; nothing if this run hasn't measured both."""
    first, second = (spent.get(title, ["–"] * 4)[2] for title in (US, AGAIN))
    if "–" in (first, second):
        return []
    first, second = sorted((float(first), float(second)))
    return [
        f"The cold starts of the first two rows differ by {(second / first - 1) * 100:.0f}%, although both are the same program: a smaller difference "
        "between two tools in this column means nothing."
    ]


def unmeasured(skipped):
    return ["These tools could not be measured in this run: " + "; ".join(skipped) + "."] if skipped else []


def heading(columns):
    return [f"| tool | {' | '.join(map(str, columns))} |", "|---" * (len(columns) + 1) + "|"]


def quartiles(row):
    return f"{number(row['median'])} ({number(row['low'])}–{number(row['high'])})"


def table(tools, rows, place, cell=quartiles):
    """The times at a place, and their ratio to those of the minimal client."""
    lines = heading(COUNTS)
    for tool in tools:
        found = [rows.get((tool.key, count, place)) for count in COUNTS]
        cells = [cell(row) if row else "–" for row in found]
        lines.append(f"| {tool.title} | {' | '.join(cells)} |")
    return "\n".join([*lines, f"| {RATIO} | {' | '.join(ratios(rows, place))} |"])


def ratios(rows, place):
    return [f"{rows[US, count, place]['median'] / rows['floor', count, place]['median']:.2f}" for count in COUNTS]


def launch_times(tools, rows, date):
    """The cells of each tool in the table of launch times in the same region."""
    found = {tool.title: [rows.get((tool.key, count, REGIONAL)) for count in COUNTS] for tool in tools}
    return {title: [*(number(row and row["median"]) for row in row_of_tool), str(date)] for title, row_of_tool in found.items()}


def costs(tools, rows):
    """The cells of each tool in the table of memory, size and cold start."""
    found = {}
    for tool in tools:
        row = rows.get((tool.key, 1, NEAR), {})
        cold = row.get("cold") or (None, None)
        found[tool.title] = [number(value) for value in (row.get("memory"), tool.size and tool.size / 1e6, *cold)]
    return found


def merged(measured, before):
    """The rows of this run, followed by the other tools in the order of their first cell, and the titles that only the page had before."""
    kept = {title: list(row.values()) for title, row in before.items() if not (title in measured or title == RATIO or title.startswith(OWN))}
    own = {title: row for title, row in measured.items() if title.startswith(OWN)}
    others = {title: row for title, row in (measured | kept).items() if title not in own}
    return own | dict(sorted(others.items(), key=lambda tool: float(tool[1][0]))), list(kept)


def lines(table):
    return [f"| {title} | {' | '.join(cells)} |" for title, cells in table.items()]


def kept_section(page, title, unless):
    """The section as the page has it; nothing if it doesn't have it, or if the condition is true."""
    _, found, rest = page.partition(f"{title}\n")
    section, *_ = rest.split("\n## ")
    return [f"{title}\n{section}".rstrip()] if found and not unless else []


def effort(tools, rows):
    lines = heading([*(f"CPU, {count}" for count in COUNTS), *(f"faults, {count}" for count in COUNTS)])
    for tool in tools:
        found = [rows.get((tool.key, count, NEAR), {}) for count in COUNTS]
        cells = [row.get(what) for what in ("cpu", "faults") for row in found]
        lines.append(f"| {tool.title} | {' | '.join(map(number, cells))} |")
    return "\n".join(lines)


def lead(launches):
    """A sentence about how much longer the other tools take with 20 secrets; empty if the table doesn't have any."""
    others = [cells[2] for title, cells in launches.items() if not title.startswith((*OWN, "AWS SDK")) and cells[2] != "–"]
    if not others:
        return ""
    ratios = [float(cell) / float(launches[US][2]) for cell in others]
    return (
        " secrets-exec reads secrets in parallel: with 20 secrets, the other ready-made tools in the chart take "
        f"{min(ratios):.0f} to {max(ratios):.0f} times as long."
    )


def overhead(rows):
    """How much longer than the minimal client a launch with 1 or 20 secrets takes at most, in percent."""
    return max(round((float(ratio) - 1) * 100) for ratio in ratios(rows, REGIONAL)[0:3:2])


# Items of the list below the table of launch times, and a paragraph there.
SDK_ROWS = [
    "- *AWS SDK for Rust* is a program of 40 lines that you could write instead ([benches/sdk](../benches/sdk)), built with the same settings as the "
    "minimal client.",
    "- *AWS SDK for Rust, as Cargo builds it* is the same program with Cargo's defaults. At each start, its TLS library collects entropy from the CPU's "
    "jitter, which takes tens of milliseconds.",
]
EARLIER = (
    "The last column says when a row was measured. The rows with an earlier date are from a run in which the machine may have been faster or slower, "
    "so compare them with the others only roughly."
)
