#!/usr/bin/env python3
"""Measures secrets-exec, the floor and other tools that do the same, in one run; `make bench` calls this.

All traffic is local: AWS's host name resolves to a TLS server that counts requests, in a network namespace of its own. Tools and
measurements that this machine does not support are reported as SKIPPED. Results go to docs/benchmarks.{md,svg,json}, or with --quick
to standard output.
"""

import argparse
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

import measure
import report
import rivals
from rivals import say

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
WORK = TARGET / "bench"
MISSING = "SECRETS_BENCH_MISSING"
RTT = 20
COUNTS = [1, 4, 20, 100]
STATIC = f"{platform.machine()}-unknown-linux-musl"


def main():
    options = parse()
    bin_dir = WORK / "release"
    binary = str(Path(options.binary).resolve()) if options.binary else str(TARGET / STATIC / "release/secrets-exec")
    if measure.INSIDE not in os.environ:
        build(options)
    # The namespace has no other network, so nothing can be downloaded after this.
    missing = json.loads(os.environ.get(MISSING, "{}"))
    tools = rivals.find(binary, options.dynamic, str(bin_dir / "floor"), WORK, options.fnox, missing, options.only)
    skipped = [f"{key}: {why}" for key, why in missing.items()]
    if options.build:
        complain(skipped)
        return
    os.environ[MISSING] = json.dumps(missing)
    isolated = measure.enter()
    lab = measure.Lab(bin_dir, WORK, isolated, RTT, options.prefer, skipped)
    try:
        results = run(options, lab, tools, binary, skipped)
    finally:
        lab.stop()
    complain(skipped)
    texts = {"md": report.markdown(results), "svg": report.plot(results), "json": report.raw(results)}
    if options.quick and not options.out:
        print(texts["md"])
        return
    out = Path(options.out or ROOT / "docs")
    out.mkdir(parents=True, exist_ok=True)
    for kind, text in texts.items():
        (out / f"benchmarks.{kind}").write_text(text.replace(str(WORK), "…").replace(str(ROOT), "…"))
    say(f"wrote benchmarks.md, .svg and .json to {out.name}/")


def complain(skipped):
    for line in skipped:
        say(f"SKIPPED {line}")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer runs; prints instead of writing docs/")
    parser.add_argument("--build", action="store_true", help="only build and install the tools")
    parser.add_argument("--binary", help=f"measure this secrets-exec (default: build target/{STATIC}/release/secrets-exec)")
    parser.add_argument("--dynamic", default=os.environ.get("DYNAMIC"), help="a dynamic secrets-exec, measured as well")
    parser.add_argument("--fnox", default=os.environ.get("FNOX"), help="path of fnox, if it is not on PATH")
    parser.add_argument("--only", type=lambda text: text.split(","), help="only these other tools: curl,awscli1,awscli2,boto3,fnox")
    parser.add_argument("--out", help="directory for the results (default: docs)")
    parser.add_argument("--prefer", action="store_true", help="run with a higher priority than other processes (as root)")
    parser.add_argument("--seed", type=int, default=1, help="seed for the order of runs")
    return parser.parse_args()


def build(options):
    WORK.mkdir(parents=True, exist_ok=True)
    cargo = [os.environ.get("CARGO", "cargo"), "build", "--locked", "--release", "--quiet"]
    lab = ["--manifest-path", str(ROOT / "benches/Cargo.toml"), "--target-dir", str(WORK)]
    say("building the floor and the lab")
    subprocess.run([*cargo, *lab], check=True)
    if not options.binary:
        say("building secrets-exec")
        static = ["--manifest-path", str(ROOT / "Cargo.toml"), "--target-dir", str(TARGET), "--target", STATIC]
        compiler = {f"CC_{STATIC.replace('-', '_')}": "musl-gcc"}
        subprocess.run([*cargo, *static], check=True, cwd=ROOT, env=os.environ | compiler)


def run(options, lab, tools, binary, skipped):
    for tool in list(tools):
        if wrong := lab.check(tool, 4):
            skipped.append(f"{tool.key}: does not deliver the values: {wrong}")
            tools.remove(tool)
    at_once = ends_at_once(binary, lab)
    loads = [os.getloadavg()[0]]
    samples = take(options, lab, tools, at_once)
    loads.append(os.getloadavg()[0])
    say("counting instructions, system calls and DNS lookups")
    results = {
        "about": about(lab, tools, options) | {"load": [round(load, 1) for load in loads]},
        "timed": summarize(samples),
        "sizes": {tool.key: tool.size for tool in tools if tool.size},
        "instructions": count_instructions(lab, tools, at_once, skipped),
        "start": count_start(lab, tools, at_once, skipped),
        # Last, because it replaces /etc/resolv.conf and /etc/nsswitch.conf.
        "look_ups": count_look_ups(lab, tools, skipped),
        "skipped": skipped,
    }
    return results


def ends_at_once(binary, lab):
    """Runs that end without a request."""
    wrong = WORK / "wrong.yaml"
    wrong.write_text("env:\n  A: { from: bench/1, form: x }\n")
    environment = lab.environment(rivals.Tool("none", "", None))
    words = {
        "--help": (["--help"], 0),
        "--version": (["--version"], 0),
        "wrong usage": (["--no-such-option", "--", "/bin/true"], 64),
        "wrong declaration": (["-f", str(wrong), "--", "/bin/true"], 78),
    }
    return {key: ([binary, *arguments], environment, status) for key, (arguments, status) in words.items()}


def take(options, lab, tools, at_once):
    """Rounds of all cases, each in a new random order, so that other work on the machine affects all cases alike."""
    rounds, slow_every, warm = (12, 6, 1) if options.quick else (60, 10, 2)
    cases = []
    for tool in tools:
        for count in [1, 4] if tool.few else COUNTS:
            rtts = [0] if options.quick and tool.slow else lab.servers
            cases.extend((tool.slow, tool.key, count, rtt, tool) for rtt in rtts)
    jobs = {"/bin/true": (lab.job("true", ["/bin/true"], {"PATH": "/usr/bin:/bin"}), 0)}
    for key, (arguments, environment, status) in at_once.items():
        jobs[key] = (lab.job(key.replace(" ", "-"), arguments, environment), status)
    cases.extend((False, key, 0, 0, job) for key, job in jobs.items())
    samples = {}
    chance = random.Random(options.seed)
    for number in range(-warm, rounds):
        say(f"round {number + 1} of {rounds}") if number % 10 == 0 else None
        chance.shuffle(cases)
        for slow, key, count, rtt, what in cases:
            if slow and (number < 0 or number % slow_every):
                continue
            if isinstance(what, rivals.Tool):
                sample, status = lab.sample(what, count, rtt), 0
            else:
                sample, status = lab.time(what[0]), what[1]
            if sample.pop("status") != status:
                raise SystemExit(f"bench: {key}, {count} secrets: wrong exit status: {lab.last_complaint()}")
            if number >= 0:
                samples.setdefault((key, count, rtt), []).append(sample)
    return samples


def summarize(samples):
    rows = []
    for (key, count, rtt), taken in sorted(samples.items()):
        row = {"tool": key, "secrets": count, "rtt": rtt, "runs": len(taken)}
        for what in taken[0]:
            values = sorted(sample[what] for sample in taken)
            quarter = values[len(values) // 4], values[(3 * len(values)) // 4]
            row[what] = {
                "median": round(statistics.median(values), 3),
                "quartiles": [round(value, 3) for value in quarter],
                "least": round(values[0], 3),
                "most": round(values[-1], 3),
            }
        rows.append(row)
    return rows


def count_instructions(lab, tools, at_once, skipped):
    if not shutil.which("valgrind"):
        skipped.append("instruction counts: valgrind is not installed")
        return {}
    found = {}
    lab.go_to(0)
    # A command that execve refuses, so that the count ends where the command would start: a static binary has no symbol `execve`
    # for callgrind to stop at. secrets-exec looks the command up before any request, so the file must exist and be executable. The
    # floor uses the C library's execvp, which would run such a file with the shell, so it gets a directory.
    refused = WORK / "refused"
    refused.write_bytes(b"\0")
    refused.chmod(0o755)
    for tool in tools:
        if tool.key in ("secrets-exec", "cached", "bundle", "dynamic", "floor"):
            for count in COUNTS:
                arguments = [*tool.arguments(count), str(WORK if tool.key == "floor" else refused)]
                found[f"{tool.key}, {count}"] = measure.instructions(lab, arguments, lab.environment(tool), WORK)
    for key, (arguments, environment, _) in at_once.items():
        found[key] = measure.instructions(lab, arguments, environment, WORK)
    return found


def count_start(lab, tools, at_once, skipped):
    if not shutil.which("strace"):
        skipped.append("system calls: strace is not installed")
        return {}
    lab.go_to(0)
    before, touched = {}, {}
    for tool in tools:
        if not tool.few and lab.isolated:
            arguments = [*tool.arguments(1), "/bin/true"]
            before[tool.key] = measure.before_first_packet(arguments, lab.environment(tool), WORK)
    for key, (arguments, environment, _) in at_once.items():
        touched[key] = measure.touches(arguments, environment, WORK)
    return {"before the first packet": before, "touched": touched}


def count_look_ups(lab, tools, skipped):
    try:
        return measure.look_ups(lab, [tool for tool in tools if not tool.slow], [1, 4], WORK) if lab.isolated else {}
    except (OSError, subprocess.CalledProcessError) as error:
        skipped.append(f"DNS: {error}")
        return {}


def about(lab, tools, options):
    def told(command):
        try:
            return rivals.output(command).splitlines()[0]
        except (OSError, subprocess.CalledProcessError, IndexError):
            return "unknown"

    models = [line.split(":", 1)[1].strip() for line in cpu_lines() if line.startswith("model name")]
    return {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        "cores": os.cpu_count(),
        "cpu": models[0] if models else platform.machine(),
        "commit": told(["git", "-C", str(ROOT), "describe", "--always", "--dirty"]),
        "binary": "given" if options.binary else "built",
        "rustc": told(["rustc", "--version"]),
        "libc": " ".join(platform.libc_ver()),
        "roots": lab.roots,
        "quick": options.quick,
        "preferred": options.prefer,
        "isolated": lab.isolated,
        "rtts": sorted(lab.servers),
        "connecting": {str(rtt): round(lab.connecting(rtt), 3) for rtt in lab.servers},
        "tools": {tool.key: {"title": tool.title, "version": tool.version} for tool in tools},
    }


def cpu_lines():
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


if __name__ == "__main__":
    sys.exit(main())
