//! The packages of `make dist`. `tests/dist/run` builds them in two different directories, and is
//! the only one that runs these tests.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::podman::{self, Container, Podman};
use crate::support::directory::Directory;
use crate::support::outcome::assert_same;
use crate::support::sandbox::{manifest, repository_file};
use crate::support::skip::can;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The folder of the packages.
fn dist() -> PathBuf {
    env::var("SECRETS_EXEC_DIST").unwrap().into()
}

/// Runs a shell script in the folder of packages, asserts that it succeeds, and returns what it
/// prints.
fn sh(script: &str) -> String {
    let mut shell = Command::new("sh");
    shell.args(["-euc", script]);
    let output = shell.current_dir(dist()).env("LC_ALL", "C").output();
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a shell script that prints JSON.
fn json_of(script: &str) -> Value {
    serde_json::from_str(&sh(script)).unwrap()
}

/// The names of the packages with this ending.
fn named(ending: &str) -> Vec<String> {
    let names = sh(&format!("ls -- *{ending}"));
    names.lines().map(str::to_owned).collect()
}

/// An unpacked archive.
struct Archive {
    /// The name of its file, without the ending.
    name: String,
    directory: Directory,
}

impl Archive {
    /// The archive for a machine, such as `x86_64`.
    fn of(machine: &str) -> Self {
        let (name, directory) = (archive_of(machine), Directory::new());
        let folder = directory.path().display();
        sh(&format!("tar -xzf {name}.tar.gz -C {folder}"));
        Self { name, directory }
    }

    fn native() -> Self {
        Self::of(env::consts::ARCH)
    }

    fn all() -> [Self; 2] {
        ["x86_64", "aarch64"].map(Self::of)
    }

    fn folder(&self) -> PathBuf {
        self.directory.path().join(&self.name)
    }

    fn binary(&self) -> String {
        self.folder().join("secrets-exec").display().to_string()
    }

    /// The bytes of the binary as text.
    fn text(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.binary()).unwrap()).into_owned()
    }

    fn sbom(&self) -> Value {
        json_of(&format!("cat {}.cdx.json", self.name))
    }

    /// The components that its SBOM lists as `name version`, each with its SHA-256 checksum if the
    /// SBOM gives one.
    fn components(&self) -> BTreeMap<String, Option<String>> {
        let component = |component: &Value| {
            assert!(component["licenses"][0].is_object(), "{component}");
            let text = |value: &Value| value.as_str().map(str::to_owned);
            let version = component["version"].as_str().unwrap_or_default();
            let name = format!("{} {version}", component["name"].as_str().unwrap());
            (name, text(&component["hashes"][0]["content"]))
        };
        let components = self.sbom()["components"].take();
        components
            .as_array()
            .unwrap()
            .iter()
            .map(component)
            .collect()
    }
}

/// The name of the archive for a machine, without the ending.
fn archive_of(machine: &str) -> String {
    format!("secrets-exec-{VERSION}-{machine}-unknown-linux-musl")
}

/// The name of the Debian package for the architecture of this machine.
fn deb() -> String {
    sh("ls -- *_\"$(dpkg --print-architecture)\".deb")
        .trim()
        .to_owned()
}

#[test]
#[ignore = "by make test-all"]
fn packages_that_are_built_in_two_directories_have_the_same_hashes() {
    assert_eq!(sh("diff SHA256SUMS \"$SECRETS_EXEC_DIST_AGAIN\""), "");
}

#[test]
#[ignore = "by make test-all"]
fn the_checksum_file_of_a_release_has_the_right_checksum_for_every_file() {
    let files = sh("ls | grep -vx SHA256SUMS | sed 's/$/: OK/' | sort");
    assert_eq!(sh("sha256sum --check SHA256SUMS | sort"), files);
}

/// The files of an archive besides the binary and the pages.
const FILES: &str = "README.md CHANGELOG.md SECURITY.md secrets-exec.1 completions/secrets-exec.bash completions/_secrets-exec \
    completions/secrets-exec.fish LICENSE LICENSE-APACHE LICENSE-MIT THIRD-PARTY-NOTICES secrets-exec.schema.json";

/// The files that a command lists as tar does, each with its mode and owner.
fn listed(command: &str) -> BTreeSet<String> {
    let files = sh(&format!("{command} | awk '!/\\/$/ {{ print $1, $2, $6 }}'"));
    files.lines().map(str::to_owned).collect()
}

/// The form of [`listed`] for a folder. Only the binary may be executable.
fn expected(folder: &str, binary: &str, files: &[String]) -> BTreeSet<String> {
    let files = files
        .iter()
        .map(|path| format!("-rw-r--r-- 0/0 {folder}/{path}"));
    files
        .chain([format!("-rwxr-xr-x 0/0 {folder}/{binary}")])
        .collect()
}

/// The paths of these files, and of the pages and pictures, in a folder.
fn and_pages(files: &str, folder: &str) -> Vec<String> {
    let pages = sh(&format!(
        "cd {}; ls docs/*.md docs/img/*",
        env!("CARGO_MANIFEST_DIR")
    ));
    let files = files.split(' ').chain(pages.lines());
    files.map(|file| format!("{folder}{file}")).collect()
}

#[test]
#[ignore = "by make test-all"]
fn a_release_archive_contains_the_binary_the_man_page_completions_and_licences() {
    for name in ["x86_64", "aarch64"].map(archive_of) {
        let expected = expected(&name, "secrets-exec", &and_pages(FILES, ""));
        let listed = listed(&format!("tar -tzvf {name}.tar.gz"));
        assert_same(&listed, &expected, name);
    }
}

/// Asserts that every link between the pages below a folder leads to a file there.
fn assert_links_lead_to_files(folder: &Path) {
    let mut count = 0;
    for page in sh(&format!("ls {0}/*.md {0}/docs/*.md", folder.display())).lines() {
        let text = fs::read_to_string(page).unwrap();
        let links = text.split("](").skip(1);
        let targets = links.filter_map(|rest| rest.split_once(')')?.0.split('#').next());
        for target in targets.filter(|target| !target.is_empty() && !target.contains([':', ' '])) {
            let path = Path::new(page).with_file_name(target);
            assert!(path.exists(), "{page}: {target}");
            count += 1;
        }
    }
    assert!(count > 50, "{count} links");
}

#[test]
#[ignore = "by make test-all"]
fn every_link_in_the_pages_of_a_package_leads_to_a_file() {
    assert_links_lead_to_files(&Archive::native().folder());
    let directory = Directory::new();
    sh(&format!(
        "dpkg-deb --extract {} {}",
        deb(),
        directory.path().display()
    ));
    assert_links_lead_to_files(&directory.path().join("usr/share/doc/secrets-exec"));
}

#[test]
#[ignore = "by make test-all"]
fn releasing_md_names_only_files_that_a_release_has() {
    let page = repository_file("RELEASING.md");
    let words = page.split(|c: char| c.is_whitespace() || "`:".contains(c));
    let files = words.filter(|word| word.starts_with("secrets-exec") && word.contains("0.1.0"));
    let named: BTreeSet<_> = files.collect();
    assert_eq!(named.len(), 5, "{named:?}");
    for name in named {
        let path = dist().join(name.replace("0.1.0", VERSION));
        assert!(path.exists(), "{name}");
    }
}

#[test]
#[ignore = "by make test-all"]
fn cargo_binstall_finds_the_archives_at_the_addresses_of_the_release() {
    let target = format!("{}-unknown-linux-musl", env::consts::ARCH);
    let template = |key: &str| {
        let text = manifest(key).unwrap().replace("{ name }", "secrets-exec");
        let text = text.replace("{ bin }", "secrets-exec");
        text.replace("{ version }", VERSION)
            .replace("{ target }", &target)
    };
    let archive = Archive::native();
    let url = format!(
        "{{ repo }}/releases/download/v{VERSION}/{}.tar.gz",
        archive.name
    );
    assert_eq!(template("pkg-url"), url);
    assert!(archive.directory.path().join(template("bin-dir")).exists());
}

#[test]
#[ignore = "by make test-all"]
fn each_lambda_layer_has_the_wrapper_and_the_binary_of_the_release_archive() {
    for (machine, layer) in [("x86_64", "x86_64"), ("aarch64", "arm64")] {
        let layer = format!("secrets-exec-{VERSION}-lambda-{layer}.zip");
        let files = sh(&format!(
            "unzip -Z -s {layer} | awk '/^-/ {{ print $1, $NF }}'"
        ));
        assert_eq!(
            files,
            "-rwxr-xr-x secrets-exec\n-rwxr-xr-x secrets-exec-wrapper\n"
        );
        let archive = Archive::of(machine);
        sh(&format!(
            "unzip -p {layer} secrets-exec | cmp - {}",
            archive.binary()
        ));
        let wrapper = sh(&format!("unzip -p {layer} secrets-exec-wrapper"));
        assert_eq!(wrapper, repository_file("packaging/secrets-exec-wrapper"));
    }
}

/// A command that prints a file of the image's archive. The descriptor has its digest.
fn blob(descriptor: &Value) -> String {
    let path = descriptor["digest"].as_str().unwrap().replace(':', "/");
    format!("tar -xOf secrets-exec-{VERSION}-oci.tar blobs/{path}")
}

/// Asserts that the labels are those by which Renovate and a registry find the release and its
/// source.
fn assert_has_labels(labels: &Value) {
    let revision = sh(&format!(
        "git -C {} rev-parse HEAD",
        env!("CARGO_MANIFEST_DIR")
    ));
    let expected = [
        ("title", manifest("name")),
        ("description", manifest("description")),
        ("version", Some(VERSION.to_owned())),
        ("source", manifest("repository")),
        ("revision", Some(revision.trim().to_owned())),
        ("licenses", manifest("license")),
    ];
    let label = |(key, value)| Some((format!("org.opencontainers.image.{key}"), value?));
    let expected: BTreeMap<_, String> = expected.into_iter().filter_map(label).collect();
    assert_eq!(*labels, serde_json::json!(expected));
}

#[test]
#[ignore = "by make test-all"]
fn the_container_images_have_the_same_binaries_as_the_release_archives() {
    let named = json_of(&format!(
        "tar -xOf secrets-exec-{VERSION}-oci.tar index.json"
    ));
    let named = named["manifests"].as_array().unwrap();
    // The version is the only tag, because nothing may move it.
    assert_eq!(named.len(), 1, "{named:?}");
    let tag = &named[0]["annotations"]["org.opencontainers.image.ref.name"];
    assert_eq!(*tag, format!("secrets-exec:{VERSION}"));
    let index = json_of(&blob(&named[0]));
    let manifests = index["manifests"].as_array().unwrap();
    assert_eq!(manifests.len(), 2, "{index}");
    for manifest in manifests {
        let is_arm = manifest["platform"]["architecture"] == "arm64";
        let archive = Archive::of(if is_arm { "aarch64" } else { "x86_64" });
        let manifest = json_of(&blob(manifest));
        assert_has_labels(&json_of(&blob(&manifest["config"]))["config"]["Labels"]);
        let layers = manifest["layers"].as_array().unwrap();
        assert_eq!(layers.len(), 1);
        let layer = blob(&layers[0]);
        let files = BTreeSet::from(["-rwxr-xr-x 0/0 secrets-exec".to_owned()]);
        assert_eq!(listed(&format!("{layer} | tar -tzv")), files);
        sh(&format!(
            "{layer} | tar -xzO secrets-exec | cmp - {}",
            archive.binary()
        ));
    }
}

#[test]
#[ignore = "by make test-all"]
fn the_image_for_arm64_launches_under_an_emulator() {
    let emulator = "/usr/bin/qemu-aarch64-static";
    if podman::works() && can(&[emulator, "--version"], "a binary for arm64") {
        let archive = dist().join(format!("secrets-exec-{VERSION}-oci.tar"));
        let archive = format!("oci-archive:{}", archive.display());
        let image = Podman.done(["pull", "--quiet", "--arch=arm64", &archive]);
        let image: &'static str = image.trim().to_owned().leak();
        let format = "--format={{.Architecture}} {{.User}}";
        let inspected = Podman.done(["image", "inspect", format, image]);
        assert_eq!(inspected, "arm64 65532:65532\n");
        let container = Container::from_image(image)
            .option(format!("--volume={emulator}:/emulator:ro"))
            .option("--entrypoint=/emulator")
            .option("--arch=arm64");
        let line = "/secrets-exec -q -e A=x:k -- /emulator /secrets-exec --version";
        let run = container.local().busybox().words(line.split(' ')).run();
        run.launched().printed(format!("secrets-exec {VERSION}\n"));
    }
}

#[test]
#[ignore = "by make test-all"]
fn the_rpm_installs_runs_is_removed_and_has_the_files_of_the_debian_package() {
    if !can(&["rpm", "--version"], "the RPM") {
        return;
    }
    // A root file system on which the `rpm` of this machine installs the RPM.
    let directory = Directory::new();
    let root = directory.path().display();
    let rpm = format!("rpm --root {root} --force-debian");
    let package = named(&format!(".{}.rpm", env::consts::ARCH)).remove(0);
    let installing = format!(
        "{rpm} --install {package}; {root}/usr/bin/secrets-exec --version; {rpm} --verify secrets-exec"
    );
    assert_eq!(sh(&installing), format!("secrets-exec {VERSION}\n"));
    assert_links_lead_to_files(&directory.path().join("usr/share/doc/secrets-exec"));
    let renamed =
        "s/^\\.//; /\\/copyright$/d; s/vendor-completions/site-functions/; s/\\.1\\.gz$/.1/";
    let files = sh(&format!(
        "dpkg-deb --contents {} | awk '!/\\/$/ {{ print $6 }}' | sed '{renamed}' | sort",
        deb()
    ));
    assert_eq!(
        sh(&format!("{rpm} --query --list secrets-exec | sort")),
        files
    );
    let removing =
        format!("{rpm} --erase secrets-exec; find {root} -name '*secrets-exec*' -type f");
    assert_eq!(sh(&removing), "");
}

#[test]
#[ignore = "by make test-all"]
fn the_binary_in_a_release_archive_runs_and_prints_the_man_page_of_the_archive() {
    let archive = Archive::native();
    let page = fs::read_to_string(archive.folder().join("secrets-exec.1")).unwrap();
    assert_eq!(sh(&format!("env -i {} man", archive.binary())), page);
}

#[test]
#[ignore = "by make test-all"]
fn each_binary_is_position_independent_and_needs_no_loader_or_library() {
    for archive in Archive::all() {
        let options = "--wide --file-header --program-headers --dynamic";
        let headers = sh(&format!("readelf {options} {}", archive.binary()));
        let is_static = !headers.contains("INTERP") && !headers.contains("NEEDED");
        assert!(headers.contains("LOAD") && is_static, "{headers}");
        let kind = "Type:                              DYN";
        assert!(headers.contains(kind), "{headers}");
    }
}

#[test]
#[ignore = "by make test-all"]
fn no_binary_contains_a_path_of_the_machine_that_built_it() {
    let script = "dirname \"$(dirname \"$PWD\")\"; echo \"$HOME/\"; echo \"${CARGO_HOME:-$HOME/.cargo}\"; rustc --print sysroot";
    let paths = sh(script);
    for archive in Archive::all() {
        let text = archive.text();
        for path in paths.lines() {
            assert!(!text.contains(path), "{}: {path}", archive.name);
        }
    }
}

/// The folders directly below the folder `above` that paths in a binary mention, such as
/// `NAME-VERSION` of a crate.
fn folders_in(binary: &str, above: &str) -> BTreeSet<String> {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || "-_.+".contains(c);
    let paths = binary.split(above).skip(1);
    let names = paths.filter_map(|rest| Some(rest.split_once('/')?.0));
    // Rust's own source code has a folder of crates without versions.
    let begins_with_digit = |part: &str| part.starts_with(|c: char| c.is_ascii_digit());
    let has_version = |name: &str| name.split('-').skip(1).any(begins_with_digit);
    let names = names.filter(|name| has_version(name) && name.chars().all(is_of_name));
    names.map(str::to_owned).collect()
}

#[test]
#[ignore = "by make test-all"]
fn an_sbom_lists_every_crate_whose_path_is_in_the_binary() {
    for archive in Archive::all() {
        let components = archive.components().into_keys();
        let listed: BTreeSet<_> = components.map(|name| name.replace(' ', "-")).collect();
        let found = folders_in(&archive.text(), "/crates/");
        let missing: Vec<_> = found.difference(&listed).collect();
        let is_complete = found.len() > 50 && missing.is_empty();
        assert!(is_complete, "{}: {missing:?} of {found:?}", archive.name);
    }
}

#[test]
#[ignore = "by make test-all"]
fn the_licence_notices_name_every_crate_of_the_standard_library_in_the_binary() {
    let notices = repository_file("packaging/linked-libraries.txt");
    for archive in Archive::all() {
        let mut missing = folders_in(&archive.text(), "/rust/deps/");
        assert!(!missing.is_empty(), "{}", archive.name);
        missing.retain(|folder| !notices.contains(folder.rsplit_once('-').unwrap().0));
        assert!(missing.is_empty(), "{}: {missing:?}", archive.name);
    }
}

#[test]
#[ignore = "by make test-all"]
fn an_sbom_has_the_checksums_of_the_binary_that_it_describes_and_of_every_crate() {
    let lock = repository_file("Cargo.lock");
    for archive in Archive::all() {
        let sum = sh(&format!("sha256sum {}", archive.binary()));
        let described = &archive.sbom()["metadata"]["component"]["hashes"][0]["content"];
        assert_eq!(described.as_str(), sum.split_whitespace().next());
        for (name, checksum) in archive.components() {
            if let Some(checksum) = checksum {
                let named = name.replacen(' ', "\"\nversion = \"", 1);
                let rest = lock.split_once(&format!("name = \"{named}\"\n"));
                let block = rest.and_then(|(_, rest)| rest.split("\n\n").next());
                assert!(block.unwrap_or_default().contains(&checksum), "{name}");
            } else {
                let mut own = ["rust-std 1.", "musl 1.", "llvm-libunwind "].iter();
                assert!(own.any(|own| name.starts_with(own)), "{name}");
            }
        }
    }
}

#[test]
#[ignore = "by make test-all"]
fn an_sbom_is_valid_according_to_the_cyclonedx_library() {
    let python = env::var("SECRETS_EXEC_DIST_PYTHON").unwrap();
    let importing = "import cyclonedx.validation.json, jsonschema";
    if !can(
        &[&python, "-c", importing],
        "the SBOM and CycloneDX's library",
    ) {
        return;
    }
    let script = "import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
sys.exit(str(JsonStrictValidator(SchemaVersion.V1_5).validate_str(sys.stdin.read()) or '') or 0)";
    for sbom in named(".cdx.json") {
        sh(&format!("{python} -c \"{script}\" <{sbom}"));
    }
}

#[test]
#[ignore = "by make test-all"]
fn the_licence_notices_have_every_component_of_the_sbom() {
    for archive in Archive::all() {
        let notices = fs::read_to_string(archive.folder().join("THIRD-PARTY-NOTICES")).unwrap();
        let mut missing = archive.components();
        // The first mention is in the list, and the second one is above the text of a licence.
        missing.retain(|name, checksum| checksum.is_some() && notices.matches(name).count() < 2);
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

#[test]
#[ignore = "by make test-all"]
fn the_debian_package_launches_in_a_clean_debian_and_leaves_nothing_when_removed() {
    if podman::works() {
        // The image's configuration of dpkg leaves out documentation.
        let script = format!(
            "set -e; rm -f /etc/dpkg/dpkg.cfg.d/99mmdebstrap; exec 2>&1
            find / -xdev -name '*secrets-exec*' >/before; dpkg --install /dist/{} >/dev/null
            echo '{{\"x\": {{\"k\": \"v\"}}}}' >/local.json; secrets-exec --version
            secrets-exec -q --local /local.json -e A=x:k -- sh -c 'echo $A'; dpkg --purge secrets-exec >/dev/null
            find / -xdev -name '*secrets-exec*' | diff /before - && echo same",
            deb()
        );
        let volume = format!("--volume={}:/dist:ro", dist().display());
        let container = Container::from_image("localhost/debian").option(volume);
        let run = container.words(["sh", "-c", &script]).run();
        let printed = format!("secrets-exec {VERSION}\nv\nsame\n");
        run.launched().printed(printed);
    }
}

#[test]
#[ignore = "by make test-all"]
fn the_debian_package_has_its_documents_where_debian_expects_them() {
    let contents = format!("dpkg-deb --contents {}", deb());
    let folders = sh(&format!(
        "{contents} | awk '/\\/$/ {{ print $1, $2 }}' | sort -u"
    ));
    assert_eq!(folders, "drwxr-xr-x 0/0\n");
    let documents = "CHANGELOG.md LICENSE LICENSE-APACHE LICENSE-MIT README.md SECURITY.md THIRD-PARTY-NOTICES copyright";
    let mut shared = and_pages(documents, "share/doc/secrets-exec/");
    let others = [
        "bash-completion/completions/secrets-exec",
        "fish/vendor_completions.d/secrets-exec.fish",
        "man/man1/secrets-exec.1.gz",
        "secrets-exec/secrets-exec.schema.json",
        "zsh/vendor-completions/_secrets-exec",
    ];
    shared.extend(others.map(|path| format!("share/{path}")));
    assert_eq!(
        listed(&contents),
        expected("./usr", "bin/secrets-exec", &shared)
    );
}

#[test]
#[ignore = "by make test-all"]
fn each_package_names_the_architecture_of_its_binary_and_needs_no_other_package() {
    let has_rpm = can(&["rpm", "--version"], "the RPM");
    let rpms = if has_rpm { named(".rpm") } else { Vec::new() };
    for package in [named(".deb"), rpms].concat() {
        // What the package says about its architecture and needs, and how it is unpacked. A
        // requirement of `rpmlib(…)` is a feature of rpm itself, not another package.
        let [architecture, needs, unpack] = if package.ends_with(".deb") {
            [
                "dpkg-deb --field FILE Architecture",
                "dpkg-deb --field FILE Depends",
                "dpkg-deb --fsys-tarfile FILE | tar -x ./usr/bin",
            ]
        } else {
            [
                "rpm --query --package --queryformat=%{ARCH} FILE",
                "rpm --query --package --requires FILE | sed '/^rpmlib(/d'",
                "rpm2cpio FILE | cpio --quiet -id ./usr/bin/secrets-exec",
            ]
        };
        let file = dist().join(&package).display().to_string();
        let run = |script: &str| sh(&script.replace("FILE", &file));
        let directory = Directory::new();
        let folder = directory.path().display();
        run(&format!("cd {folder}; {unpack}"));
        let binary = format!("{folder}/usr/bin/secrets-exec");
        let header = sh(&format!(
            "readelf --file-header {binary}; stat -c %a {binary}"
        ));
        let machine = match run(architecture).trim() {
            "arm64" | "aarch64" => "AArch64",
            _ => "X86-64",
        };
        assert!(header.contains(machine), "{package}: {header}");
        assert!(header.ends_with("\n755\n"), "{package}: {header}");
        assert_eq!(run(needs).trim(), "", "{package}");
    }
}

/// A loop of `src/copy.rs` that LLVM recognizes as a copy would become a call of the function that
/// contains it.
#[test]
#[cfg(target_arch = "x86_64")]
#[ignore = "by make test-all"]
fn memcpy_and_memmove_of_the_release_never_call_themselves() {
    let functions = sh(
        "awk '$1 ~ /^.text.mem(cpy|move)$/ && $2 !~ /^0x0*$/ { print $2, $3 }' \
             ../x86_64-unknown-linux-musl/release/secrets-exec.map",
    );
    // If their code is the same, LLVM keeps one of them.
    assert_ne!(functions, "");
    for function in functions.lines() {
        let (start, size) = function.split_once(' ').unwrap();
        let code = sh(&format!(
            "objdump -d --no-show-raw-insn --start-address={start} --stop-address=$(({start} + {size})) \
                 ../x86_64-unknown-linux-musl/release/secrets-exec"
        ));
        let number = |text: &str| u64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap();
        let inside = number(start)..number(start) + number(size);
        assert!(code.contains("movups"), "{code}");
        for line in code.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [_, instruction, target, ..] = words[..] else {
                continue;
            };
            let is_inside = !instruction.starts_with("call")
                && (!instruction.starts_with('j') || inside.contains(&number(target)));
            assert!(is_inside, "{line}");
        }
    }
}
