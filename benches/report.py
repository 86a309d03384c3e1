"""The page docs/benchmarks.md, README's paragraph, and what `make bench` prints."""

import re
import textwrap

from measure import FAR, NEAR, REGIONAL, REST
from rivals import COUNTS

US = "secrets-exec"

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


def markdown(results):
    about, rows, tools = (results[key] for key in ("about", "rows", "tools"))
    one, many = launch_times(rows)
    paragraphs = [
        "# Benchmarks",
        f"secrets-exec starts a program with one secret in {number(one)} ms, and with 20 secrets in {number(many)} ms. Both are within "
        f"about {overhead(rows)}% of a minimal hand-written client.{lead(tools, rows)}",
        CHART,
        f"The network is simulated: a round trip takes {REGIONAL.round_trip} ms, and the server responds after {REGIONAL.answer} ms. We assume that "
        "this is typical within an AWS region. We haven't measured against AWS itself.",
        *unmeasured(results["skipped"]),
        "## Launch time in the same region",
        "The table shows the median time of a launch in milliseconds, for 1, 4, 20 and 100 secrets: a process starts, connects with TLS, reads one key "
        "of each secret, and runs `/bin/true`. A dash means that we didn't measure this case.",
        table(tools, rows, REGIONAL, lambda row: number(row["median"])),
        "The times include the server's share of the TLS handshake, because client and server run on the same machine. Some rows need an explanation:",
        "\n".join(
            [
                "- *secrets-exec, measured again* is another copy of the same file. The difference between the first two rows shows how exact the times are.",
                "- *secrets-exec, from --cache* reads every secret from its cache and doesn't ask AWS.",
                f"- *secrets-exec, with --ca-bundle* loads {about['roots']} root certificates from a file, as the other tools do. Use this row to compare "
                "the tools under the same conditions. (Normally, secrets-exec uses Mozilla's root certificates, which are compiled in.)",
                "- *minimal client* is a client that we wrote by hand and that does only what is necessary ([benches/floor](../benches/floor)).",
                "- *AWS SDK for Rust* is a program of 40 lines that you could write instead. It sends all requests at the same time with the SDK's "
                "default client ([benches/sdk](../benches/sdk)). It was built with the same settings as the minimal client.",
                "- *AWS SDK for Rust, as Cargo builds it* is the same program, built by `cargo build --release` without our settings. At each start, "
                "its TLS library collects entropy from the CPU's jitter, which takes tens of milliseconds.",
            ]
        ),
        "## Memory, size and cold start",
        "*Size* is the size of the tool's stripped binary or, for Python, of all installed packages without the interpreter. A cold start is a launch "
        "with one secret and without network delays, right after we dropped the kernel's page cache.",
        costs(tools, rows),
        "Once secrets-exec has become your program, it doesn't use any memory. With `--on-rotation`, the parent "
        f"process uses {number(results['rest']['resident, KiB'] * 1024 / 1e6)} MB.",
        "## How this was measured",
        f"We measured this on {about['date']}, at commit {about['commit']}, on a machine with {about['machine']} and {about['libc']}. secrets-exec was "
        f"built with Rust {about['rust']}. `make bench` measures again and writes this page. It also prints the versions of the other tools, "
        "quartiles, other network delays, CPU time, page faults and simulated fleets.",
    ]
    return "\n\n".join(wrapped(paragraph) for paragraph in paragraphs) + "\n"


def wrapped(paragraph):
    """The paragraph, or each item of a list, in lines of at most 150 characters. Headings, tables and pictures stay as they are."""
    if paragraph.startswith(("#", "|", "<")):
        return paragraph
    return "\n".join(fill(line, "  " if line.startswith("- ") else "") for line in paragraph.splitlines())


def fill(text, indent=""):
    return textwrap.fill(text, 150, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def details(results):
    """What is printed, but isn't on the page."""
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
    """The times at a place, and their ratio to those of the minimal client."""
    lines = heading(COUNTS)
    for tool in tools:
        found = [rows.get((tool.key, count, place)) for count in COUNTS]
        cells = [cell(row) if row else "–" for row in found]
        lines.append(f"| {tool.title} | {' | '.join(cells)} |")
    return "\n".join([*lines, f"| *secrets-exec / minimal client* | {' | '.join(ratio(rows, count, place) for count in COUNTS)} |"])


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


def lead(tools, rows):
    """A sentence about how much longer the other tools take with 20 secrets; empty if none was measured."""
    ours = rows[US, 20, REGIONAL]["median"]
    others = [tool.key for tool in tools if not tool.title.startswith(US) and tool.key not in ("floor", "sdk", "sdk_plain")]
    ratios = [rows[key, 20, REGIONAL]["median"] / ours for key in others if (key, 20, REGIONAL) in rows]
    if not ratios:
        return ""
    return (
        " secrets-exec reads secrets in parallel: with 20 secrets, the other ready-made tools in the chart take "
        f"{min(ratios):.0f} to {max(ratios):.0f} times as long."
    )


def overhead(rows):
    """How much longer those times are than those of the minimal client at most, in percent."""
    return max(round((float(ratio(rows, count, REGIONAL)) - 1) * 100) for count in (1, 20))


def line(results):
    """README's paragraph."""
    rows = results["rows"]
    one, many = launch_times(rows)
    scripts = rows.get(("awscli", 1, REGIONAL))
    others = f" A script with the AWS CLI and `jq` takes {number(scripts['median'])} ms for one secret." if scripts else ""
    text = (
        f"A launch takes about {one:.0f} ms for one secret and {many:.0f} ms for twenty. Both are within about {overhead(rows)}% of a minimal hand-written "
        f"client.{others} The network in these [benchmarks](docs/benchmarks.md) is simulated: a round trip takes {REGIONAL.round_trip} ms, and the "
        f"server answers after {REGIONAL.answer} ms."
    )
    return f"{MARK}\n{fill(text)}\n"


MARK, END = "<!-- `make bench` writes this -->", "<!-- -->"


def rewrite(path, text):
    """Puts the text between the marks of a page."""
    page, found = re.subn(rf"{MARK}\n.*?(?={END}\n)", lambda _: text, path.read_text(), flags=re.S)
    if found != 1:
        raise SystemExit(f"bench: {path} has no {MARK}")
    path.write_text(page)
