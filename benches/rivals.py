"""The compared tools and how to install them: each tool reads one key of each of N secrets and becomes a command."""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

REGION = "us-east-1"
HOST = f"secretsmanager.{REGION}.amazonaws.com"
HERE = Path(__file__).resolve().parent
# PyPI has version 1 of the AWS CLI, not version 2.
PYPI = {"awscli": "awscli==1.45.11", "boto3": "boto3==1.43.11"}
# Debian's AWS CLI 2 and its imports, unpacked into the work directory, not installed.
DEBIAN = """awscli python3-awscrt python3-cffi-backend python3-colorama python3-cryptography python3-dateutil python3-distro
python3-docutils python3-jmespath python3-prompt-toolkit python3-pyasn1 python3-roman python3-ruamel.yaml
python3-ruamel.yaml.clib python3-six python3-urllib3 python3-wcwidth""".split()
FNOX = "1.39.0"


def secret(number):
    return f"bench/{number}"


def value(number):
    """The value of the key `password` of that secret."""
    return f"value-of-{secret(number)}"


def name(number):
    return f"S_{number}"


class Tool:
    """`slow` tools are measured less often and only with 1 and 4 secrets."""

    def __init__(self, key, title, arguments, environment=None, slow=False, few=False, size=None, version=""):
        self.key, self.title, self.arguments = key, title, arguments
        self.environment = environment or {}
        self.slow, self.few, self.size, self.version = slow, few or slow, size, version


def find(binary, dynamic, floor, work, fnox, missing, only=None):
    """The tools that are available. `missing` maps tools known to be unavailable to the reason; further ones are added."""
    tools = [launcher("secrets-exec", "secrets-exec", binary)]
    if dynamic:
        tools.append(launcher("dynamic", "secrets-exec, dynamic", str(Path(dynamic).resolve())))
    else:
        missing["dynamic"] = "no dynamic secrets-exec was given (DYNAMIC=…)"
    # The unmeasured rounds fill it.
    cache = tempfile.mkdtemp(prefix="secrets-exec-bench-", dir="/dev/shm")
    atexit.register(shutil.rmtree, cache, ignore_errors=True)
    tools.append(launcher("cached", "secrets-exec, from --cache", binary, "--cache", cache, "--cache-ttl", "1day"))
    tools.append(launcher("bundle", "secrets-exec, with a bundle", binary))
    size = Path(floor).stat().st_size
    tools.append(Tool("floor", "the floor", lambda count: [floor, *references(count), "--"], size=size))
    for key, make in [("curl", curl), ("fnox", fnox_tool), ("boto3", boto3), ("awscli2", awscli2), ("awscli1", awscli1)]:
        if only and key not in only:
            missing[key] = "not selected"
        if key in missing:
            continue
        try:
            tools.append(make(work, fnox))
        except subprocess.CalledProcessError as error:
            missing[key] = f"{Path(error.cmd[0]).name} failed"
        except (Unavailable, OSError) as error:
            missing[key] = str(error)
    return tools


class Unavailable(Exception):
    pass


def references(count):
    return [f"{name(number)}={secret(number)}:password" for number in range(1, count + 1)]


def launcher(key, title, binary, *options):
    def arguments(count):
        entries = [word for reference in references(count) for word in ("--env", reference)]
        return [binary, "--no-file", *options, *entries, "--"]

    version = output([binary, "--version"]).split()[-1]
    return Tool(key, title, arguments, size=Path(binary).stat().st_size, version=version)


def output(command, **more):
    return subprocess.run(command, check=True, capture_output=True, text=True, **more).stdout.strip()


def need(*programs):
    for program in programs:
        if not shutil.which(program, path="/usr/bin:/bin"):
            raise Unavailable(f"{program} is not installed")


def script(work, stem, interpreter, lines):
    """Writes one script for each count; the arguments are the interpreter's and the script's path."""

    def arguments(count):
        path = work / f"{stem}-{count}"
        path.write_text("\n".join(lines(count)) + "\n")
        return [*interpreter, str(path)]

    return arguments


def by_shell(work, stem, get):
    def lines(count):
        yield "set -euo pipefail"
        yield get
        for number in range(1, count + 1):
            yield f"{name(number)}=$(get {secret(number)}); export {name(number)}"
        yield 'exec "$@"'

    return script(work, stem, ["/bin/bash"], lines)


def curl(work, _):
    need("curl", "jq", "bash")
    if "--aws-sigv4" not in output(["/usr/bin/curl", "--help", "all"]):
        raise Unavailable("this curl has no --aws-sigv4")
    get = """get() {
  curl -sS --fail --cacert "$AWS_CA_BUNDLE" --aws-sigv4 "aws:amz:$AWS_REGION:secretsmanager" \\
    --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" -H 'Content-Type: application/x-amz-json-1.1' \\
    -H 'X-Amz-Target: secretsmanager.GetSecretValue' -d "{\\"SecretId\\":\\"$1\\"}" \\
    "${AWS_ENDPOINT_URL:-https://secretsmanager.$AWS_REGION.amazonaws.com}/" | jq -r '.SecretString | fromjson | .password'
}"""
    version = output(["/usr/bin/curl", "--version"]).split()[1]
    return Tool("curl", "bash + curl --aws-sigv4 + jq", by_shell(work, "curl", get), few=True, version=version)


def by_aws_cli(work, key, title, aws, environment, version, size):
    need("jq", "bash")
    call = "aws secretsmanager get-secret-value --secret-id \"$1\" --query SecretString --output text | jq -r .password"
    get = f'aws() {{ {aws} "$@"; }}\nget() {{ {call}; }}'
    return Tool(key, title, by_shell(work, key, get), environment, slow=True, version=version, size=size)


def venv(work, package):
    path = work / f"venv-{package}"
    stamp = path / "complete"
    if not (stamp.exists() and stamp.read_text() == PYPI[package]):
        say(f"installing {PYPI[package]} from PyPI")
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(path)], check=True)
        pip = [str(path / "bin/pip"), "install", "--quiet", "--disable-pip-version-check", PYPI[package]]
        subprocess.run(pip, check=True)
        subprocess.run([str(path / "bin/pip"), "uninstall", "--quiet", "--yes", "pip", "setuptools"], check=True)
        stamp.write_text(PYPI[package])
    return path


def awscli1(work, _):
    path = venv(work, "awscli")
    version = output([str(path / "bin/aws"), "--version"], env={"PATH": "/usr/bin:/bin"}).split()[0].split("/")[1]
    aws = f"{path}/bin/aws"
    return by_aws_cli(work, "awscli1", "bash + awscli 1 + jq", aws, {}, version, tree_size(path))


def awscli2(work, _):
    """The installed AWS CLI 2, else Debian's."""
    for place in ("/usr/local/bin/aws", "/usr/bin/aws"):
        if os.access(place, os.X_OK):
            version = output([place, "--version"], env={"PATH": "/usr/bin:/bin"}).split()[0].split("/")[1]
            if version.startswith("2."):
                return by_aws_cli(work, "awscli2", "bash + awscli 2 + jq", place, {}, version, None)
    if not shutil.which("apt-get") or not os.access("/usr/bin/python3", os.X_OK):
        raise Unavailable("not installed, and there is no Debian package to use")
    root = work / "awscli2"
    if not (root / "complete").exists():
        say("unpacking Debian's awscli 2")
        root.mkdir(exist_ok=True)
        subprocess.run(["apt-get", "download", "-qq", *DEBIAN], check=True, cwd=root, stderr=subprocess.DEVNULL)
        for package in root.glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", str(package), str(root)], check=True)
            package.unlink()
        (root / "complete").touch()
    environment = {"PYTHONPATH": f"{root}/usr/lib/python3/dist-packages"}
    aws = f"/usr/bin/python3 {root}/usr/bin/aws"
    told = output(aws.split() + ["--version"], env={"PATH": "/usr/bin:/bin", **environment})
    version = told.split()[0].split("/")[1]
    return by_aws_cli(work, "awscli2", "bash + awscli 2 + jq", aws, environment, version, tree_size(root))


def boto3(work, _):
    path = venv(work, "boto3")

    def lines(count):
        yield "import json, os, sys"
        yield "import boto3"
        yield 'client = boto3.client("secretsmanager")'
        yield f"for number in range(1, {count} + 1):"
        yield f'    answer = client.get_secret_value(SecretId=f"{secret("{number}")}")'
        yield f'    os.environ[f"{name("{number}")}"] = json.loads(answer["SecretString"])["password"]'
        yield "os.execvp(sys.argv[1], sys.argv[1:])"

    version = PYPI["boto3"].split("==")[1]
    arguments = script(work, "boto3", [str(path / "bin/python")], lines)
    return Tool("boto3", "Python, boto3, one process", arguments, slow=True, version=version, size=tree_size(path))


def fnox_tool(work, fnox):
    binary = shutil.which(fnox or "fnox")
    if not binary:
        raise Unavailable(
            f"not installed; `cargo install fnox --version {FNOX} --locked` (needs libudev-dev) takes at least ten minutes; "
            "then set FNOX=…"
        )

    def arguments(count):
        path = work / f"fnox-{count}.toml"
        lines = ["[providers.aws]", 'type = "aws-sm"', f'region = "{REGION}"', "", "[secrets]"]
        for number in range(1, count + 1):
            entry = f'provider = "aws", value = "{secret(number)}", json_path = "password"'
            lines.append(f"{name(number)} = {{ {entry} }}")
        path.write_text("\n".join(lines) + "\n")
        return [binary, "--config", str(path), "exec", "--replace", "--"]

    version = output([binary, "--version"]).split()[-1]
    return Tool("fnox", "fnox exec --replace", arguments, few=True, version=version, size=Path(binary).stat().st_size)


def tree_size(path):
    return sum(file.stat().st_size for file in Path(path).rglob("*") if file.is_file() and not file.is_symlink())


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)
