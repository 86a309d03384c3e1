#!/usr/bin/env python3
"""Measures secrets-exec, a minimal client, one on the AWS SDK and other tools with the same purpose, in one run. `make bench` calls this.

Launches are timed in interleaved rounds on a quiet machine. All traffic is local: in a
separate network namespace, AWS's host name leads to a server of ours. The result is written into the tables of benches/README.md and
README.md, the sentences with figures there and on pages of docs/, and the chart. With --quick, the tables are only printed. A tool that
isn't measured, because this machine doesn't have it or because of --only, keeps its rows on the page, with the date of the run that they
are from.
"""

import argparse
import os
import platform
import shutil
import subprocess
import time
from datetime import date
from pathlib import Path

from measure import NEAR, REGIONAL, Lab, isolate, say

import report

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
WORK = TARGET / "bench"
STATIC = f"{platform.machine()}-unknown-linux-musl"
QUIET, PATIENCE = 0.5, 300  # a core's load, and seconds to wait for it


def main():
    options = parse()
    if options.tools:
        os.environ["PATH"] = f"{Path(options.tools).resolve()}:{os.environ['PATH']}"
    for program in ("time", "openssl"):
        if not shutil.which(program):
            raise SystemExit(f"bench: {program} is not installed (it is a package of Debian's)")
    binary = str(Path(options.binary).resolve()) if options.binary else str(TARGET / STATIC / "release/secrets-exec")
    build(options)
    skipped = []
    tools = report.find(binary, options.other, str(WORK / "release/floor"), WORK, skipped, options.only)
    if not options.quick:
        wait_until_quiet()
    # From here on, nothing can be downloaded.
    isolate()
    lab = Lab(WORK)
    try:
        results = run(options, lab, tools, binary, skipped)
    finally:
        lab.stop()
    results["about"] = about(lab)
    launches, costs = report.tables(results, (ROOT / report.PAGE).read_text())
    if options.quick:
        print(report.lines(launches), report.lines(costs), sep="\n")
    else:
        report.write(results, launches, costs)
        subprocess.run([ROOT / "packaging/pictures.py", binary, ROOT / "docs/img"], check=True)
    print(report.goals(results))
    for tool in skipped:
        say(f"not measured: {tool}")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few rounds, however busy the machine is; prints instead of writing")
    parser.add_argument("--rounds", type=int, help="how often a fast tool is launched (60, or 5 with --quick)")
    parser.add_argument("--binary", help=f"measure this secrets-exec (default: build target/{STATIC}/release/secrets-exec)")
    parser.add_argument("--other", help="a second secrets-exec, measured as well")
    parser.add_argument("--tools", help="a folder with other tools, searched before PATH")
    names = ",".join(make.__name__ for make in report.RIVALS)
    parser.add_argument("--only", type=lambda text: text.split(","), help=f"only these other tools, or `none`: {names}")
    return parser.parse_args()


def build(options):
    WORK.mkdir(parents=True, exist_ok=True)
    say("building the minimal client, the clients on the SDK and the lab")
    clients = ["build", "--locked", "--quiet", "--manifest-path", str(ROOT / "benches/Cargo.toml"), "--target-dir", str(WORK.resolve())]
    # Built with sdk, the other crates would have its features, too.
    cargo(*clients, "--release", "--workspace", "--exclude", "sdk")
    cargo(*clients, "--release", "--package", "sdk")
    # In `/`, Cargo doesn't read .cargo/config.toml.
    cargo(*clients, "--profile", "plain", "--package", "sdk", folder="/")
    if not options.binary:
        subprocess.run(["make", "release"], check=True, cwd=ROOT)


def cargo(*arguments, folder=ROOT):
    command = [os.environ.get("CARGO", "cargo"), *arguments]
    return subprocess.run(command, check=True, cwd=folder, stdout=subprocess.PIPE, text=True).stdout


def wait_until_quiet():
    """Waits until the machine has nothing else to do."""
    most = QUIET * os.cpu_count()
    for _ in range(PATIENCE // 10):
        if (load := os.getloadavg()[0]) <= most:
            return
        say(f"the load is {load:.2f}; waiting until it is at most {most:.2f}")
        time.sleep(10)
    raise SystemExit("bench: this machine is busy, so nothing was measured or written")


def run(options, lab, tools, binary, skipped):
    for tool in list(tools):
        if wrong := lab.check(tool, 4):
            skipped.append(f"{tool.key} (wrong values: {wrong})")
            tools.remove(tool)
    rounds = options.rounds or (5 if options.quick else 60)
    rows = {}
    for place in (REGIONAL, NEAR):
        for count in report.COUNTS:
            say(f"{count} secrets, {place.title}")
            launches = {tool.key: launch(lab, tool, count) for tool in tools if count in tool.counts}
            rows |= {(key, count, place): row for key, row in lab.compare(place, launches, rounds).items()}
    for tool in tools:
        rows[tool.key, 1, NEAR]["memory"] = lab.memory(*launch(lab, tool, 1))
    ending = {"/bin/true": ["/bin/true"], "--help": [binary, "--help"], "--version": [binary, "--version"]}
    plain = {key: (arguments, {"PATH": "/usr/bin:/bin"}) for key, arguments in ending.items()}
    rows |= {(key, 0, NEAR): row for key, row in lab.compare(NEAR, plain, rounds).items()}
    return {"tools": tools, "rows": rows, "skipped": skipped, "parent": lab.parent(tools[0])}


def launch(lab, tool, count):
    return [*tool.arguments(count), "/bin/true"], lab.environment(tool)


def about(lab):
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    commit = report.output(["git", "-C", str(ROOT), "describe", "--always", "--dirty"])
    return {
        "machine": f"{os.cpu_count()} cores ({models[0] if models else platform.machine()})",
        "libc": platform.libc_ver()[1],
        "rust": report.output(["rustc", "--version"]).split()[1],
        "commit": commit,
        "date": date.today(),
        "roots": lab.roots,
    }


if __name__ == "__main__":
    main()
