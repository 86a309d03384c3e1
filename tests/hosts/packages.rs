//! The packages of `make dist`. `tests/dist/run` builds them in two different directories, and is
//! the only one that runs these tests.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::podman::{self, Container};
use crate::docs::page::Page;
use crate::support::directory::{Directory, names_in};
use crate::support::sandbox::repository_file;
use crate::support::skip::can;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The folder in an environment variable that `tests/dist/run` sets.
fn folder(variable: &str) -> PathBuf {
    std::env::var_os(variable)
        .expect("tests/dist/run sets it")
        .into()
}

/// The folder of the packages.
fn dist() -> PathBuf {
    folder("SECRETS_EXEC_DIST")
}

/// The names of the files in the folder of packages that have this ending.
fn named(ending: &str) -> Vec<String> {
    let entries = fs::read_dir(dist())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = entries.filter(|name| name.ends_with(ending)).collect();
    names.sort();
    assert!(!names.is_empty(), "no {ending}");
    names
}

/// Runs a program in the folder of packages, asserts that it succeeds, and returns what it prints.
fn output_of(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(dist())
        .env("LC_ALL", "C")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// An unpacked archive.
struct Archive {
    name: String,
    directory: Directory,
}

impl Archive {
    fn unpack(name: String) -> Self {
        let directory = Directory::new();
        output_of(
            "tar",
            &["-xzf", &name, "-C", directory.path().to_str().unwrap()],
        );
        Self { name, directory }
    }

    fn all() -> impl Iterator<Item = Self> {
        named(".tar.gz").into_iter().map(Self::unpack)
    }

    /// The archive for the architecture of this machine.
    fn native() -> Self {
        Self::unpack(native())
    }

    fn folder(&self) -> PathBuf {
        self.directory
            .path()
            .join(self.name.strip_suffix(".tar.gz").unwrap())
    }

    fn binary(&self) -> String {
        self.folder()
            .join("secrets-exec")
            .into_os_string()
            .into_string()
            .unwrap()
    }

    /// The bytes of the binary as text. Each byte that isn't ASCII is replaced by a NUL.
    fn text(&self) -> String {
        let bytes = fs::read(self.binary()).unwrap();
        bytes
            .into_iter()
            .map(|byte| {
                if byte.is_ascii() {
                    char::from(byte)
                } else {
                    '\0'
                }
            })
            .collect()
    }

    /// The components that its SBOM lists.
    fn components(&self) -> Vec<(String, Option<String>)> {
        components(&self.sbom())
    }

    /// The name of the archive's SBOM.
    fn sbom(&self) -> String {
        self.name.replace(".tar.gz", ".cdx.json")
    }
}

/// The name of the archive for the architecture of this machine.
fn native() -> String {
    format!(
        "secrets-exec-{VERSION}-{}-unknown-linux-musl.tar.gz",
        std::env::consts::ARCH
    )
}

#[test]
#[ignore = "by make test-all"]
fn packages_that_are_built_in_two_directories_have_the_same_hashes() {
    let sums = |folder: PathBuf| fs::read_to_string(folder.join("SHA256SUMS")).unwrap();
    let once = sums(dist());
    assert!(once.contains(&native()), "{once}");
    assert_eq!(once, sums(folder("SECRETS_EXEC_DIST_AGAIN")));
}

#[test]
#[ignore = "by make test-all"]
fn the_checksum_file_of_a_release_has_the_right_checksum_for_every_file() {
    let checked = output_of("sha256sum", &["--check", "SHA256SUMS"]);
    let checked: Vec<_> = checked
        .lines()
        .map(|line| line.strip_suffix(": OK").unwrap().to_owned())
        .collect();
    let others: Vec<_> = named("")
        .into_iter()
        .filter(|name| name != "SHA256SUMS")
        .collect();
    assert_eq!(BTreeSet::from_iter(checked), BTreeSet::from_iter(others));
}

/// The files of an archive besides the binary and the pages.
const FILES: &str = "README.md CHANGELOG.md SECURITY.md secrets-exec.1 completions/secrets-exec.bash completions/_secrets-exec \
    completions/secrets-exec.fish LICENSE LICENSE-APACHE LICENSE-MIT THIRD-PARTY-NOTICES secrets-exec.schema.json";

/// Parses a listing of tar. Returns the mode and the owner of each file by its path.
fn listed(listing: &str) -> BTreeMap<String, String> {
    let lines = listing
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    let files = lines.filter(|words| !words[5].ends_with('/'));
    files
        .map(|words| (words[5].to_owned(), words[..2].join(" ")))
        .collect()
}

/// The files that a folder must have, in the form of [`listed`]. Only the binary may be executable.
fn expected(
    folder: &str,
    binary: &str,
    paths: impl IntoIterator<Item = String>,
) -> BTreeMap<String, String> {
    let files = paths
        .into_iter()
        .map(|path| (format!("{folder}/{path}"), "-rw-r--r-- 0/0".to_owned()));
    files
        .chain([(format!("{folder}/{binary}"), "-rwxr-xr-x 0/0".to_owned())])
        .collect()
}

#[test]
#[ignore = "by make test-all"]
fn a_release_archive_contains_the_binary_the_man_page_completions_and_licences() {
    for archive in named(".tar.gz") {
        let paths = FILES
            .split(' ')
            .map(str::to_owned)
            .chain(pages().into_iter().map(|page| format!("docs/{page}")));
        let expected = expected(
            archive.strip_suffix(".tar.gz").unwrap(),
            "secrets-exec",
            paths,
        );
        assert_eq!(listed(&output_of("tar", &["-tzvf", &archive])), expected);
    }
}

/// The paths of the pages and pictures below `docs/`.
fn pages() -> Vec<String> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let pages = names_in(&docs)
        .into_iter()
        .filter(|name| name.ends_with(".md"));
    let pictures = names_in(&docs.join("img"))
        .into_iter()
        .map(|name| format!("img/{name}"));
    pages.chain(pictures).collect()
}

/// Asserts that every link between the pages below a folder leads to a file there.
fn links_lead_to_files(folder: &Path) {
    let mut count = 0;
    for page in pages()
        .iter()
        .map(|page| format!("docs/{page}"))
        .chain(["README.md".into(), "SECURITY.md".into()])
    {
        let text = fs::read_to_string(folder.join(&page)).unwrap();
        let targets = text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split_once(')')?.0.split('#').next());
        for target in targets.filter(|target| !target.is_empty() && !target.contains([':', ' '])) {
            let path = folder.join(&page).parent().unwrap().join(target);
            assert!(path.exists(), "{page}: {target}");
            count += 1;
        }
    }
    assert!(count > 50, "{count} links");
}

#[test]
#[ignore = "by make test-all"]
fn every_link_in_the_pages_of_a_package_leads_to_a_file() {
    links_lead_to_files(&Archive::native().folder());
    let directory = Directory::new();
    output_of(
        "dpkg-deb",
        &["--extract", &deb(), directory.path().to_str().unwrap()],
    );
    links_lead_to_files(&directory.path().join("usr/share/doc/secrets-exec"));
}

#[test]
#[ignore = "by make test-all"]
fn docs_releases_md_names_only_files_that_a_release_has() {
    let page = repository_file("docs/releases.md");
    let words = page.split(|c: char| c.is_whitespace() || "`:".contains(c));
    let named: BTreeSet<_> = words
        .filter(|word| word.starts_with("secrets-exec") && word.contains("0.1.0"))
        .collect();
    assert_eq!(named.len(), 5, "{named:?}");
    for name in named {
        assert!(
            dist().join(name.replace("0.1.0", VERSION)).exists(),
            "{name}"
        );
    }
}

#[test]
#[ignore = "by make test-all"]
fn cargo_binstall_finds_the_archives_at_the_addresses_of_the_release() {
    let manifest = repository_file("Cargo.toml");
    let template = |key: &str| {
        let line = manifest
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{key} = ")))
            .unwrap()
            .trim_matches('"');
        let line = line
            .replace("{ name }", "secrets-exec")
            .replace("{ bin }", "secrets-exec");
        line.replace("{ version }", VERSION).replace(
            "{ target }",
            &format!("{}-unknown-linux-musl", std::env::consts::ARCH),
        )
    };
    assert_eq!(
        template("pkg-url"),
        format!("{{ repo }}/releases/download/v{VERSION}/{}", native())
    );
    assert!(
        Archive::native()
            .directory
            .path()
            .join(template("bin-dir"))
            .exists()
    );
}

#[test]
#[ignore = "by make test-all"]
fn the_lines_that_docs_ci_md_shows_install_the_binary() {
    if podman::works() {
        let page = Page::read("docs/ci.md");
        let step = page
            .blocks("yaml")
            .into_iter()
            .find(|block| block.contains("gh attestation"))
            .unwrap();
        let lines = step
            .lines()
            .skip(1)
            .take_while(|line| line.starts_with("    "))
            .collect::<Vec<_>>()
            .join("\n");
        // A stand-in for `gh` that copies the archive instead of downloading it, because there is
        // no account here.
        let gh = "case $1 in release) cp /dist/*-\"$(uname -m)\"-unknown-linux-musl.tar.gz . ;; esac; echo \"$*\" >>/asked";
        let script = format!(
            "cd /root; gh() {{ {gh}; }}; sudo() {{ \"$@\"; }}\n{lines}\nsecrets-exec --version; grep -c OWNER /asked"
        );
        assert_eq!(in_debian(&script), format!("secrets-exec {VERSION}\n2\n"));
    }
}

#[test]
#[ignore = "by make test-all"]
fn each_lambda_layer_has_the_binary_of_the_release_archive_and_the_wrapper_at_its_root() {
    for (machine, layer) in [("x86_64", "x86_64"), ("aarch64", "arm64")] {
        let layer = format!("secrets-exec-{VERSION}-lambda-{layer}.zip");
        let listing = output_of("unzip", &["-Z", "-s", &layer]);
        let files: Vec<_> = listing
            .lines()
            .filter(|line| line.starts_with('-'))
            .map(|line| {
                let words: Vec<_> = line.split_whitespace().collect();
                [words[0], words[words.len() - 1]].join(" ")
            })
            .collect();
        let expected = ["-rwxr-xr-x secrets-exec", "-rwxr-xr-x secrets-exec-wrapper"];
        assert_eq!(files, expected, "{listing}");

        let directory = Directory::new();
        let folder = directory.path();
        output_of("unzip", &["-q", &layer, "-d", folder.to_str().unwrap()]);
        let archive = Archive::unpack(format!(
            "secrets-exec-{VERSION}-{machine}-unknown-linux-musl.tar.gz"
        ));
        let binary = fs::read(folder.join("secrets-exec")).unwrap();
        assert!(binary == fs::read(archive.binary()).unwrap());
        let wrapper = fs::read_to_string(folder.join("secrets-exec-wrapper")).unwrap();
        assert_eq!(wrapper, repository_file("packaging/secrets-exec-wrapper"));
    }
}

/// Reads a file from the archive of the image.
fn blob(digest: &str) -> Vec<u8> {
    let archive = dist().join(format!("secrets-exec-{VERSION}-oci.tar"));
    let path = format!("blobs/{}", digest.replace(':', "/"));
    let output = Command::new("tar")
        .args(["--extract", "--to-stdout", "--file"])
        .arg(archive)
        .arg(path)
        .output()
        .unwrap();
    output.stdout
}

/// Asserts that the labels are those by which Renovate and a registry find the release and its
/// source. Before the first release, Cargo.toml doesn't have a repository.
fn assert_has_labels(labels: &Value) {
    let manifest = repository_file("Cargo.toml");
    let package = |key: &str| {
        let prefix = format!("{key} = \"");
        let value = manifest.lines().find_map(|line| line.strip_prefix(&prefix));
        value.map(|value| value.trim_end_matches('"').to_owned())
    };
    let revision = Command::new("git")
        .args(["-C", env!("CARGO_MANIFEST_DIR"), "rev-parse", "HEAD"])
        .output()
        .unwrap();
    let revision = String::from_utf8(revision.stdout)
        .unwrap()
        .trim()
        .to_owned();
    let expected = [
        ("title", package("name")),
        ("description", package("description")),
        ("version", Some(VERSION.to_owned())),
        ("source", package("repository")),
        ("revision", Some(revision)),
        ("licenses", package("license")),
    ];
    let expected: BTreeMap<_, _> = expected
        .into_iter()
        .filter_map(|(key, value)| Some((format!("org.opencontainers.image.{key}"), value?)))
        .collect();
    assert_eq!(*labels, serde_json::json!(expected));
}

#[test]
#[ignore = "by make test-all"]
fn for_each_architecture_the_container_image_has_the_same_binary_as_the_release_archive() {
    let archive = format!("secrets-exec-{VERSION}-oci.tar");
    let read = |content: &[u8]| serde_json::from_slice::<Value>(content).unwrap();
    let digest = |value: &Value| value["digest"].as_str().unwrap().to_owned();
    let index = output_of(
        "tar",
        &["--extract", "--to-stdout", "--file", &archive, "index.json"],
    );
    let named = read(index.as_bytes())["manifests"].clone();
    // The version is the only tag, because nothing may move it.
    assert_eq!(named.as_array().unwrap().len(), 1, "{named}");
    let tag = &named[0]["annotations"]["org.opencontainers.image.ref.name"];
    assert_eq!(*tag, format!("secrets-exec:{VERSION}"));
    let index = read(&blob(&digest(&named[0])));
    let manifests = index["manifests"].as_array().unwrap();
    assert_eq!(manifests.len(), 2, "{index}");
    for manifest in manifests {
        let machine = if manifest["platform"]["architecture"] == "arm64" {
            "aarch64"
        } else {
            "x86_64"
        };
        let manifest = read(&blob(&digest(manifest)));
        let config = read(&blob(&digest(&manifest["config"])));
        assert_has_labels(&config["config"]["Labels"]);
        assert_eq!(manifest["layers"].as_array().unwrap().len(), 1);
        let directory = Directory::new();
        fs::write(
            directory.path().join("layer"),
            blob(&digest(&manifest["layers"][0])),
        )
        .unwrap();
        let layer = directory.path().to_str().unwrap();
        let listing = output_of("tar", &["-tzvf", &format!("{layer}/layer")]);
        let files = BTreeMap::from([("secrets-exec".into(), "-rwxr-xr-x 0/0".into())]);
        assert_eq!(listed(&listing), files);
        output_of("tar", &["-xzf", &format!("{layer}/layer"), "-C", layer]);
        let archive = Archive::unpack(format!(
            "secrets-exec-{VERSION}-{machine}-unknown-linux-musl.tar.gz"
        ));
        assert!(
            fs::read(directory.path().join("secrets-exec")).unwrap()
                == fs::read(archive.binary()).unwrap()
        );
    }
}

#[test]
#[ignore = "by make test-all"]
fn the_image_for_arm64_launches_under_an_emulator() {
    let emulator = "/usr/bin/qemu-aarch64-static";
    if podman::works() && can(&[emulator, "--version"], "a binary for arm64") {
        let archive = format!(
            "oci-archive:{}/secrets-exec-{VERSION}-oci.tar",
            dist().display()
        );
        let image: &'static str = podman::done(["pull", "--quiet", "--arch=arm64", &archive])
            .trim()
            .to_owned()
            .leak();
        assert_eq!(
            podman::done([
                "image",
                "inspect",
                "--format={{.Architecture}} {{.User}}",
                image
            ]),
            "arm64 65532:65532\n"
        );
        let container = Container::from_image(image)
            .option(format!("--volume={emulator}:/emulator:ro"))
            .option("--entrypoint=/emulator");
        let launched = container.option("--arch=arm64").local().busybox().words([
            "/secrets-exec",
            "-q",
            "-e",
            "A=x:k",
        ]);
        launched
            .words(["--", "/emulator", "/secrets-exec", "--version"])
            .run()
            .launched()
            .printed(format!("secrets-exec {VERSION}\n"));
    }
}

#[test]
#[ignore = "by make test-all"]
fn the_rpm_can_be_installed_run_and_removed_and_has_the_same_files_as_the_debian_package() {
    if !can(&["rpm", "--version"], "the RPM") {
        return;
    }
    // A root file system on which the `rpm` of this machine installs the RPM.
    let directory = Directory::new();
    let root = directory.path().to_str().unwrap();
    let rpm = named(&format!(".{}.rpm", std::env::consts::ARCH)).remove(0);
    output_of(
        "rpm",
        &["--root", root, "--force-debian", "--install", &rpm],
    );
    assert_eq!(
        output_of(&format!("{root}/usr/bin/secrets-exec"), &["--version"]),
        format!("secrets-exec {VERSION}\n")
    );
    assert_eq!(
        output_of("rpm", &["--root", root, "--verify", "secrets-exec"]),
        ""
    );
    links_lead_to_files(&directory.path().join("usr/share/doc/secrets-exec"));
    let listing = output_of("dpkg-deb", &["--contents", &deb()]);
    let files = listing
        .lines()
        .filter_map(|line| line.split_whitespace().nth(5))
        .filter(|path| !path.ends_with('/'));
    let files = files
        .filter(|path| !path.ends_with("/copyright"))
        .map(|path| path.trim_start_matches('.'));
    let files = files.map(|path| {
        path.replace("vendor-completions", "site-functions")
            .replace(".1.gz", ".1")
    });
    let installed = output_of(
        "rpm",
        &["--root", root, "--query", "--list", "secrets-exec"],
    );
    let installed: BTreeSet<_> = installed.lines().map(str::to_owned).collect();
    assert_eq!(installed, files.collect());
    output_of(
        "rpm",
        &["--root", root, "--force-debian", "--erase", "secrets-exec"],
    );
    assert_eq!(
        output_of("find", &[root, "-name", "*secrets-exec*", "-type", "f"]),
        ""
    );
}

#[test]
#[ignore = "by make test-all"]
fn the_binary_in_a_release_archive_runs_and_prints_the_man_page_of_the_archive() {
    let archive = Archive::native();
    let page = fs::read_to_string(archive.folder().join("secrets-exec.1")).unwrap();
    assert_eq!(output_of("env", &["-i", &archive.binary(), "man"]), page);
}

#[test]
#[ignore = "by make test-all"]
fn each_binary_is_position_independent_and_needs_no_loader_or_library() {
    for archive in Archive::all() {
        let binary = archive.binary();
        let headers = output_of(
            "readelf",
            &[
                "--wide",
                "--file-header",
                "--program-headers",
                "--dynamic",
                &binary,
            ],
        );
        assert!(
            headers.contains("Type:                              DYN"),
            "{binary}: {headers}"
        );
        assert!(
            headers.contains("LOAD") && !headers.contains("INTERP") && !headers.contains("NEEDED"),
            "{headers}"
        );
    }
}

#[test]
#[ignore = "by make test-all"]
fn no_binary_contains_a_path_of_the_machine_that_built_it() {
    let source = dist()
        .parent()
        .unwrap()
        .parent()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    let home = std::env::var("HOME").unwrap();
    let cargo = std::env::var("CARGO_HOME").unwrap_or_else(|_| format!("{home}/.cargo"));
    let toolchain = output_of("rustc", &["--print", "sysroot"])
        .trim()
        .to_owned();
    for archive in Archive::all() {
        let text = archive.text();
        for path in [&source, &cargo, &toolchain, &format!("{home}/")] {
            assert!(!text.contains(path), "{}: {path}", archive.name);
        }
    }
}

/// The folders directly below the folder `above` that paths in a binary mention, such as
/// `NAME-VERSION` of a crate.
fn folders_in(binary: &str, above: &str) -> BTreeSet<String> {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || "-_.+".contains(c);
    let names = binary
        .split(above)
        .skip(1)
        .filter_map(|rest| rest.split_once('/'))
        .map(|(name, _)| name);
    // Rust's own source code has a folder of crates without versions.
    let has_version = |name: &str| {
        name.split('-')
            .skip(1)
            .any(|part| part.starts_with(|c: char| c.is_ascii_digit()))
    };
    names
        .filter(|name| has_version(name) && name.chars().all(is_of_name))
        .map(str::to_owned)
        .collect()
}

#[test]
#[ignore = "by make test-all"]
fn an_sbom_lists_every_crate_whose_path_is_in_the_binary() {
    for archive in Archive::all() {
        let listed: BTreeSet<_> = archive
            .components()
            .iter()
            .map(|(name, _)| name.replace(' ', "-"))
            .collect();
        let found = folders_in(&archive.text(), "/crates/");
        let missing: Vec<_> = found.difference(&listed).collect();
        assert!(
            found.len() > 50 && missing.is_empty(),
            "{}: {missing:?} of {}",
            archive.name,
            found.len()
        );
    }
}

#[test]
#[ignore = "by make test-all"]
fn the_licence_notices_name_every_crate_of_the_standard_library_whose_path_is_in_the_binary() {
    let notices = repository_file("packaging/linked-libraries.txt");
    for archive in Archive::all() {
        let found = folders_in(&archive.text(), "/rust/deps/");
        let names = found
            .iter()
            .map(|folder| folder.rsplit_once('-').unwrap().0);
        let missing: Vec<_> = names.filter(|name| !notices.contains(name)).collect();
        assert!(
            !found.is_empty() && missing.is_empty(),
            "{}: {missing:?} of {found:?}",
            archive.name
        );
    }
}

#[test]
#[ignore = "by make test-all"]
fn an_sbom_has_the_checksum_of_the_binary_that_it_describes() {
    for archive in Archive::all() {
        let sum = output_of("sha256sum", &[&archive.binary()]);
        let described =
            read(&archive.sbom())["metadata"]["component"]["hashes"][0]["content"].clone();
        assert_eq!(described.as_str(), sum.split_whitespace().next());
    }
}

fn read(sbom: &str) -> Value {
    serde_json::from_slice(&fs::read(dist().join(sbom)).unwrap()).unwrap()
}

/// The components of an SBOM as `name version`, each with its SHA-256 checksum if the SBOM gives
/// one.
fn components(sbom: &str) -> Vec<(String, Option<String>)> {
    let components = read(sbom)["components"].as_array().unwrap().clone();
    let component = |component: Value| {
        assert!(component["licenses"][0].is_object(), "{component}");
        let version = component["version"].as_str().unwrap_or_default();
        let name = format!("{} {version}", component["name"].as_str().unwrap());
        (
            name,
            component["hashes"][0]["content"]
                .as_str()
                .map(str::to_owned),
        )
    };
    components.into_iter().map(component).collect()
}

#[test]
#[ignore = "by make test-all"]
fn an_sbom_has_the_checksum_of_every_crate() {
    let lock = repository_file("Cargo.lock");
    for sbom in named(".cdx.json") {
        for (name, checksum) in components(&sbom) {
            match checksum {
                Some(checksum) => {
                    let (crate_name, version) = name.split_once(' ').unwrap();
                    let block = format!("name = \"{crate_name}\"\nversion = \"{version}\"\n");
                    let (_, rest) = lock.split_once(&block).unwrap_or_else(|| panic!("{name}"));
                    assert!(
                        rest.split("\n\n").next().unwrap().contains(&checksum),
                        "{name}"
                    );
                }
                None => assert!(
                    ["rust-std 1.", "musl 1.", "llvm-libunwind "]
                        .iter()
                        .any(|own| name.starts_with(own)),
                    "{name}"
                ),
            }
        }
    }
}

#[test]
#[ignore = "by make test-all"]
fn an_sbom_is_valid_according_to_the_cyclonedx_library() {
    let python = folder("SECRETS_EXEC_DIST_PYTHON")
        .into_os_string()
        .into_string()
        .unwrap();
    if !can(
        &[
            &python,
            "-c",
            "import cyclonedx.validation.json, jsonschema",
        ],
        "the SBOM and CycloneDX's library",
    ) {
        return;
    }
    let script = "import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
sys.exit(str(JsonStrictValidator(SchemaVersion.V1_5).validate_str(sys.stdin.read()) or '') or 0)";
    for sbom in named(".cdx.json") {
        output_of(
            "sh",
            &[
                "-c",
                "exec \"$0\" -c \"$1\" <\"$2\"",
                &python,
                script,
                &sbom,
            ],
        );
    }
}

#[test]
#[ignore = "by make test-all"]
fn the_licence_notices_have_every_component_of_the_sbom() {
    for archive in Archive::all() {
        let notices = fs::read_to_string(archive.folder().join("THIRD-PARTY-NOTICES")).unwrap();
        let mut missing = archive.components();
        // The first mention is in the list, and the second one is above the text of a licence.
        missing.retain(|(name, checksum)| {
            checksum.is_some() && notices.matches(name.as_str()).count() < 2
        });
        assert!(missing.is_empty(), "{}: {missing:?}", archive.name);
        // In this order: musl, the standard library, the sources within aws-lc, and those within
        // granit-parser.
        for text in [
            "Rich Felker",
            "The standard library of Rust",
            "fiat-crypto",
            "Copyright (c) 2015 Chen Yuheng",
        ] {
            assert!(notices.contains(text), "{}: {text}", archive.name);
        }
    }
}

/// Runs a shell script in a clean Debian with the packages at `/dist`.
fn in_debian(script: &str) -> String {
    // The image's configuration of dpkg leaves out documentation, which these tests need.
    let script = format!("set -e; rm -f /etc/dpkg/dpkg.cfg.d/99mmdebstrap; exec 2>&1; {script}");
    let volume = format!("--volume={}:/dist:ro", dist().display());
    let container = Container::from_image("localhost/debian").option(volume);
    container
        .words(["sh", "-c", &script])
        .run()
        .launched()
        .stdout()
}

/// The name of the Debian package for the architecture of this machine.
fn deb() -> String {
    let machine = output_of("dpkg", &["--print-architecture"]);
    named(&format!("_{}.deb", machine.trim())).remove(0)
}

#[test]
#[ignore = "by make test-all"]
fn the_debian_package_installs_and_launches_in_a_clean_debian_and_leaves_nothing_when_removed() {
    if podman::works() {
        let script = format!(
            "find / -xdev -name '*secrets-exec*' >/before; dpkg --install /dist/{} >/dev/null
            echo '{{\"x\": {{\"k\": \"v\"}}}}' >/local.json; secrets-exec --version
            secrets-exec -q --local /local.json -e A=x:k -- sh -c 'echo $A'; dpkg --purge secrets-exec >/dev/null
            find / -xdev -name '*secrets-exec*' | diff /before - && echo same",
            deb()
        );
        assert_eq!(
            in_debian(&script),
            format!("secrets-exec {VERSION}\nv\nsame\n")
        );
    }
}

#[test]
#[ignore = "by make test-all"]
fn the_debian_package_installs_man_page_completions_and_copyright_where_debian_expects_them() {
    let listing = output_of("dpkg-deb", &["--contents", &deb()]);
    let mut folders = listing.lines().filter(|line| line.ends_with('/'));
    assert!(
        folders.all(|line| line.starts_with("drwxr-xr-x 0/0 ")),
        "{listing}"
    );
    let documents = "CHANGELOG.md LICENSE LICENSE-APACHE LICENSE-MIT README.md SECURITY.md THIRD-PARTY-NOTICES copyright";
    let pages = pages().into_iter().map(|page| format!("docs/{page}"));
    let documents = documents
        .split(' ')
        .map(str::to_owned)
        .chain(pages)
        .map(|name| format!("doc/secrets-exec/{name}"));
    let others = [
        "bash-completion/completions/secrets-exec",
        "fish/vendor_completions.d/secrets-exec.fish",
        "man/man1/secrets-exec.1.gz",
        "secrets-exec/secrets-exec.schema.json",
        "zsh/vendor-completions/_secrets-exec",
    ];
    let shared = documents
        .chain(others.map(str::to_owned))
        .map(|path| format!("share/{path}"));
    assert_eq!(
        listed(&listing),
        expected("./usr", "bin/secrets-exec", shared)
    );
}

#[test]
#[ignore = "by make test-all"]
fn each_package_names_the_architecture_of_its_binary_and_needs_no_other_package() {
    let deb_fields = |deb: &str| {
        ["Architecture", "Depends"].map(|name| output_of("dpkg-deb", &["--field", deb, name]))
    };
    let rpm_fields = |rpm: &str| {
        let query = |what| output_of("rpm", &["--query", "--package", what, rpm]);
        // A requirement of `rpmlib(…)` is a feature of rpm itself, not another package.
        [
            query("--queryformat=%{ARCH}"),
            query("--requires")
                .lines()
                .filter(|line| !line.starts_with("rpmlib("))
                .collect(),
        ]
    };
    let has_rpm = can(&["rpm", "--version"], "the RPM");
    for package in [named(".deb"), named(".rpm")].concat() {
        let (script, [architecture, needs]) = match package.ends_with(".deb") {
            true => (
                "dpkg-deb --fsys-tarfile \"$0\" | tar -xC \"$1\" ./usr/bin",
                deb_fields(&package),
            ),
            false if has_rpm => (
                "rpm2cpio \"$0\" | (cd \"$1\" && cpio --quiet -id ./usr/bin/secrets-exec)",
                rpm_fields(&package),
            ),
            false => continue,
        };
        let directory = Directory::new();
        output_of(
            "sh",
            &["-c", script, &package, directory.path().to_str().unwrap()],
        );
        let binary = directory.path().join("usr/bin/secrets-exec");
        let header = output_of("readelf", &["--file-header", binary.to_str().unwrap()]);
        let machine = if ["arm64", "aarch64"].contains(&architecture.trim()) {
            "AArch64"
        } else {
            "X86-64"
        };
        assert!(
            header.contains(machine) && needs.trim().is_empty(),
            "{package}: {header}{needs}"
        );
        assert_eq!(
            fs::metadata(binary).unwrap().permissions().mode() & 0o7777,
            0o755,
            "{package}"
        );
    }
}
