"""The compared tools, the figures that `make bench` writes into the tables and sentences of pages, and our goals."""

import atexit
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import NEAR, REGION, REGIONAL, name, say, secret, text

ROOT = Path(__file__).resolve().parent.parent
COUNTS = [1, 4, 20, 100]
COPIES = "copies"
BOTO3 = "boto3==1.43.11"
PAGE = "benches/README.md"
US, AGAIN, RATIO = "secrets-exec", "secrets-exec, measured again", "*secrets-exec / minimal client*"
LAUNCHES, COSTS = "## Launch time in the same region", "## Memory and size"

# The table of README.md: its first line, and its rows with the tools that they show.
CLAIM = "| time until your program starts, in ms | 1 secret | 4 secrets | 20 secrets |"
CLAIMED = {"secrets-exec": US, "a client on the AWS SDK for Rust": "AWS SDK for Rust", "chamber": "chamber", "a script with the AWS CLI and jq": "bash + awscli 2 + jq"}


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
        launcher("again", AGAIN, again),
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


def number(value):
    if value is None:
        return "–"
    if isinstance(value, int) or value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def ratios(rows, place):
    return [f"{rows[US, count, place]['median'] / rows['floor', count, place]['median']:.2f}" for count in COUNTS]


def tables(results, before):
    """The cells of the two tables of benches/README.md, by tool. Tools that this run hasn't measured keep their rows of `before`, the page."""
    rows, date = results["rows"], str(results["about"]["date"])
    launches, costs = {}, {}
    for tool in results["tools"]:
        found = [rows.get((tool.key, count, REGIONAL)) for count in COUNTS]
        launches[tool.title] = [*(number(row and row["median"]) for row in found), date]
        memory = rows.get((tool.key, 1, NEAR), {}).get("memory")
        costs[tool.title] = [number(memory), number(tool.size and tool.size / 1e6)]
    launches, costs = merged(launches, table(before, LAUNCHES)), merged(costs, table(before, COSTS))
    return launches | {RATIO: [*ratios(rows, REGIONAL), date]}, costs


def merged(measured, before):
    """The rows of this run, followed by the other tools in the order of their first cell."""
    kept = {title: cells for title, cells in before.items() if not (title in measured or title == RATIO or title.startswith(OWN))}
    own = {title: cells for title, cells in measured.items() if title.startswith(OWN)}
    others = {title: cells for title, cells in (measured | kept).items() if title not in own}
    return own | dict(sorted(others.items(), key=lambda tool: float(tool[1][0])))


def lines(table):
    return "".join(f"| {title} | {' | '.join(cells)} |\n" for title, cells in table.items())


def table(page, heading):
    """The cells of the first table below a heading, by tool."""
    _, _, section = page.partition(f"{heading}\n")
    rows = [line.strip("| ").split(" | ") for line in section.split("\n## ")[0].splitlines() if line.startswith("|")]
    return {title: cells for title, *cells in rows[2:]}


def with_table(page, heading, rows):
    """The page, with these rows in the first table below a heading, but without the second measurement, which only shows the noise."""
    rows = {title: cells for title, cells in rows.items() if title != AGAIN}
    start, heading, rest = page.partition(f"{heading}\n")
    return start + heading + re.sub(r"(?m)(^\|-.*\n)(?:^\|.*\n)+", lambda found: found[1] + lines(rows), rest, count=1)


def sentences(results, launches, costs):
    """The sentences of each page that have figures, with `…` for each figure, and these figures."""
    about, parent = results["about"], number(results["parent"])
    (one, _, twenty, *_), (memory, size) = launches[US], costs[US]
    others = [cells[2] for title, cells in launches.items() if not title.startswith((*OWN, "AWS SDK", RATIO)) and cells[2] != "–"]
    times = [float(cell) / float(twenty) for cell in others]
    noise = max(abs(results["rows"]["again", count, REGIONAL]["median"] / results["rows"][US, count, REGIONAL]["median"] - 1) for count in COUNTS)
    more = max(round((float(ratio) - 1) * 100) for ratio in launches[RATIO][0:3:2])
    return {
        PAGE: [
            ("with one secret in … ms, and with 20 secrets in … ms", one, twenty),
            ("within about …% of the time", more),
            ("take … to … times as long", f"{min(times):.0f}", f"{max(times):.0f}"),
            ("from the first row by up to …%", f"{noise:.0%}".rstrip("%")),
            ("loads … root certificates", about["roots"]),
            ("parent process uses … MB", parent),
            ("We measured this on …, at commit …, on a machine with … and glibc …. secrets", *(about[key] for key in ("date", "commit", "machine", "libc"))),
            ("built with Rust …. `make", about["rust"]),
        ],
        "README.md": [
            ("static binary** of … MB", size),
            ("your program starts after … ms", f"{float(one):.0f}"),
        ],
        "docs/lambda.md": [("reads one secret in … ms", one)],
        "docs/adopting.md": [
            ("**What it adds:** … MB in the image", size),
            ("compressed), … MB of memory", memory),
            ("your program, and … ms for one secret or … ms for twenty", one, twenty),
            ("a parent process stays, with … MB", parent),
        ],
    }


def with_figures(page, sentence, *figures):
    """The page, with these figures in a sentence, which may have other line breaks there."""
    parts = [re.escape(part).replace("\\ ", r"\s+") for part in sentence.split("…")]
    found = re.search(".{1,40}?".join(f"({part})" for part in parts), page, re.S)
    if not found:
        say(f"not written, because no page says: {sentence} {figures}")
        return page
    return page[: found.start()] + "".join(part + str(figure) for part, figure in zip(found.groups(), [*figures, ""], strict=True)) + page[found.end() :]


def write(results, launches, costs):
    """Writes the tables of benches/README.md and README.md, and the figures in the sentences of all pages."""
    for path, figures in sentences(results, launches, costs).items():
        page = (ROOT / path).read_text()
        if path == PAGE:
            page = with_table(with_table(page, LAUNCHES, launches), COSTS, costs)
        if path == "README.md":
            page = with_table(page, CLAIM, {title: launches[tool][:3] for title, tool in CLAIMED.items()})
        for sentence in figures:
            page = with_figures(page, *sentence)
        (ROOT / path).write_text(page)


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
