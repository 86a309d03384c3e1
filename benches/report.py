"""The results as Markdown, SVG and JSON, with a verdict for each goal."""

import json


class Figures:
    """Lookups in the summary; None for what was not measured. `by` is `median`, `least` or `most`."""

    def __init__(self, results, by="median"):
        self.medians = self if by == "median" else Figures(results)
        self.rows = {(row["tool"], row["secrets"], row["rtt"]): row for row in results["timed"]}
        self.by = by

    def row(self, tool, secrets, rtt=0):
        return self.rows.get((tool, secrets, rtt))

    def get(self, what, tool, secrets, rtt=0, by=None):
        row = self.row(tool, secrets, rtt)
        return row[what][by or self.by] if row and what in row else None

    def ratio(self, what, tool, other, secrets, rtt=0):
        ours, theirs = self.get(what, tool, secrets, rtt), self.get(what, other, secrets, rtt)
        return ours / theirs if ours is not None and theirs else None


def goals(results, figures):
    """Yields (title, upper bound, measured value, unit) for each goal."""
    us = "secrets-exec"
    for count, bound in ((1, 1.1), (4, 1.1), (20, 1.25), (100, 1.25)):
        yield f"wall against the floor, {plural(count)}", bound, figures.ratio("wall", us, "floor", count), "×"
    for count in (1, 4):
        yield f"CPU against the floor, {plural(count)}", 1.25, figures.ratio("cpu", us, "floor", count), "×"
    for count, bound in ((1, 0.15), (4, 0.06)):
        yield f"wall against bash + curl + jq, {plural(count)}", bound, figures.ratio("wall", us, "curl", count), "×"
    for tool, title in (("awscli1", "bash + awscli 1 + jq"), ("awscli2", "bash + awscli 2 + jq")):
        for count, bound in ((1, 1 / 100), (4, 1 / 300)):
            # The fastest of many runs against the fastest of few would not be fair. Such a script is CPU-bound, so CPU time stands in.
            what = "wall" if figures.by == "median" else "cpu"
            measured = figures.medians.ratio(what, us, tool, count)
            yield f"wall against {title}, {plural(count)}", bound, measured, "1/"
    for rtt in [rtt for rtt in results["about"]["rtts"] if rtt] or [20]:
        for count, more in ((1, 4), (4, 4), (20, 8)):
            title = f"wall at {rtt} ms round trips, {plural(count)} (3 round trips + {more} ms)"
            yield title, 3 * rtt + more, figures.get("wall", us, count, rtt), "ms"
    for count in (1, 4):
        yield f"peak memory, {plural(count)}", 6.5, figures.get("rss", us, count), "MB"
    size = results["sizes"].get(us)
    yield "size of the binary", 6, size / 1e6 if size else None, "MB"
    for key in results["start"].get("touched", {}):
        yield f"wall, {key}", 2, figures.get("wall", key, 0), "ms"
        yield f"sockets and root certificate files opened by {key}", 0, len(results["start"]["touched"][key]), ""
    count = results["instructions"].get(f"{us}, 1")
    yield "instructions, 1 secret", 6, count / 1e6 if count else None, "million"
    for count in (1, 4):
        asked = results["look_ups"].get(us, {}).get(count) or {}
        yield f"DNS queries under ndots:5, {plural(count)}", 2, asked.get("queries"), ""
        yield f"DNS rounds under ndots:5, {plural(count)}", 1, asked.get("rounds"), ""
    yield "requests for 100 secrets", 100, figures.get("requests", us, 100, by="most"), ""
    yield "connections for 100 secrets", 32, figures.get("connections", us, 100, by="most"), ""


def plural(count):
    return "1 secret" if count == 1 else f"{count} secrets"


def shown(value, unit):
    if value is None:
        return "–"
    if unit == "1/":
        return f"1/{1 / value:.0f}"
    text = f"{value:.0f}" if isinstance(value, int) or (unit == "ms" and value >= 20) else f"{value:.2f}"
    return f"{text} {unit}".rstrip() if unit != "×" else f"{text} ×"


def number(value):
    if value is None:
        return "–"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 20 else f"{value:.2f}"


def markdown(results):
    about, figures = results["about"], Figures(results)
    lines = ["# Benchmarks", ""]
    busy = about["load"][0] > about["cores"] / 2
    if busy:
        lines += [
            "**Other work ran on the machine during the measurement, which slows down a script of many processes more than a single "
            "process. Of the times, CPU ratios and the fastest runs are the most reliable. Counts are not affected.**",
            "",
        ]
    lines += [
        f"Measured on {about['date']} with {about['cores']} cores ({about['cpu']}), {about['rustc']}, {about['libc']}"
        f"{', commit ' + about['commit'] if about['commit'] != 'unknown' else ''}; load average {about['load'][0]} before and {about['load'][1]} after"
        f"{'; all tools had a higher priority than other processes (`--prefer`)' if about['preferred'] else ''}.",
        "`make bench` repeats the measurement and writes this page; `make bench-quick` makes fewer runs and prints the page.",
        "",
        f"Each run is a whole process: it starts, reads the secrets, becomes `/bin/true` and ends (`/bin/true` alone takes "
        f"{number(figures.get('wall', '/bin/true', 0))} ms). Each tool uses HTTPS, static credentials in "
        f"variables, and one key of each secret. secrets-exec and the floor trust the server's CA alone, as a launch against AWS reads no root "
        f"from a file; *with a bundle*, and for the tools of others, it is the last of {about['roots']} roots. Each round runs all tools in a new random "
        "order. The server is local and counts requests and connections. *The floor* ([benches/floor](../benches/floor)) is a "
        "hand-written client that does nothing else; with the same crates, no client can be much faster.",
        "",
        "![Wall time by tool](benchmarks.svg)",
        "",
        "## Goals",
        "",
        "Times are medians. The column *check* has a value that other work on the machine disturbs less: the fastest run or, for awscli, "
        "CPU time. The verdict is that of the median" + (", and *unsettled* if the check disagrees." if busy else "."),
        "",
        "| goal | at most | measured | check | |",
        "|---|---|---|---|---|",
    ]
    fastest = goals(results, Figures(results, "least"))
    for (title, bound, measured, unit), (_, _, least, _) in zip(goals(results, figures), fastest):
        verdict = "not measured" if measured is None else "met" if measured <= bound else "**missed**"
        timed = title.startswith(("wall", "CPU")) and least is not None
        if timed and busy and (least <= bound) != (measured <= bound):
            verdict = "unsettled"
        other = shown(least, unit) if timed else ""
        lines.append(f"| {title} | {shown(bound, unit)} | {shown(measured, unit)} | {other} | {verdict} |")
    for rtt in about["rtts"]:
        lines += ["", f"## {'Without delay' if not rtt else f'{rtt} ms round trips'}", ""]
        lines += [
            "Times are in ms, with the quartiles in brackets. CPU is the user and system time of all processes, and MB is the peak resident "
            "set size of the largest process."
            if not rtt
            else "The same over a link that delays packets. A TCP connect alone takes "
            f"{number(about['connecting'].get(str(rtt)))} ms.",
            "",
            "| tool | secrets | wall | CPU | MB | requests, connections | ÷ floor: wall | CPU | ÷ secrets-exec: wall |",
            "|---|---|---|---|---|---|---|---|---|",
        ]
        for count in (1, 4, 20, 100):
            for key, tool in about["tools"].items():
                row = figures.row(key, count, rtt)
                if not row:
                    continue
                low, high = (number(value) for value in row["wall"]["quartiles"])
                asked = f"{row['requests']['median']:.0f}, {row['connections']['median']:.0f}"
                ratios = [
                    number(figures.ratio("wall", key, "floor", count, rtt)),
                    number(figures.ratio("cpu", key, "floor", count, rtt)),
                    number(figures.ratio("wall", key, "secrets-exec", count, rtt)),
                ]
                cells = [tool["title"], str(count), f"{number(row['wall']['median'])} ({low}–{high})"]
                cells += [number(row["cpu"]["median"]), f"{row['rss']['median']:.1f}", asked, *ratios]
                lines.append(f"| {' | '.join(cells)} |")
    lines += counted(results)
    lines += ["", "## Versions", ""]
    told = [f"{tool['title']} {tool['version']}" for tool in about["tools"].values() if tool["version"]]
    lines += ["; ".join(told) + ".", ""]
    if results["skipped"]:
        lines += ["## Skipped", "", *(f"- {line}" for line in results["skipped"]), ""]
    lines += [
        "## Limits of this benchmark",
        "",
        "The server checks no signature and responds at once, while AWS takes milliseconds. Its chain has RSA keys and one intermediate, as "
        "AWS's has; a chain with P-256 keys costs secrets-exec more than the floor, whose aws-lc has its fast curves and is built for "
        "speed. The compiled-in roots are not measured: the server's CA is none of them. Credentials that must be fetched (instance, container, SSO) "
        "cost every tool additional round trips. The scripts request one secret after the other, as such scripts usually do.",
    ]
    return "\n".join(lines) + "\n"


def counted(results):
    lines, instructions = [], results["instructions"]
    if instructions:
        lines += ["", "## Instructions", "", "Counted by callgrind until the process becomes the command or ends.", ""]
        lines += ["| run | million |", "|---|---|"]
        lines += [f"| {key} | {count / 1e6:.2f} |" for key, count in instructions.items() if count]
    before = results["start"].get("before the first packet")
    if before:
        lines += ["", "## Before the first packet", "", "| tool | system calls | files opened |", "|---|---|---|"]
        for key, found in before.items():
            if found:
                lines.append(f"| {results['about']['tools'][key]['title']} | {found['calls']} | {found['opened']} |")
    touched = {key: what for key, what in results["start"].get("touched", {}).items() if what}
    if touched:
        lines += ["", "Runs that send no request, but open sockets or files: " + "; ".join(f"{k}: {', '.join(w)}" for k, w in touched.items())]
    if results["look_ups"]:
        lines += ["", "## DNS lookups", "", "With `ndots:5` and three search domains, as in Kubernetes; each response takes 20 ms.", ""]
        lines += ["| tool | secrets | queries | rounds |", "|---|---|---|---|"]
        for key, by_count in results["look_ups"].items():
            for count, found in by_count.items():
                lines.append(f"| {results['about']['tools'][key]['title']} | {count} | {found['queries']} | {found['rounds']} |")
    lines += ["", "## Sizes", "", "Stripped binaries; for Python tools, all installed files without the interpreter.", ""]
    lines += ["| tool | MB |", "|---|---|"]
    for key, size in results["sizes"].items():
        lines.append(f"| {results['about']['tools'][key]['title']} | {size / 1e6:.1f} |")
    return lines


def raw(results):
    return json.dumps(results, indent=1, sort_keys=True, default=str) + "\n"


def plot(results):
    """Bars of wall time on a logarithmic scale, in colours for light and dark backgrounds."""
    import math

    about, figures = results["about"], Figures(results)
    text, grid, near, far = "#7d8590", "#7d859055", "#2f81f7", "#db8b00"
    left, right, bar, gap = 210, 60, 11, 6
    groups = [(count, key) for count in (1, 4) for key in about["tools"] if figures.row(key, count)]
    rtts = about["rtts"]
    values = [figures.get("wall", key, count, rtt) for count, key in groups for rtt in rtts]
    high = max(value for value in values if value) * 1.2
    width, low = 720, 1.0
    scale = (width - left - right) / math.log10(high / low)

    def x(value):
        return left + scale * math.log10(max(value, low) / low)

    parts, y = [], 46
    for count in (1, 4):
        parts.append(f'<text x="12" y="{y}" font-weight="bold">{plural(count)}</text>')
        y += 8
        for key in [key for c, key in groups if c == count]:
            height = len(rtts) * bar
            title = about["tools"][key]["title"]
            weight = ' font-weight="bold"' if key == "secrets-exec" else ""
            parts.append(f'<text x="{left - 8}" y="{y + height / 2 + 4}" text-anchor="end"{weight}>{escape(title)}</text>')
            for place, rtt in enumerate(rtts):
                value = figures.get("wall", key, count, rtt)
                if value:
                    top = y + place * bar
                    colour = far if rtt else near
                    parts.append(f'<rect x="{left}" y="{top}" width="{x(value) - left:.1f}" height="{bar - 2}" fill="{colour}"/>')
                    parts.append(f'<text x="{x(value) + 4:.1f}" y="{top + bar - 3}" font-size="9">{number(value)}</text>')
            y += height + gap
        y += 22
    lines = []
    tick = 1
    while tick <= high:
        lines.append(f'<line x1="{x(tick):.1f}" y1="30" x2="{x(tick):.1f}" y2="{y - 18}" stroke="{grid}"/>')
        lines.append(f'<text x="{x(tick):.1f}" y="{y - 6}" text-anchor="middle">{tick} ms</text>')
        tick *= 10
    legend = ", ".join("no delay (blue)" if not rtt else f"{rtt} ms round trips (amber)" for rtt in rtts)
    title = f"Wall time, whole process, ms, logarithmic: {legend}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y + 4}" width="{width}" height="{y + 4}" '
        f'font-family="sans-serif" font-size="11" fill="{text}" role="img" aria-label="{title}">\n'
        f'<text x="12" y="18" font-size="12">{title}</text>\n' + "\n".join(lines + parts) + "\n</svg>\n"
    )


def escape(text):
    return text.replace("&", "&amp;").replace("<", "&lt;")
