//! `install` by a user without privileges; `make install`; and the files that `cargo publish` would
//! publish. `export/install.console` has more tests of `install`.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use crate::docs::links::links;
use crate::support::*;

fn installing(directory: &str) -> Sandbox {
    Sandbox::new()
        .args(["install", directory])
        .bare()
        .file("there/other", "other")
}

#[test]
fn install_works_for_any_user_if_the_directory_is_writable_and_the_program_is_readable() {
    let nobody = or_skip!(skip::as_nobody());
    let sandbox = || installing("there").mode("there", 0o777).through(nobody);
    let writable = sandbox();
    writable.spawn_copy().wait().launched_silently();
    assert!(
        fs::read(writable.path("there/secrets-exec")).unwrap() == fs::read(program()).unwrap(),
        "the copy differs"
    );
    assert_eq!(
        fs::metadata(writable.path("there/secrets-exec"))
            .unwrap()
            .uid(),
        65_534
    );
    let of_another = sandbox().mode("there", 0o755);
    let run = of_another.spawn_copy().wait();
    run.refused(78).says([
        "there/secrets-exec (install)",
        "can't be created",
        "ermission denied",
    ]);
    assert_eq!(of_another.names_in("there"), ["other"]);
    let sandbox = sandbox();
    let copy = sandbox.path("unreadable");
    // Another process makes the copy. If this one had a descriptor open for writing, a child could
    // inherit it, and execve(2) would fail with ETXTBSY.
    assert!(
        Command::new("cp")
            .arg(program())
            .arg(&copy)
            .status()
            .unwrap()
            .success()
    );
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o711)).unwrap();
    let run = sandbox
        .command([copy.as_os_str(), "install".as_ref(), "there".as_ref()])
        .control();
    run.refused(78).says([
        "there/secrets-exec (install)",
        "secrets-exec can't read its own binary",
    ]);
}

#[test]
fn install_with_too_few_file_descriptors_fails_with_78_and_leaves_no_file() {
    let sandbox = installing("there").prepared_by("ulimit -n 4; exec \"$@\"");
    sandbox
        .run()
        .refused(78)
        .says(["there/secrets-exec (install)"]);
    assert_eq!(sandbox.names_in("there"), ["other"]);
}

/// A command that runs in this repository.
fn here(name: &str) -> Command {
    let mut command = Command::new(name);
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_remove("MAKEFLAGS");
    command
}

/// The files below a directory, each with its mode.
fn files(directory: &Path) -> BTreeSet<(String, u32)> {
    let output = Command::new("find")
        .args([".", "-type", "f"])
        .current_dir(directory)
        .output()
        .unwrap();
    let mode = |name: &str| {
        fs::metadata(directory.join(name))
            .unwrap()
            .permissions()
            .mode()
            & 0o7777
    };
    let names = String::from_utf8(output.stdout).unwrap();
    names
        .lines()
        .map(|name| (name.strip_prefix("./").unwrap().to_owned(), mode(name)))
        .collect()
}

#[test]
fn make_install_installs_the_binary_man_page_and_completions_below_destdir_and_prefix() {
    let directory = Directory::new();
    let binary = format!("BINARY={}", program().display());
    let destination = format!("DESTDIR={}", directory.path().display());
    let output = here("make")
        .args(["install", &binary, &destination, "PREFIX=/opt/it"])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(
        printed.contains("/opt/it/bin/secrets-exec with mode 0755"),
        "{printed}"
    );
    let documents = [
        (&["man"][..], "opt/it/share/man/man1/secrets-exec.1"),
        (
            &["completions", "bash"],
            "opt/it/share/bash-completion/completions/secrets-exec",
        ),
        (
            &["completions", "zsh"],
            "opt/it/share/zsh/site-functions/_secrets-exec",
        ),
        (
            &["completions", "fish"],
            "opt/it/share/fish/vendor_completions.d/secrets-exec.fish",
        ),
    ];
    let mut expected = BTreeSet::from([("opt/it/bin/secrets-exec".to_owned(), 0o755)]);
    expected.extend(documents.map(|(_, file)| (file.to_owned(), 0o644)));
    assert_eq!(files(directory.path()), expected);
    for (words, file) in documents {
        let printed = Command::new(program())
            .args(words)
            .env_clear()
            .output()
            .unwrap()
            .stdout;
        assert!(
            !printed.is_empty() && printed == fs::read(directory.path().join(file)).unwrap(),
            "{words:?}"
        );
    }
}

#[test]
fn make_install_without_a_binary_fails_and_says_to_run_make_release() {
    let directory = Directory::new();
    let destination = format!("DESTDIR={}", directory.path().display());
    let output = here("make")
        .args(["install", "BINARY=target/nothing", &destination])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        !output.status.success()
            && said.contains("target/nothing")
            && said.contains("make release"),
        "{said}"
    );
    assert!(files(directory.path()).is_empty());
}

#[test]
fn a_published_crate_has_every_file_that_the_readme_links_to_and_no_tests() {
    let list = [
        "package",
        "--list",
        "--allow-dirty",
        "--locked",
        "--offline",
    ];
    let output = here(env!("CARGO")).args(list).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let published: BTreeSet<String> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    let linked: BTreeSet<_> = links("README.md").into_iter().collect();
    let missing: Vec<_> = linked.difference(&published).collect();
    assert!(linked.len() > 5 && missing.is_empty(), "{missing:?}");
    let folders: BTreeSet<_> = published
        .iter()
        .filter_map(|file| Some(file.split_once('/')?.0))
        .collect();
    assert_eq!(
        folders,
        [".cargo", "docs", "examples", "packaging", "skills", "src"].into()
    );
}
