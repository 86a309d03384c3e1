"""The page docs/benchmarks.md, with the goals that were missed."""

from measure import REST
from rivals import COUNTS

US = "secrets-exec"
FLEET = "\n## A fleet that starts at once\n"


def goals(results):
    """Yields (title, upper bound, measured value, unit) for each goal."""
    rows, instructions = results["rows"], results["instructions"]

    def get(what, tool, count, rtt=0):
        return rows.get((tool, count, rtt), {}).get(what)

    def ratio(what, other, count):
        return get(what, US, count) / get(what, other, count) if get(what, other, count) else None

    for count, bound in zip(COUNTS, (1.1, 1.1, 1.25, 1.25)):
        yield f"wall against the floor, {plural(count)}", bound, ratio("median", "floor", count), "×"
    for count in (1, 4):
        yield f"CPU against the floor, {plural(count)}", 1.25, ratio("cpu", "floor", count), "×"
    for tool, title, bounds in (
        ("curl", "bash + curl + jq", (0.15, 0.06)),
        ("awscli1", "bash + awscli 1 + jq", (1 / 100, 1 / 300)),
        ("awscli2", "bash + awscli 2 + jq", (1 / 100, 1 / 300)),
    ):
        for count, bound in zip((1, 4), bounds):
            yield f"wall against {title}, {plural(count)}", bound, ratio("median", tool, count), "×"
    for count, more in ((1, 4), (4, 4), (20, 8)):
        title = f"wall at 20 ms round trips, {plural(count)} (3 round trips + {more} ms)"
        yield title, 3 * 20 + more, get("median", US, count, 20), "ms"
    for count in (1, 4):
        yield f"peak memory, {plural(count)}", 6.5, get("rss", US, count), "MB"
    yield "size of the binary", 6, next(tool.size for tool in results["tools"] if tool.key == US) / 1e6, "MB"
    for key in ("--help", "--version", "wrong usage", "wrong declaration"):
        yield f"wall, {key}", 2, get("median", key, 0), "ms"
    yield "instructions, 1 secret", 6, instructions[f"{US}, 1"] / 1e6, "million"
    yield "requests for 100 secrets", 100, get("requests", US, 100), ""
    yield "connections for 100 secrets", 32, get("connections", US, 100), ""


def plural(count):
    return "1 secret" if count == 1 else f"{count} secrets"


def number(value):
    if value is None:
        return "–"
    return f"{value:.0f}" if value >= 100 or isinstance(value, int) else f"{value:.1f}" if value >= 20 else f"{value:.3g}"


def markdown(results, old):
    """The page, with the section of the old page that fleet.py writes."""
    about, rows, instructions, rest = (results[key] for key in ("about", "rows", "instructions", "rest"))
    missed = (
        f"{title}: {number(measured)} ({number(bound)}) {unit}".rstrip()
        for title, bound, measured, unit in goals(results)
        if measured is not None and measured > bound
    )
    lines = [
        "# Benchmarks",
        "",
        f"Measured on {about['date']} with {about['machine']}, {about['built']}; load average {about['load']}. `make bench` repeats the "
        "measurement and writes this page.",
        "",
        "Each run is a whole process: it starts, reads the secrets, runs `/bin/true` and ends (`/bin/true` alone takes "
        f"{number(rows['/bin/true', 0, 0]['median'])} ms). Each tool uses HTTPS, static credentials in variables, and one key of each "
        "secret; chamber and secrets-init import whole secrets, so theirs hold one text each (a number in a secret stops secrets-init). "
        "secrets-exec and the floor trust the server's CA alone, as a launch against AWS reads no root from a file; *with a "
        f"bundle*, and for the tools of others, it is the last of {about['roots']} roots. *The floor* ([benches/floor](../benches/floor)) "
        "is a hand-written client that does nothing else.",
        "",
        "Medians by hyperfine: wall time in ms by the number of secrets, CPU time of all processes in ms, peak resident memory of the largest "
        "process and page faults, and the stripped binaries (for Python tools, all installed files without the interpreter).",
        "",
        *table(results["tools"], rows),
        "",
        *picture(results["tools"], rows),
        "",
        f"100 secrets are {rows[US, 100, 0]['requests']} requests on {rows[US, 100, 0]['connections']} connections. Million instructions, "
        "counted by callgrind until the process becomes the command or ends: "
        + "; ".join(f"{key}: {number(count / 1e6)}" for key, count in instructions.items())
        + ".",
        "",
        f"With `--on-rotation`, the process that stays has {number(rest['resident, KiB'] * 1024 / 1e6)} MB of resident memory at rest, "
        f"{number(rest['anonymous, KiB'] * 1024 / 1e6)} MB of it anonymous, {rest['threads']} thread, and {rest['switches']} context "
        f"switches in {REST} s.",
        "",
        "Goals missed (at most): " + ("; ".join(missed) or "none") + ".",
        "",
        "Versions: "
        + "; ".join(f"{tool.title} {tool.version}" for tool in results["tools"] if tool.version and not tool.title.startswith(US))
        + ". "
        + "".join(f"Skipped: {line}. " for line in results["skipped"])
        + "The server checks no signature and responds at once, while AWS takes milliseconds. Its chain has RSA keys and one intermediate, as "
        "AWS's has. Credentials that must be fetched (instance, container, SSO) cost every tool additional round trips. The tools of others "
        "request one secret after the other, except summon, which starts a process for each at once.",
    ]
    return "\n".join(lines) + "\n" + "".join(old.partition(FLEET)[1:])


def picture(tools, rows):
    """A bar for the wall time of each tool that was measured with 20 secrets."""
    count, rtt = 20, 20
    times = {tool.title: rows[tool.key, count, rtt]["median"] for tool in tools if (tool.key, count, rtt) in rows}
    titles = ", ".join(f'"{title}"' for title in times)
    yield "```mermaid"
    yield "xychart-beta horizontal"
    yield f'    title "{count} secrets, {rtt} ms round trips: wall time in ms"'
    yield f"    x-axis [{titles}]"
    yield f"    bar [{', '.join(map(number, times.values()))}]"
    yield "```"


def table(tools, rows):
    columns = [(count, rtt) for rtt in sorted({rtt for _, _, rtt in rows}) for count in COUNTS]
    heads = [f"{count}, {rtt} ms round trips" if rtt else str(count) for count, rtt in columns]
    yield f"| tool | {' | '.join(heads)} | CPU, 1 | MB, 1 | page faults, 1 | binary, MB |"
    yield "|---" * (len(columns) + 5) + "|"
    for tool in tools:
        one = rows[tool.key, 1, 0]
        cells = [rows.get((tool.key, *column), {}).get("median") for column in columns]
        cells += [one["cpu"], one["rss"], one["faults"], tool.size and tool.size / 1e6]
        yield f"| {tool.title} | {' | '.join(map(number, cells))} |"
