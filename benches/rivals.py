"""The compared tools and how to install them: each tool reads one text of each of N secrets and runs a command."""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

REGION = "us-east-1"
HOST = f"secretsmanager.{REGION}.amazonaws.com"
COUNTS = [1, 4, 20, 100]
COPIES = "copies"
BOTO3 = "boto3==1.43.11"


def secret(number):
    return f"bench/{number}"


def value(number):
    """The value of the key `password` of that secret."""
    return f"value-of-{secret(number)}"


def text(number):
    """A secret for tools that import all keys. Its only key is the name of the variable, with the same value."""
    return f"texts/{number}"


def name(number):
    return f"S_{number}"


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


def say(line):
    print(f"bench: {line}", file=sys.stderr, flush=True)


RIVALS = (sdk, sdk_plain, chamber, secrets_init, summon, vals, curl, boto3, awscli)
