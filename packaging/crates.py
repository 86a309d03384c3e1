#!/usr/bin/env python3
"""Prints which crates a target's binary is built from, as licence notices or as an SBOM (CycloneDX 1.5).

    packaging/crates.py notices TARGET
    packaging/crates.py sbom TARGET BINARY

The list comes from `cargo tree`: the normal dependencies with the features that a build turns on, including procedural
macros. Crates that are used only by build scripts or tests are left out. Rust's standard library, musl and an unwinder are
linked into the binary, too, so they are added.
"""

import datetime
import hashlib
import json
import os
import platform
import re
import subprocess
import sys
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LICENCE_FILES = re.compile(r"(LICEN[CS]E|COPYING|COPYRIGHT|NOTICE|UNLICENSE)", re.IGNORECASE)


def output_of(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def is_native(target):
    return target == platform.machine() + "-unknown-linux-musl"


def musl(target):
    """Returns the version of musl in the library that is linked, which is Rust's or Zig's."""
    if is_native(target):
        library = Path(output_of("rustc", "--print", "target-libdir", "--target", target), "self-contained/libc.a")
        return re.search(rb"\0(\d+\.\d+\.\d+)\0", library.read_bytes())[1].decode()
    zig = output_of(os.environ["ZIG_PYTHON"], "-c", "import ziglang; print(*ziglang.__path__)")
    return re.search(r'"(.+)"', Path(zig, "lib/libc/musl/src/internal/version.h").read_text())[1]


def cargo(*arguments):
    command = [os.environ.get("CARGO", "cargo"), *arguments, "--locked"]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def packages(target):
    """Returns the package of this directory, the packages from registries that it is built from, sorted by name, and who depends on whom."""
    tree = cargo("tree", "--edges=normal", "--target", target, "--prefix=none", "--format={p}")
    used = {tuple(line.split()[:2]) for line in tree.splitlines() if line}
    metadata = json.loads(cargo("metadata", "--format-version=1", "--filter-platform", target))
    by_id = {package["id"]: package for package in metadata["packages"]}
    root = by_id[metadata["resolve"]["root"]]
    others = {(package["name"], "v" + package["version"]): key for key, package in by_id.items() if package["source"]}
    found = {key: by_id[key] for name, key in others.items() if name in used} | {root["id"]: root}
    edges = {
        node["id"]: [
            edge["pkg"]
            for edge in node["deps"]
            if edge["pkg"] in found and any(kind["kind"] is None for kind in edge["dep_kinds"])
        ]
        for node in metadata["resolve"]["nodes"]
        if node["id"] in found
    }
    others = sorted((package for package in found.values() if package is not root), key=name_and_version)
    return root, others, edges


def name_and_version(package):
    return package["name"], package["version"]


def licence_texts(package):
    """Returns the texts of all licence files in the crate. Vendored sources can have their own, so all folders are searched."""
    directory = Path(package["manifest_path"]).parent
    named = [
        path
        for path in sorted(directory.rglob("*"))
        if path.is_file()
        and path.suffix not in (".rs", ".py")
        and (LICENCE_FILES.match(path.name) or path.parent.name == ".licenses")
    ]
    return [path.read_text(encoding="utf-8", errors="replace").strip() for path in named]


def standard_text(package):
    if "MIT" not in re.split(r"\W+", package["license"]):
        sys.exit(f"{package['name']}: it has no licence file, and we have no standard text for {package['license']}")
    ours = (ROOT / "LICENSE-MIT").read_text()
    authors = ", ".join(package["authors"]) or f"the authors of {package['name']} ({package['repository']})"
    return re.sub(r"^Copyright .*$", f"Copyright (c) {authors}", ours, flags=re.MULTILINE).strip()


def notices(target):
    """Prints each licence text once, below the names of the crates that have it."""
    _, others, _ = packages(target)
    crates_by_text = {}
    without_text = []
    for package in others:
        texts = licence_texts(package)
        for text in texts:
            # Texts that only differ in their line breaks are the same.
            key = " ".join(text.split())
            crates_by_text.setdefault(key, (text, []))[1].append(package)
        if not texts:
            without_text.append(package)
    print("secrets-exec contains the software below, each under its own licence.\n")
    for package in others:
        print(f"{package['name']} {package['version']}: {package['license']}")
    print()
    print((ROOT / "packaging/linked-libraries.txt").read_text().strip())
    if target.endswith("-musl"):
        print(f"\n{'=' * 80}\nmusl {musl(target)}\n")
        print((ROOT / "packaging/musl-COPYRIGHT").read_text().strip())
    for package in without_text:
        print(f"\n{'=' * 80}\n{package['name']} {package['version']}\n")
        print(f"The crate comes without the text of its licence, {package['license']}, which is this.\n")
        print(standard_text(package))
    for text, crates in sorted(crates_by_text.values(), key=lambda pair: name_and_version(pair[1][0])):
        print(f"\n{'=' * 80}\n{', '.join(crate['name'] + ' ' + crate['version'] for crate in crates)}\n")
        print(text)


def checksums():
    """Returns the SHA-256 of each crate's archive, from Cargo.lock."""
    blocks = (ROOT / "Cargo.lock").read_text().split("[[package]]")
    found = {}
    for block in blocks:
        values = dict(re.findall(r'^(name|version|checksum) = "(.*)"$', block, re.MULTILINE))
        if "checksum" in values:
            found[values["name"], values["version"]] = values["checksum"]
    return found


def purl(package):
    # In a package URL, the `+` of a version is percent-encoded.
    return f"pkg:cargo/{package['name']}@{package['version'].replace('+', '%2B')}"


def component(package, kind, checksum):
    described = {
        "type": kind,
        "bom-ref": purl(package),
        "name": package["name"],
        "version": package["version"],
        "purl": purl(package),
    }
    if package["license"]:
        # Cargo's older way to write OR is a slash between two licences.
        described["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
    if checksum:
        described["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    if package["description"]:
        described["description"] = " ".join(package["description"].split())
    if package["repository"]:
        described["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return described


def linked(target):
    """Yields the libraries that are linked, but are not crates in Cargo.lock."""
    release = output_of("rustc", "--version").split()[1]
    yield {
        "type": "library",
        "bom-ref": f"pkg:generic/rust-std@{release}",
        "name": "rust-std",
        "version": release,
        "purl": f"pkg:generic/rust-std@{release}",
        "licenses": [{"expression": "MIT OR Apache-2.0"}],
        "description": "The standard library of Rust",
    }
    if target.endswith("-musl"):
        zig = re.search(r"^ziglang==(\S+)", (ROOT / "packaging/requirements.txt").read_text(), re.MULTILINE)[1]
        origin = f"Rust {release}" if is_native(target) else f"Zig {zig}"
        version = musl(target)
        yield {
            "type": "library",
            "bom-ref": f"pkg:generic/musl@{version}",
            "name": "musl",
            "version": version,
            "purl": f"pkg:generic/musl@{version}",
            "licenses": [{"license": {"id": "MIT"}}],
            "description": f"The C library, as {origin} has it",
        }
        yield {
            "type": "library",
            "bom-ref": "pkg:generic/llvm-libunwind",
            "name": "llvm-libunwind",
            "purl": "pkg:generic/llvm-libunwind",
            "licenses": [{"expression": "Apache-2.0 WITH LLVM-exception"}],
            "description": f"The unwinder of panics, as {origin} has it",
        }


def sbom(target, binary):
    root, others, edges = packages(target)
    sums = checksums()
    moment = datetime.datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), datetime.UTC)
    libraries = list(linked(target))
    purls = {package["id"]: purl(package) for package in [root, *others]}
    dependencies = [
        {"ref": purls[package["id"]], "dependsOn": sorted(purls[key] for key in edges[package["id"]])}
        for package in [root, *others]
    ]
    dependencies[0]["dependsOn"] += [library["bom-ref"] for library in libraries]
    authors = {"name": root["metadata"]["deb"]["maintainer"].split(" <")[0]}
    described = component(root, "application", hashlib.sha256(Path(binary).read_bytes()).hexdigest())
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "tools": {"components": [{"type": "application", "name": "packaging/crates.py"}]},
            "authors": [authors],
            "component": described,
            "supplier": authors,
            "properties": [{"name": "target", "value": target}],
        },
        "components": [component(package, "library", sums.get(name_and_version(package))) for package in others]
        + libraries,
        "dependencies": dependencies,
    }
    # The number is made from the contents, so that the same build always has the same number.
    document["serialNumber"] = "urn:uuid:" + str(uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(document)))
    json.dump(document, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["notices", target]:
            notices(target)
        case ["sbom", target, binary]:
            sbom(target, binary)
        case _:
            sys.exit(__doc__)
