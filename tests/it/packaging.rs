//! `make install`, and what `cargo publish` would publish.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::docs::links::links;
use crate::support::directory::Directory;
use crate::support::sandbox::program;

/// A command in this repository.
fn here(name: &str) -> Command {
    let mut command = Command::new(name);
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env_remove("MAKEFLAGS");
    command
}

/// The files below a directory, each with its mode.
fn files(directory: &Path) -> BTreeSet<(String, u32)> {
    let output = Command::new("find").args([".", "-type", "f"]).current_dir(directory).output().unwrap();
    let mode = |name: &str| fs::metadata(directory.join(name)).unwrap().permissions().mode() & 0o7777;
    let names = String::from_utf8(output.stdout).unwrap();
    names.lines().map(|name| (name.strip_prefix("./").unwrap().to_owned(), mode(name))).collect()
}

/// Installs the binary under test below DESTDIR and PREFIX.
fn installed() -> Directory {
    let directory = Directory::new();
    let variables = [
        format!("BINARY={}", program().display()),
        format!("DESTDIR={}", directory.path().display()),
        "PREFIX=/opt/it".to_owned(),
    ];
    let output = here("make").arg("install").args(variables).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    directory
}

#[test]
fn make_install_puts_binary_man_page_and_completions_below_destdir_and_prefix() {
    let expected = [
        ("opt/it/bin/secrets-exec", 0o755),
        ("opt/it/share/bash-completion/completions/secrets-exec", 0o644),
        ("opt/it/share/fish/vendor_completions.d/secrets-exec.fish", 0o644),
        ("opt/it/share/man/man1/secrets-exec.1", 0o644),
        ("opt/it/share/zsh/site-functions/_secrets-exec", 0o644),
    ];
    assert_eq!(files(installed().path()), expected.map(|(name, mode)| (name.to_owned(), mode)).into());
}

#[test]
fn the_installed_documents_are_those_that_the_binary_prints() {
    let directory = installed();
    for (words, file) in [
        (vec!["man"], "man/man1/secrets-exec.1"),
        (vec!["completions", "bash"], "bash-completion/completions/secrets-exec"),
        (vec!["completions", "zsh"], "zsh/site-functions/_secrets-exec"),
        (vec!["completions", "fish"], "fish/vendor_completions.d/secrets-exec.fish"),
    ] {
        let printed = Command::new(program()).args(&words).env_clear().output().unwrap().stdout;
        let installed = fs::read(directory.path().join("opt/it/share").join(file)).unwrap();
        assert!(!printed.is_empty() && printed == installed, "{words:?}");
    }
}

#[test]
fn make_install_without_a_binary_names_make_release() {
    let directory = Directory::new();
    let destination = format!("DESTDIR={}", directory.path().display());
    let output = here("make").args(["install", "BINARY=target/nothing", &destination]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.contains("target/nothing") && said.contains("make release"), "{said}");
    assert!(files(directory.path()).is_empty());
}

/// The files that `cargo publish` would publish.
fn published() -> BTreeSet<String> {
    let list = ["package", "--list", "--allow-dirty", "--locked", "--offline"];
    let output = here(env!("CARGO")).args(list).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn a_published_crate_has_every_file_that_the_readme_links_to() {
    let published = published();
    let linked: BTreeSet<_> = links("README.md").into_iter().map(|(path, _)| path).collect();
    let missing: Vec<_> = linked.difference(&published).collect();
    assert!(linked.len() > 5 && missing.is_empty(), "{missing:?}");
}

#[test]
fn a_published_crate_has_no_tests_and_no_benchmarks() {
    let published = published();
    let folders: BTreeSet<_> =
        published.iter().filter_map(|file| file.split_once('/')).map(|(folder, _)| folder).collect();
    assert_eq!(folders, [".cargo", "docs", "examples", "packaging", "src"].into());
}
