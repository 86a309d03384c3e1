//! `install` by a user without privileges; `make install`; and the files that `cargo publish` would
//! publish. `export/install.console` has more tests of `install`.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::architecture::all_files;
use crate::docs::links::links;
use crate::support::sandbox::copy_elsewhere;
use crate::support::*;

fn installing(directory: &str) -> Sandbox {
    Sandbox::new()
        .args(["install", directory])
        .bare()
        .file("there/other", "other")
}

#[test]
fn any_user_can_install_into_a_writable_directory_if_the_program_is_readable() {
    let nobody = or_skip!(skip::as_nobody());
    let sandbox = || installing("there").mode("there", 0o777).through(nobody);
    let writable = sandbox();
    writable.spawn_copy().wait().launched_silently();
    let copy = writable.path("there/secrets-exec");
    let is_equal = fs::read(&copy).unwrap() == fs::read(program()).unwrap();
    assert!(is_equal, "the copy differs");
    assert_eq!(fs::metadata(copy).unwrap().uid(), 65_534);
    let of_another = sandbox().mode("there", 0o755);
    let run = of_another.spawn_copy().wait();
    let said = [
        "there/secrets-exec (install)",
        "can't be created",
        "ermission denied",
    ];
    run.refused(78, said);
    assert_eq!(of_another.names_in("there"), ["other"]);
    let sandbox = sandbox();
    copy_elsewhere(&program(), &sandbox.path("unreadable"));
    let sandbox = sandbox.mode("unreadable", 0o711);
    let run = sandbox
        .command(["./unreadable", "install", "there"])
        .control();
    let said = [
        "there/secrets-exec (install)",
        "secrets-exec can't read its own binary",
    ];
    run.refused(78, said);
}

/// Runs a command in this repository, and returns whether it succeeds, and what it prints.
fn run_here(name: &str, words: &[&str]) -> (bool, String) {
    let mut command = Command::new(name);
    command
        .args(words)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_remove("MAKEFLAGS");
    let output = command.output().unwrap();
    let printed = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(printed).unwrap())
}

/// The files below a directory, each with its mode.
fn files(directory: &Path) -> BTreeSet<(String, u32)> {
    let name_and_mode = |path: PathBuf| {
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
        let name = path.strip_prefix(directory).unwrap();
        (name.to_str().unwrap().to_owned(), mode)
    };
    let files = all_files(directory).into_iter();
    files.map(name_and_mode).collect()
}

#[test]
fn make_install_installs_binary_man_page_and_completions_below_destdir_and_prefix() {
    let directory = Directory::new();
    let binary = format!("BINARY={}", program().display());
    let destination = format!("DESTDIR={}", directory.path().display());
    let (succeeds, printed) = run_here(
        "make",
        &["install", &binary, &destination, "PREFIX=/opt/it"],
    );
    assert!(succeeds, "{printed}");
    let said = "/opt/it/bin/secrets-exec with mode 0755";
    assert!(printed.contains(said), "{printed}");
    let documents = [
        ("man", "man/man1/secrets-exec.1"),
        (
            "completions bash",
            "bash-completion/completions/secrets-exec",
        ),
        ("completions zsh", "zsh/site-functions/_secrets-exec"),
        (
            "completions fish",
            "fish/vendor_completions.d/secrets-exec.fish",
        ),
    ];
    let documents = documents.map(|(words, file)| (words, format!("opt/it/share/{file}")));
    let mut expected = BTreeSet::from([("opt/it/bin/secrets-exec".to_owned(), 0o755)]);
    expected.extend(documents.iter().map(|(_, file)| (file.clone(), 0o644)));
    assert_same(&files(directory.path()), &expected, "installed files");
    for (words, file) in documents {
        let written = fs::read_to_string(directory.path().join(file)).unwrap();
        let sandbox = Sandbox::new().args(words.split(' ')).bare();
        let run = sandbox.run();
        assert!(!written.is_empty(), "{words}");
        run.launched_silently().printed(written);
    }
}

#[test]
fn make_install_without_a_binary_fails_and_says_to_run_make_release() {
    let directory = Directory::new();
    let destination = format!("DESTDIR={}", directory.path().display());
    let (succeeds, said) = run_here("make", &["install", "BINARY=target/nothing", &destination]);
    let has_reason = said.contains("target/nothing") && said.contains("make release");
    assert!(!succeeds && has_reason, "{said}");
    assert!(files(directory.path()).is_empty());
}

#[test]
fn a_published_crate_has_every_file_that_the_readme_links_to_and_no_tests() {
    let list = "package --list --allow-dirty --locked --offline --quiet";
    let list: Vec<&str> = list.split(' ').collect();
    let (succeeds, published) = run_here(env!("CARGO"), &list);
    assert!(succeeds, "{published}");
    let published: BTreeSet<String> = published.lines().map(str::to_owned).collect();
    let mut linked: BTreeSet<_> = links("README.md").into_iter().collect();
    // The benchmarks are a package of their own, so Cargo leaves them out.
    assert!(linked.remove("benches/README.md"));
    let missing: Vec<_> = linked.difference(&published).collect();
    assert!(linked.len() > 5 && missing.is_empty(), "{missing:?}");
    let folders: BTreeSet<_> = published
        .iter()
        .filter_map(|file| Some(file.split_once('/')?.0))
        .collect();
    let expected = [".cargo", "docs", "examples", "packaging", "skills", "src"];
    assert_same(&folders, &expected.into(), "published folders");
}
