"""What `make bench` writes and prints: the compared tools, docs/benchmarks.md, the figures of other pages, and our goals."""

import atexit
import os
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

from measure import NEAR, REGION, REGIONAL, name, say, secret, text

ROOT = Path(__file__).resolve().parent.parent
COUNTS = [1, 4, 20, 100]
COPIES = "copies"
BOTO3 = "boto3==1.43.11"
MARK, END = "<!-- `make bench` writes this -->", "<!-- -->"
US, RATIO = "secrets-exec", "*secrets-exec / minimal client*"
LAUNCHES, COSTS = "## Launch time in the same region", "## Memory and size"


class Tool:
    """A compared tool. With `one_root` it trusts only the lab's CA, and otherwise it reads the bundle."""

    def __init__(self, key, title, arguments, one_root=False, size=None, version="", counts=COUNTS):
        self.key, self.title, self.arguments, self.counts = key, title, arguments, counts
        self.one_root, self.size, self.version = one_root, size, version


def find(binary, other, floor, work, skipped, only):
    """The tools that are available. For each other tool, the reason is added to `skipped`."""
    cache = tempfile.mkdtemp(prefix="secrets-exec-bench-", dir="/dev/shm")
    atexit.register(shutil.rmtree, cache, ignore_errors=True)
    shutil.rmtree(work / COPIES, ignore_errors=True)
    floor, own, again = copied(floor, work), copied(binary, work), copied(binary, work)
    tools = [
        launcher("secrets-exec", "secrets-exec", own),
        launcher("again", "secrets-exec, measured again", again),
        *([launcher("other", "secrets-exec, --other", copied(other, work))] if other else []),
        launcher("cached", "secrets-exec, from --cache", own, "--cache", cache, "--cache-ttl", "1day"),
        launcher("bundle", "secrets-exec, with --ca-bundle", own),
        Tool("floor", "minimal client", lambda count: [floor, *references(count), "--"], True, size(floor)),
    ]
    for make in RIVALS:
        if only and make.__name__ not in only:
            continue
        try:
            tools.append(make(work))
        except OSError as error:
            skipped.append(f"{make.__name__} ({error})")
        except subprocess.CalledProcessError as error:
            skipped.append(f"{make.__name__} ({Path(error.cmd[0]).name} failed)")
    os.sync()
    return tools


def copied(program, work):
    """A new copy of a program. The way in which a file came into the page cache can change the time of a launch by 17%."""
    (work / COPIES).mkdir(exist_ok=True)
    folder = tempfile.mkdtemp(dir=work / COPIES)
    return str(shutil.copy(program, folder))


def references(count):
    return [f"{name(number)}={secret(number)}:password" for number in range(1, count + 1)]


def launcher(key, title, binary, *options):
    def arguments(count):
        entries = [word for reference in references(count) for word in ("--env", reference)]
        return [binary, "--no-file", *options, *entries, "--"]

    return Tool(key, title, arguments, key != "bundle", size(binary), version(binary, "--version"))


def sdk(work):
    return own_client("sdk", "AWS SDK for Rust", work / "release/sdk", work)


def sdk_plain(work):
    return own_client("sdk_plain", "AWS SDK for Rust, as Cargo builds it", work / "plain/sdk", work)


def own_client(key, title, binary, work):
    path = copied(binary, work)
    return Tool(key, title, lambda count: [path, *references(count), "--"], size=size(path))


def output(command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def version(program, option):
    """The last word of the first line, as in `chamber v3.1.4`."""
    return output([program, option]).splitlines()[0].split()[-1]


def size(*programs):
    return sum(Path(program).stat().st_size for program in programs)


def installed(program, folders=None):
    path = shutil.which(program, path=folders)
    if not path:
        raise OSError(f"no {program} in PATH")
    return path


def chamber(work):
    path = copied(installed("chamber"), work)

    def arguments(count):
        return [path, "--backend", "secretsmanager", "exec", *(text(number) for number in range(1, count + 1)), "--"]

    return Tool("chamber", "chamber", arguments, size=size(path), version=version(path, "version"))


def secrets_init(work):
    path = copied(installed("secrets-init"), work)

    def arguments(count):
        arns = (f"{name(number)}=arn:aws:secretsmanager:{REGION}:123456789012:secret:{text(number)}" for number in range(1, count + 1))
        return ["/usr/bin/env", *arns, path]

    return Tool("secrets_init", "secrets-init", arguments, size=size(path), version=version(path, "--version"))


def summon(work):
    path, provider = (copied(installed(program), work) for program in ("summon", "summon-aws-secrets"))

    def arguments(count):
        lines = (f"{name(number)}: !var {secret(number)}#password" for number in range(1, count + 1))
        return [path, "--provider", provider, "--yaml", "\n".join(lines)]

    return Tool("summon", "summon, summon-aws-secrets", arguments, size=size(path, provider), version=version(path, "--version"))


def vals(work):
    path = copied(installed("vals"), work)

    def arguments(count):
        file = work / f"vals-{count}.yaml"
        file.write_text("".join(f"{name(number)}: ref+awssecrets://{secret(number)}#/password\n" for number in range(1, count + 1)))
        return [path, "exec", "-i", "-s", "-f", str(file), "--"]

    return Tool("vals", "vals", arguments, size=size(path), version=version(path, "version"))


def script(work, stem, interpreter, lines):
    """Writes one script for each count. The arguments are the paths of the interpreter and of the script."""

    def arguments(count):
        path = work / f"{stem}-{count}"
        path.write_text("\n".join(lines(count)) + "\n")
        return [interpreter, str(path)]

    return arguments


def by_shell(work, stem, get):
    for program in ("bash", "jq"):
        if not shutil.which(program, path="/usr/bin:/bin"):
            raise OSError(f"no {program} in PATH")

    def lines(count):
        yield "set -euo pipefail"
        yield get
        for number in range(1, count + 1):
            yield f"{name(number)}=$(get {secret(number)}); export {name(number)}"
        yield 'exec "$@"'

    return script(work, stem, "/bin/bash", lines)


def curl(work):
    get = """get() {
  curl -sS --fail --cacert "$AWS_CA_BUNDLE" --aws-sigv4 "aws:amz:$AWS_REGION:secretsmanager" \\
    --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" -H 'Content-Type: application/x-amz-json-1.1' \\
    -H 'X-Amz-Target: secretsmanager.GetSecretValue' -d "{\\"SecretId\\":\\"$1\\"}" \\
    "https://secretsmanager.$AWS_REGION.amazonaws.com/" | jq -r '.SecretString | fromjson | .password'
}"""
    found = output(["/usr/bin/curl", "--version"]).split()[1]
    return Tool("curl", "bash + curl --aws-sigv4 + jq", by_shell(work, "curl", get), version=found, counts=COUNTS[:2])


def awscli(work):
    path = installed("aws", "/usr/local/bin:/usr/bin")
    call = "secretsmanager get-secret-value --secret-id \"$1\" --query SecretString --output text | jq -r .password"
    found = output([path, "--version"]).split()[0].split("/")[1]
    arguments = by_shell(work, "awscli", f"get() {{ {path} {call}; }}")
    return Tool("awscli", f"bash + awscli {found[0]} + jq", arguments, version=found, counts=COUNTS[:2])


def boto3(work):
    path = boto3_venv(work)

    def lines(count):
        yield "import json, os, sys"
        yield "import boto3"
        yield f'client = boto3.client("secretsmanager", region_name="{REGION}")'
        yield f"for number in range(1, {count} + 1):"
        yield f'    answer = client.get_secret_value(SecretId=f"{secret("{number}")}")'
        yield f'    os.environ[f"{name("{number}")}"] = json.loads(answer["SecretString"])["password"]'
        yield "os.execvp(sys.argv[1], sys.argv[1:])"

    arguments = script(work, "boto3", str(path / "bin/python"), lines)
    return Tool("boto3", "Python, boto3, one process", arguments, version=BOTO3.split("==")[1], size=tree_size(path), counts=COUNTS[:2])


def boto3_venv(work):
    path = work / "venv-boto3"
    stamp = path / "complete"
    if not (stamp.exists() and stamp.read_text() == BOTO3):
        say(f"installing {BOTO3} from PyPI")
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(path)], check=True)
        subprocess.run([str(path / "bin/pip"), "install", "--quiet", "--disable-pip-version-check", BOTO3], check=True)
        subprocess.run([str(path / "bin/pip"), "uninstall", "--quiet", "--yes", "pip", "setuptools"], check=True)
        stamp.write_text(BOTO3)
    return path


def tree_size(path):
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file() and not file.is_symlink())


RIVALS = (sdk, sdk_plain, chamber, secrets_init, summon, vals, curl, boto3, awscli)


# The tools that each run measures. Rows of other tools may be from an earlier run.
OWN = (US, "minimal client")

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
    """The page. The rows of tools that this run hasn't measured are kept from the page as it was before."""
    about, rows = results["about"], results["rows"]
    tools = [tool for tool in results["tools"] if tool.key != "again"]
    noise = max(abs(rows["again", count, REGIONAL]["median"] / rows[US, count, REGIONAL]["median"] - 1) for count in COUNTS)
    launches, kept = merged(launch_times(tools, rows, about["date"]), table(before, LAUNCHES))
    spent, _ = merged(costs(tools, rows), table(before, COSTS))
    paragraphs = [
        "# Benchmarks",
        f"secrets-exec starts a program with one secret in {launches[US][0]} ms, and with 20 secrets in {launches[US][2]} ms. Both are within "
        f"about {percent_more(*ratios(rows, REGIONAL)[0:3:2])}% of the time of a minimal hand-written client.{lead(launches)}",
        CHART,
        f"The network is simulated: a round trip takes {REGIONAL.round_trip} ms, and the server responds after {REGIONAL.answer} ms. We assume that "
        "this is typical within an AWS region. We haven't measured against AWS itself.",
        *unmeasured(results["skipped"]),
        LAUNCHES,
        "The table shows the median time of a launch in milliseconds, for 1, 4, 20 and 100 secrets: a process starts, connects with TLS, reads one key "
        "of each secret, and runs `/bin/true`. A dash means that we didn't measure this case.",
        "\n".join([*heading([*COUNTS, "measured"]), *lines(launches), f"| {RATIO} | {' | '.join(ratios(rows, REGIONAL))} | {about['date']} |"]),
        *([EARLIER] if kept else []),
        "The times include the server's share of the TLS handshake. A second copy of the same secrets-exec differed from the first row by up to "
        f"{noise:.0%}, so smaller differences mean nothing. Some rows need an explanation:",
        "\n".join(
            [
                f"- *secrets-exec, with --ca-bundle* loads {about['roots']} root certificates from a file, as the other tools do. Use this row to compare "
                "the tools under the same conditions.",
                "- *minimal client* is a client that we wrote by hand ([benches/floor](../benches/floor)).",
                *(SDK_ROWS if "AWS SDK for Rust" in launches else []),
            ]
        ),
        COSTS,
        "*Size* is the size of the tool's stripped binary or, for Python, of all installed packages without the interpreter.",
        "\n".join([*heading(["peak memory, MB", "size, MB"]), *lines(spent)]),
        "Once secrets-exec has become your program, it doesn't use any memory. With `--on-rotation`, the parent "
        f"process uses {number(results['parent'])} MB.",
        "## How this was measured",
        f"We measured this on {about['date']}, at commit {about['commit']}, on a machine with {about['machine']} and {about['libc']}. secrets-exec was "
        f"built with Rust {about['rust']}. `make bench` measures again, and writes this page and the figures of the other pages. It also prints "
        "which of our goals the run has met.",
    ]
    return "\n\n".join(wrapped(paragraph) for paragraph in paragraphs) + "\n"


def wrapped(paragraph):
    """The paragraph, or each item of a list, in lines of at most 100 characters. Headings, tables and pictures stay as they are."""
    if paragraph.startswith(("#", "|", "<")):
        return paragraph
    return "\n".join(fill(line, "  " if line.startswith("- ") else "") for line in paragraph.splitlines())


def unmeasured(skipped):
    return ["These tools could not be measured in this run: " + "; ".join(skipped) + "."] if skipped else []


def heading(columns):
    return [f"| tool | {' | '.join(map(str, columns))} |", "|---" * (len(columns) + 1) + "|"]


def ratios(rows, place):
    return [f"{rows[US, count, place]['median'] / rows['floor', count, place]['median']:.2f}" for count in COUNTS]


def launch_times(tools, rows, date):
    """The cells of each tool in the table of launch times in the same region."""
    found = {tool.title: [rows.get((tool.key, count, REGIONAL)) for count in COUNTS] for tool in tools}
    return {title: [*(number(row and row["median"]) for row in row_of_tool), str(date)] for title, row_of_tool in found.items()}


def costs(tools, rows):
    """The cells of each tool in the table of memory and size."""
    found = {}
    for tool in tools:
        row = rows.get((tool.key, 1, NEAR), {})
        found[tool.title] = [number(value) for value in (row.get("memory"), tool.size and tool.size / 1e6)]
    return found


def merged(measured, before):
    """The rows of this run, followed by the other tools in the order of their first cell, and the titles that only the page had before."""
    kept = {title: list(row.values()) for title, row in before.items() if not (title in measured or title == RATIO or title.startswith(OWN))}
    own = {title: row for title, row in measured.items() if title.startswith(OWN)}
    others = {title: row for title, row in (measured | kept).items() if title not in own}
    return own | dict(sorted(others.items(), key=lambda tool: float(tool[1][0]))), list(kept)


def lines(table):
    return [f"| {title} | {' | '.join(cells)} |" for title, cells in table.items()]


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


def table(page, heading):
    """The rows of the first table below a heading, by tool. A row is the cells by column, as text."""
    _, _, section = page.partition(f"{heading}\n")
    lines = [line for line in section.split("\n## ")[0].splitlines() if line.startswith("|")]
    names, _, *rows = [line.strip("| ").split(" | ") for line in lines] or [[], []]
    return {row[0]: dict(zip(names[1:], row[1:], strict=True)) for row in rows}


def highlights(page):
    """The first two items of README's list, in round figures."""
    size, launches = table(page, COSTS)[US]["size, MB"], table(page, LAUNCHES)
    script = next(row for title, row in launches.items() if title.startswith("bash + awscli"))
    items = (
        f"- **It's one static binary** of {float(size):.1f} MB. Once your program is running, nothing of secrets-exec is left.",
        f"- **It's fast.** With one secret, your program starts after {float(launches[US]['1']):.0f} ms. A script that calls the AWS CLI and jq takes "
        f"{script['1']} ms ([measured](docs/benchmarks.md) with a simulated network).",
    )
    return "\n".join(fill(item, "  ") for item in items)


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


def parent(page):
    """The memory of the parent process of `--on-rotation`, in MB."""
    return re.search(r"the parent process uses ([0-9.]+) MB", " ".join(page.split()))[1]


def percent_more(*ratios):
    """The largest ratio to the minimal client, as the percentage that a launch takes longer."""
    return max(round((float(ratio) - 1) * 100) for ratio in ratios)


def fill(text, indent=""):
    return textwrap.fill(text, 100, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def rewritten(path, texts):
    """The page, with each text between the next pair of its marks. In a list, the marks are indented."""
    left = iter(texts)
    page, found = re.subn(rf"(^ *{MARK}\n).*?(?=^ *{END}\n)", lambda mark: f"{mark[1]}{next(left, '')}\n", path.read_text(), flags=re.S | re.M)
    if found != len(texts):
        raise SystemExit(f"bench: {path} has {found} times {MARK}, and not {len(texts)} times")
    return page


def write_figures(page):
    """Writes the figures of docs/benchmarks.md, which is `page`, between the marks of the other pages."""
    for path, texts in (
        ("README.md", [highlights(page)]),
        ("docs/adopting.md", [adopting(page)]),
    ):
        (ROOT / path).write_text(rewritten(ROOT / path, texts))


# The most for each of COUNTS, in this order, compared with the minimal client.
RATIOS = [
    ("launch time / minimal client, in the same region", REGIONAL, [1.01, 1.02, 1.04, 1.06]),
    ("launch time / minimal client, without network delays", NEAR, [1.00, 0.95, 1.00, 1.06]),
]
SIZE, MEMORY, PARENT = 7.3, 6.3, 4.8  # MB
PRINTING = 2.0  # ms for --help and for --version


def goals(results):
    """A line for each of our goals, with the figure and its limit."""
    ours, rows = results["tools"][0], results["rows"]
    found = []
    for title, place, limits in RATIOS:
        for count, ratio, limit in zip(COUNTS, ratios(rows, place), limits, strict=True):
            found.append((f"{title}, {count} secrets", float(ratio), limit))
    found += [
        ("size of the binary, MB", ours.size / 1e6, SIZE),
        ("peak memory of a launch with one secret, MB", rows[ours.key, 1, NEAR]["memory"], MEMORY),
        ("memory of the parent process of `--on-rotation`, MB", results["parent"], PARENT),
        ("`--help`, ms", rows["--help", 0, NEAR]["median"], PRINTING),
        ("`--version`, ms", rows["--version", 0, NEAR]["median"], PRINTING),
    ]
    return "\n".join(f"{'missed' if seen > limit else 'met   '} {title}: {seen:.2f} (at most {limit})" for title, seen, limit in found)
