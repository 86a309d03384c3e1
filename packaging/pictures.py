#!/usr/bin/env python3
"""Draws the pictures of README.md and docs/ as SVG, each for a light and for a dark page. `make pictures` calls this.

    packaging/pictures.py BINARY DIRECTORY

- `terminal` runs BINARY, a secrets-exec, on a terminal of its own, and shows what the terminal shows.
- `benchmarks` shows the table of benches/README.md.
- `value`, `ecs` and `rotation` are drawn from what is written here.

No test compares the pictures in docs/img with what this draws now: run `make pictures` after a change of what they show.
A browser shows an SVG in a page without scripts and without other files, so the pictures use only the fonts that a reader's machine has.
"""

import os
import pty
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parent.parent

SANS = "-apple-system, 'Segoe UI', 'Noto Sans', Helvetica, Arial, sans-serif"
MONO = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"

# The colours of each class, on a light and on a dark page. A text has a contrast of at least 4.5 to
# its background (WCAG AA).
COLOURS = {
    "page": ("#ffffff", "#0d1117"),
    "frame": ("#d0d7de", "#3d444d"),
    "text": ("#1f2328", "#e6edf3"),
    "dim": ("#57606a", "#a3adb8"),
    "bar": ("#8692a0", "#6e7884"),
    "own": ("#0a5bb5", "#58a6ff"),
    "error": ("#b42318", "#ff8b81"),
    "warning": ("#7d5700", "#e3b341"),
    "note": ("#0a5bb5", "#79c0ff"),
    "help": ("#0b6a77", "#56d4dd"),
}
# The same for rectangles that have a border of another colour.
BOXES = {
    "box": (("#f3f6f9", "#7a8794"), ("#1b222b", "#7d8590")),
    "self": (("#e4effb", "#0a5bb5"), ("#11294a", "#58a6ff")),
    "after": (("#e5f5e9", "#1a7f37"), ("#12311b", "#3fb950")),
    "bad": (("#fdecea", "#b42318"), ("#3d1619", "#f85149")),
}
THEMES = ("light", "dark")

# The classes of the attributes that a terminal switches on (SGR, ECMA-48); secrets-exec gives each
# of its labels a colour.
ATTRIBUTES = {"1": "bold", "31": "error", "33": "warning", "34": "note", "36": "help"}


class Picture:
    """A drawing: shapes and texts with classes, which have the colours of a theme when the picture is written."""

    def __init__(self, name, title, description, size, font=f"14px {SANS}"):
        self.name, self.title, self.description = name, title, description
        self.width, self.height = size
        self.font = font
        self.shapes = []

    def rectangle(self, kind, x, y, width, height, radius=5):
        self.shapes.append(f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}" rx="{radius}"/>')

    def text(self, x, y, text, kind=""):
        self.spans(x, y, [(kind, text)])

    def spans(self, x, y, spans):
        """Adds a line of text, whose parts have classes of their own."""
        parts = [f'<tspan class="{kind}">{escape(text)}</tspan>' if kind else escape(text) for kind, text in spans]
        self.shapes.append(f'<text x="{x}" y="{y}">{"".join(parts)}</text>')

    def box(self, kind, area, title, *lines):
        """Adds a rectangle with a title in bold, and lines of text below it."""
        self.note(kind, area, "", *lines)
        x, y, *_ = area
        self.text(x + 12, y + 23, title, "bold")

    def note(self, kind, area, *lines):
        """Adds a rectangle with lines of text."""
        self.rectangle(kind, *area)
        x, y, *_ = area
        for number, line in enumerate(lines):
            if line:
                self.text(x + 12, y + 23 + 20 * number, line)

    def badge(self, x, y, text):
        """Adds a text in a rounded rectangle, with its middle at this point."""
        width = 30 + 8 * len(text)
        self.rectangle("self", x - width / 2, y - 14, width, 28, 14)
        self.shapes.append(f'<text class="middle" x="{x}" y="{y + 5}">{escape(text)}</text>')

    def arrow(self, path):
        self.shapes.append(f'<path class="arrow" marker-end="url(#head)" d="{path}"/>')

    def write(self, directory):
        for theme in THEMES:
            (directory / f"{self.name}-{theme}.svg").write_text(self.svg(theme))

    def svg(self, theme):
        shapes = "\n".join(self.shapes)
        classes = set(" ".join(re.findall(r'class="([^"]+)"', shapes)).split())
        return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" width="{self.width}" height="{self.height}" role="img">
<title>{escape(self.title)}</title>
<desc>{escape(self.description)}</desc>
<style>
{style(theme, classes, self.font)}
</style>
<defs><marker id="head" markerWidth="8" markerHeight="8" refX="7" refY="4" orient="auto"><path class="head" d="M0 0 8 4 0 8z"/></marker></defs>
<rect class="frame" x=".5" y=".5" width="{self.width - 1}" height="{self.height - 1}" rx="8"/>
{shapes}
</svg>
"""


def style(theme, classes, font):
    """The rules of the classes that a picture uses."""
    colours = {name: colours[THEMES.index(theme)] for name, colours in COLOURS.items()}
    boxes = {name: colours[THEMES.index(theme)] for name, colours in BOXES.items()}
    rules = [
        f"text {{ fill: {colours['text']}; font: {font} }}",
        f".frame {{ fill: {colours['page']}; stroke: {colours['frame']} }}",
        f".arrow, .line {{ fill: none; stroke: {colours['dim']}; stroke-width: 1.5 }}",
        f".head {{ fill: {colours['dim']} }}",
        ".middle { text-anchor: middle }",
        ".bold { font-weight: 600 }",
        ".heading { font-size: 16px; font-weight: 600 }",
    ]
    rules += [f".{name} {{ fill: {colours[name]} }}" for name in sorted(classes & colours.keys())]
    for name in sorted(classes & boxes.keys()):
        fill, stroke = boxes[name]
        rules.append(f".{name} {{ fill: {fill}; stroke: {stroke}; stroke-width: 1.5 }}")
    return "\n".join(rules)


# The terminal: a declaration with two mistakes, and the report.

DECLARATION = """\
env:
  DB_HOST: prod/db:hots
  DB_PASSWORD: prod/db:password
  API_TOKEN: prod/api:key
"""
SECRETS = """\
prod/db: { host: db.example.com, username: app, password: not-a-real-password }
prod/api: { token: not-a-real-token, webhook_secret: not-a-real-secret }
"""
COMMANDS = ["secrets-exec -- node app.js"]
# The width of the terminal, which fits on a phone.
COLUMNS = 60


def terminal(binary):
    lines = [row for line in transcript(binary) for row in rows(line)]
    picture = Picture(
        "terminal",
        "secrets-exec on a terminal",
        "\n".join("".join(text for _, text in line) for line in lines),
        (32 + round(8.4 * COLUMNS), 52 + 20 * len(lines)),
        f"14px {MONO}",
    )
    for x in (22, 42, 62):
        picture.shapes.append(f'<circle class="bar" cx="{x}" cy="21" r="6"/>')
    for number, line in enumerate(lines):
        if line:
            # SVG drops blanks at the beginning of a line, so they become a distance.
            (kind, text), *others = line
            indent = len(text) - len(text.lstrip())
            picture.spans(16 + 8.4 * indent, 58 + 20 * number, [(kind, text.lstrip()), *others])
    return picture


def transcript(binary):
    """Runs the commands, and returns the lines that a terminal shows, each as parts with their classes."""
    lines = []
    with tempfile.TemporaryDirectory() as directory:
        directory = Path(directory)
        (directory / "secrets-exec.yaml").write_text(DECLARATION)
        (directory / "secrets.yaml").write_text(SECRETS)
        # The values come from a file, and only the option itself hides the warning about that.
        executable(directory / "secrets-exec", f'exec "{Path(binary).resolve()}" --quiet "$@"')
        # secrets-exec looks for the program before it reads the secrets.
        executable(directory / "node", "exit 1")
        for command in COMMANDS:
            lines.append([("dim", "$ "), ("bold", command)])
            lines += [parts(line) for line in run(command, directory).splitlines()]
    return lines


def executable(path, script):
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def run(command, directory):
    """Runs a command on a terminal, and returns what it shows."""
    environment = {"PATH": f"{directory}:/usr/bin:/bin", "TERM": "xterm", "SECRETS_EXEC_LOCAL": "secrets.yaml"}
    leader, follower = pty.openpty()
    process = subprocess.Popen(["sh", "-c", command], cwd=directory, env=environment, stdin=follower, stdout=follower, stderr=follower)
    os.close(follower)
    shown = b""
    try:
        while data := os.read(leader, 4096):
            shown += data
    except OSError:
        pass  # Linux reports the end of a terminal as an error.
    os.close(leader)
    process.wait()
    return shown.decode()


def parts(line):
    """The parts of a line with the classes that its control sequences give them."""
    text, *rest = re.split(r"\x1b\[([\d;]*)m", line)
    found = [("", text)]
    for codes, text in zip(rest[::2], rest[1::2], strict=True):
        kind = " ".join(ATTRIBUTES[code] for code in codes.split(";") if code in ATTRIBUTES)
        found.append((kind, text))
    return [(kind, text) for kind, text in found if text]


def rows(line):
    """The rows in which a terminal of COLUMNS columns shows a line."""
    shown, free = [[]], COLUMNS
    for kind, text in line:
        while len(text) > free:
            shown[-1].append((kind, text[:free]))
            shown.append([])
            text, free = text[free:], COLUMNS
        shown[-1].append((kind, text))
        free -= len(text)
    return shown


# The bar chart of launch times.

# The rows of the table in benches/README.md that the chart shows, and what the chart calls them.
TOOLS = {
    "secrets-exec": "secrets-exec",
    "AWS SDK for Rust, as Cargo builds it": "AWS SDK, Cargo's defaults",
    "chamber": "chamber",
    "secrets-init": "secrets-init",
    "summon, summon-aws-secrets": "summon",
    "vals": "vals",
    "bash + curl --aws-sigv4 + jq": "script with curl and jq",
    "Python, boto3, one process": "script with boto3",
    "bash + awscli 2 + jq": "script with aws and jq",
}


def benchmarks():
    panels = [("1", "with one secret"), ("20", "with 20 secrets")]
    figures = [(title, launch_times(count)) for count, title in panels]
    longest = max(float(time) for _, times in figures for _, time in times)
    rows = sum(len(times) for _, times in figures)
    picture = Picture(
        "benchmarks",
        "Launch times in milliseconds",
        "\n".join(f"{title}: " + ", ".join(f"{tool} {time} ms" for tool, time in times) for title, times in figures),
        (600, 74 + 44 * len(figures) + 24 * rows),
    )
    picture.text(16, 30, "Time until the program starts, in milliseconds", "heading")
    y = 44
    for title, times in figures:
        y += 20
        picture.text(16, y, title, "dim")
        y += 8
        for tool, time in times:
            length = round(float(time) / longest * 340, 1)
            is_ours = tool == "secrets-exec"
            picture.text(16, y + 17, tool, "bold" if is_ours else "")
            picture.rectangle("own" if is_ours else "bar", 190, y + 4, length, 16, 2)
            picture.text(190 + length + 8, y + 17, time, "bold" if is_ours else "")
            y += 24
        y += 16
    picture.text(16, y + 10, "Shorter is better. The network is simulated: benches/README.md has the details.", "dim")
    return picture


def launch_times(count):
    """The tools that were measured with this number of secrets, and their times as the table has them, in ascending order."""
    page = (ROOT / "benches/README.md").read_text()
    section = page.split("## Launch time")[1].split("\n## ")[0]
    table = [line for line in section.splitlines() if line.startswith("|")]
    rows = [line.strip("| ").split(" | ") for line in table]
    column = rows[0].index(count)
    times = [(TOOLS[row[0]], row[column]) for row in rows if row[0] in TOOLS and row[column] != "–"]
    return sorted(times, key=lambda tool: float(tool[1]))


# How a value reaches the program.


def value():
    picture = Picture(
        "value",
        "How a value reaches your program",
        "The declaration, options and variables say what to read. A role or a login says who may read it. secrets-exec requests the secrets from "
        "AWS, and then becomes your program, with the values in its environment and in files. If a value is missing, nothing starts.",
        (600, 506),
    )
    picture.box("box", (16, 16, 274, 96), "What to read", "secrets-exec.yaml", "--env DB_HOST=prod/db:host", "variables with --resolve-env")
    picture.box("box", (310, 16, 274, 96), "Who may read it", "role of the task, pod or instance", "AWS_* variables, profile, SSO", "--role-arn")
    picture.arrow("M153 112V148")
    picture.arrow("M350 112V148")
    picture.box(
        "self",
        (16, 152, 370, 118),
        "secrets-exec, process 1234",
        "1. finds your program in PATH",
        "2. requests each secret once, in parallel",
        "3. takes the keys, and fills in templates",
        "4. writes files, and sets variables",
    )
    picture.box("box", (448, 152, 136, 118), "AWS", "Secrets Manager", "Parameter Store", "STS", "or the agent")
    picture.arrow("M386 192H444")
    picture.arrow("M448 230H390")
    picture.arrow("M153 270V364")
    picture.text(167, 330, "execve: becomes your program", "dim")
    picture.box(
        "after",
        (16, 368, 370, 122),
        "your program, process 1234",
        "variables: DB_HOST, DB_PASSWORD, …",
        "files in memory: /proc/self/fd/100",
        "files with a path: /run/app/tls.key",
        "No other process is left.",
    )
    picture.arrow("M350 270V294H501V364")
    picture.box("bad", (418, 368, 166, 122), "A value is missing", "Nothing starts.", "You see all errors,", "but never a value.", "Exit status 78")
    return picture


# ECS before and after.


def ecs():
    picture = Picture(
        "ecs",
        "Which role reads a secret on ECS",
        "Before: the ECS agent reads the secret with the execution role, and starts the container with the value. After: secrets-exec reads the "
        "secret inside the container with the task role, and becomes your program. The execution role is only for the image and the logs.",
        (600, 398),
    )
    picture.text(16, 32, "Before: ECS reads the secret", "heading")
    picture.box("box", (16, 48, 274, 40), "AWS Secrets Manager")
    picture.arrow("M153 88V160")
    picture.badge(153, 122, "execution role")
    picture.box("box", (16, 164, 274, 78), "ECS agent", "starts the container", "with the value")
    picture.arrow("M153 242V300")
    picture.box("after", (16, 304, 274, 78), "container", "Your program has the value,", "and a task role of its own.")

    picture.text(310, 32, "After: secrets-exec reads it", "heading")
    picture.box("box", (310, 48, 274, 40), "AWS Secrets Manager")
    picture.arrow("M524 88V300")
    picture.badge(524, 122, "task role")
    picture.box("box", (310, 164, 154, 78), "ECS agent", "execution role:", "image and logs")
    picture.arrow("M387 242V300")
    picture.box("after", (310, 304, 274, 78), "container", "secrets-exec reads the value,", "and becomes your program.")
    return picture


# The time line of a rotation.


def rotation():
    times = ("10:00:00", "10:00:05", "10:05:35", "10:06:05", "10:06:35", "10:06:40")
    picture = Picture(
        "rotation",
        "A rotation on a time line",
        "AWS changes the password in the database, and then moves AWSCURRENT to the new version. The next poll of secrets-exec finds the new "
        "value, and prepares a launch. secrets-exec stops the old process, and starts the program again, which is ready with the new password.",
        (600, 520),
    )
    changed, moved, polls, found, ended, ready = moments = (92, 166, 248, 332, 396, 456)
    aws, ours, program = lanes = (94, 240, 426)
    for x, name in zip(lanes, ("AWS", "secrets-exec", "your program"), strict=True):
        picture.text(x, 32, name, "heading")
    for y, time in zip(moments, times, strict=True):
        picture.text(16, y + 5, time, "dim")
        picture.shapes.append(f'<path class="line" stroke-dasharray="2 4" d="M84 {y}H584"/>')

    picture.note("box", (aws, changed, 134, 56), "changes the", "password")
    picture.note("box", (aws, moved, 134, 56), "moves the label", "AWSCURRENT")
    picture.note("box", (ours, changed + 24, 152, 36), "polls: no change")
    picture.text(ours + 12, 213, "waits five minutes", "dim")
    picture.note("self", (ours, polls, 152, 84), "polls: finds the", "new value, and", "prepares a launch")
    picture.arrow(f"M392 {found}H422")
    picture.note("box", (ours, found, 152, 36), "sends TERM")
    picture.arrow(f"M392 {ended}H422")
    picture.note("self", (ours, ended, 152, 36), "starts it again")

    picture.note("after", (program, 46, 158, changed - 46), "old password")
    picture.note("bad", (program, changed, 158, found - changed), "New logins with the", "old password are", "refused. Open", "connections work.")
    picture.note("box", (program, found, 158, ended - found), "stops")
    picture.note("box", (program, ended, 158, ready - ended), "starts")
    picture.note("after", (program, ready, 158, 48), "new password")
    return picture


def main(binary, directory):
    for picture in (terminal(binary), benchmarks(), value(), ecs(), rotation()):
        picture.write(Path(directory))


if __name__ == "__main__":
    main(*sys.argv[1:])
