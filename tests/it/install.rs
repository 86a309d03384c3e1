//! `install`: a complete copy of the program under its own name, or nothing.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use crate::support::outcome::Outcome;
use crate::support::sandbox::{Sandbox, program};
use crate::support::skip;

fn installing(directory: &str) -> Sandbox {
    Sandbox::new().args(["install", directory]).bare().file("there/other", "other")
}

/// The names in a directory.
fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    names
}

/// Asserts that the copy is the program, that it can be executed, and that nothing else was added.
fn is_installed(sandbox: &Sandbox, run: &Outcome) {
    run.launched_silently().printed("");
    let copy = sandbox.path("there/secrets-exec");
    assert!(fs::read(&copy).unwrap() == fs::read(program()).unwrap(), "the copy differs");
    assert_eq!(fs::metadata(&copy).unwrap().mode() & 0o7777, 0o755);
    let version = Command::new(&copy).arg("--version").env_clear().output().unwrap();
    assert_eq!(String::from_utf8_lossy(&version.stdout), format!("secrets-exec {}\n", env!("CARGO_PKG_VERSION")));
    assert_eq!(names(&sandbox.path("there")), ["other", "secrets-exec"]);
}

/// Asserts that it is refused with this status and these facts, and that the directory is as before.
fn refused(sandbox: &Sandbox, run: &Outcome, status: i32, facts: &[&str]) {
    run.refused(status).says(facts.iter().copied());
    assert_eq!(names(&sandbox.path("there")), ["other"], "{run}");
}

#[test]
fn the_copy_is_the_whole_program_and_everybody_may_execute_it() {
    let sandbox = installing("there");
    is_installed(&sandbox, &sandbox.run());
}

#[test]
fn neither_the_umask_nor_variables_of_a_launch_matter() {
    let sandbox = installing("there/").prepared_by("umask 077; exec \"$@\"").env("SECRETS_EXEC_TIMEOUT", "nonsense");
    is_installed(&sandbox, &sandbox.run());
}

#[test]
fn a_file_of_that_name_is_replaced_and_who_reads_it_keeps_the_old_one() {
    let sandbox = installing("there").file("there/secrets-exec", "old").mode("there/secrets-exec", 0o400);
    let mut old = fs::File::open(sandbox.path("there/secrets-exec")).unwrap();
    is_installed(&sandbox, &sandbox.run());
    let mut text = String::new();
    std::io::Read::read_to_string(&mut old, &mut text).unwrap();
    assert_eq!(text, "old");
}

#[test]
fn a_program_installs_itself_over_itself() {
    let sandbox = installing("there");
    is_installed(&sandbox, &sandbox.run());
    let copy = sandbox.path("there/secrets-exec");
    let again = Command::new(&copy).args(["install", "there"]).current_dir(sandbox.path("")).env_clear().output();
    assert!(again.unwrap().status.success());
    is_installed(&sandbox, &sandbox.run());
}

#[test]
fn a_user_without_privileges_installs_into_a_directory_of_its_own() {
    let other_user = ["setpriv", "--reuid=65532", "--regid=65532", "--clear-groups"];
    if skip::can(&[&other_user[..], &["true"]].concat(), "a run as another user") {
        let sandbox = installing("there").mode("there", 0o777).through(other_user);
        is_installed(&sandbox, &sandbox.spawn_copy().wait());
        assert_eq!(fs::metadata(sandbox.path("there/secrets-exec")).unwrap().uid(), 65_532);
    }
}

#[test]
fn a_directory_without_write_permission_is_an_error() {
    let other_user = ["setpriv", "--reuid=65532", "--regid=65532", "--clear-groups"];
    if skip::can(&[&other_user[..], &["true"]].concat(), "a run as another user") {
        let sandbox = installing("there").mode("there", 0o755).through(other_user);
        let run = sandbox.spawn_copy().wait();
        refused(&sandbox, &run, 78, &["there/secrets-exec (install)", "cannot be created", "ermission denied"]);
    }
}

#[test]
fn a_directory_that_is_missing_is_not_created() {
    let sandbox = installing("missing");
    refused(&sandbox, &sandbox.run(), 78, &["missing/secrets-exec (install)", "does not exist; create it first"]);
    assert!(!sandbox.path("missing").exists());
}

#[test]
fn a_file_in_the_place_of_the_directory_is_an_error() {
    let sandbox = installing("there/other");
    refused(&sandbox, &sandbox.run(), 78, &["there/other/secrets-exec", "not a directory"]);
}

#[test]
fn a_directory_or_a_link_of_the_programs_name_is_left_alone() {
    let sandbox = installing("there").file("there/secrets-exec/file", "");
    sandbox.run().refused(78).says(["it is a directory"]);
    assert_eq!(names(&sandbox.path("there")), ["other", "secrets-exec"]);
    let sandbox = installing("there");
    symlink("other", sandbox.path("there/secrets-exec")).unwrap();
    sandbox.run().refused(78).says(["symbolic link"]);
    assert_eq!(fs::read_to_string(sandbox.path("there/other")).unwrap(), "other");
}

#[test]
fn a_file_system_without_room_is_an_error_that_leaves_nothing_and_the_old_file() {
    // A file may have at most 64 KiB, less than the program.
    let sandbox = installing("there").through(["prlimit", "--fsize=65536"]);
    refused(&sandbox, &sandbox.run(), 78, &["cannot be written", "arge"]);
    let sandbox = sandbox.file("there/secrets-exec", "old");
    sandbox.run().refused(78);
    assert_eq!(fs::read_to_string(sandbox.path("there/secrets-exec")).unwrap(), "old");
    assert_eq!(names(&sandbox.path("there")), ["other", "secrets-exec"]);
}

#[test]
fn a_limit_of_descriptors_is_temporary() {
    let sandbox = installing("there").prepared_by("ulimit -n 4; exec \"$@\"");
    refused(&sandbox, &sandbox.run(), 75, &["there/secrets-exec (install)"]);
}

#[test]
fn a_copy_that_nobody_may_read_cannot_install() {
    let other_user = ["setpriv", "--reuid=65532", "--regid=65532", "--clear-groups"];
    if skip::can(&[&other_user[..], &["true"]].concat(), "a run as another user") {
        let sandbox = installing("there").mode("there", 0o777);
        let copy = sandbox.path("unreadable");
        fs::copy(program(), &copy).unwrap();
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o711)).unwrap();
        let script = format!("exec {} install there", copy.display());
        let run = sandbox.command([&other_user[..], &["sh", "-c", &script]].concat()).control();
        run.refused(78).says(["there/secrets-exec (install)", "the running program cannot be read"]);
    }
}

#[test]
fn one_directory_is_required() {
    for (words, facts) in [
        (&["install"][..], ["install requires DIR", "secrets-exec install DIR"]),
        (&["install", ""], ["install requires DIR", "secrets-exec install DIR"]),
        (&["install", "there", "other"], ["unexpected \"other\"", "one directory"]),
        (&["install", "--region", "r", "there"], ["--region is an option of a launch", "not of install"]),
        (&["install", "there", "--", "app"], ["unexpected \"app\" after `--`", "install takes no command"]),
    ] {
        let sandbox = Sandbox::new().args(words).bare().file("there/other", "");
        refused(&sandbox, &sandbox.run(), 64, &facts);
    }
}
