#!/usr/bin/env python3
"""Measures secrets-exec, the floor and other tools that do the same, in one run; `make bench` calls this.

hyperfine takes the times, callgrind counts instructions, and a server counts requests. All traffic is local: in a network namespace of
its own, AWS's host name is the server's. Tools that this machine does not have are reported as SKIPPED. The result is the page
docs/benchmarks.md; --quick prints it.
"""

import argparse
import os
import platform
import shutil
import subprocess
from datetime import date
from pathlib import Path

import report
import rivals
from measure import Lab, isolate
from rivals import say

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
WORK = TARGET / "bench"
RTTS = [0, 20]
STATIC = f"{platform.machine()}-unknown-linux-musl"


def main():
    options = parse()
    if options.tools:
        os.environ["PATH"] = f"{Path(options.tools).resolve()}:{os.environ['PATH']}"
    for program in ("hyperfine", "valgrind", "time", "openssl"):
        if not shutil.which(program):
            raise SystemExit(f"bench: {program} is not installed (`cargo install hyperfine --locked`; the others are Debian's packages)")
    binary = str(Path(options.binary).resolve()) if options.binary else str(TARGET / STATIC / "release/secrets-exec")
    build(options)
    skipped = []
    tools = rivals.find(binary, options.dynamic, str(WORK / "release/floor"), WORK, skipped, options.only)
    # Nothing can be downloaded after this.
    isolate()
    lab = Lab(WORK, RTTS, skipped)
    try:
        results = run(options, lab, tools, binary, skipped)
    finally:
        lab.stop()
    for line in skipped:
        say(f"SKIPPED {line}")
    path = ROOT / "docs/benchmarks.md"
    page = report.markdown(results, path.read_text())
    if options.quick:
        print(page)
    else:
        path.write_text(page)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few runs, without delays; prints instead of writing docs/")
    parser.add_argument("--binary", help=f"measure this secrets-exec (default: build target/{STATIC}/release/secrets-exec)")
    parser.add_argument("--dynamic", default=os.environ.get("DYNAMIC"), help="a dynamic secrets-exec, measured as well")
    parser.add_argument("--tools", help="a folder with other tools, searched before PATH")
    names = ",".join(make.__name__ for make in rivals.RIVALS)
    parser.add_argument("--only", type=lambda text: text.split(","), help=f"only these other tools: {names}")
    return parser.parse_args()


def build(options):
    WORK.mkdir(parents=True, exist_ok=True)
    cargo = [os.environ.get("CARGO", "cargo"), "build", "--locked", "--release", "--quiet"]
    say("building the floor and the lab")
    subprocess.run([*cargo, "--manifest-path", str(ROOT / "benches/Cargo.toml"), "--target-dir", str(WORK)], check=True)
    if not options.binary:
        say("building secrets-exec")
        compiler = {f"CC_{STATIC.replace('-', '_')}": "musl-gcc"}
        static = ["--target-dir", str(TARGET), "--target", STATIC]
        subprocess.run([*cargo, *static], check=True, cwd=ROOT, env=os.environ | compiler)


def run(options, lab, tools, binary, skipped):
    for tool in list(tools):
        if wrong := lab.check(tool, 4):
            skipped.append(f"{tool.key}: does not deliver the values: {wrong}")
            tools.remove(tool)
    runs = 5 if options.quick else None
    rows, instructions = {}, {}
    for rtt in RTTS[:1] if options.quick else lab.servers:
        for count in rivals.COUNTS:
            for tool in tools:
                if count in tool.counts:
                    say(f"{tool.title}, {count} secrets, {rtt} ms round trips")
                    arguments, environment = [*tool.arguments(count), "/bin/true"], lab.environment(tool)
                    # The times come first, so that the cache is filled.
                    row = lab.time(arguments, environment, rtt, runs)
                    rows[tool.key, count, rtt] = row | lab.count(arguments, environment, rtt)
    for tool in tools:
        for count in rivals.COUNTS if tool.counted else []:
            refused = lab.refused(tool)
            instructions[f"{tool.key}, {count}"] = lab.instructions([*tool.arguments(count), refused], lab.environment(tool))
    for key, arguments in {"/bin/true": ["/bin/true"], **ends_at_once(binary)}.items():
        rows[key, 0, 0] = lab.time(arguments, {"PATH": "/usr/bin:/bin"}, 0, runs)
        instructions[key] = lab.instructions(arguments, {"PATH": "/usr/bin:/bin"})
    results = {"about": about(lab, options), "tools": tools, "rows": rows, "instructions": instructions, "skipped": skipped}
    return results | {"rest": lab.rest(tools[0])}


def ends_at_once(binary):
    """Runs that end without a request."""
    wrong = WORK / "wrong.yaml"
    wrong.write_text("env:\n  A: { from: bench/1, form: x }\n")
    return {
        "--help": [binary, "--help"],
        "--version": [binary, "--version"],
        "wrong usage": [binary, "--no-such-option", "--", "/bin/true"],
        "wrong declaration": [binary, "-f", str(wrong), "--", "/bin/true"],
    }


def about(lab, options):
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    commit = rivals.output(["git", "-C", str(ROOT), "describe", "--always", "--dirty"])
    return {
        "machine": f"{os.cpu_count()} cores ({models[0] if models else platform.machine()})",
        "built": f"{rivals.output(['rustc', '--version'])}, {' '.join(platform.libc_ver())}, commit {commit}",
        "date": date.today(),
        "roots": lab.roots,
        "load": round(os.getloadavg()[0], 1),
    }


if __name__ == "__main__":
    main()
