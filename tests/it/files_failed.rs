//! Files at a `path` when something fails: the error names file and line, nothing is changed before the first rename, and no new file is
//! left after it.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};

use nix::sys::signal::Signal;
use nix::sys::stat::Mode;

use crate::files_path::{names, served, with_file};
use crate::support::aws::Aws;
use crate::support::aws::fault::Fault;
use crate::support::aws::secret::Secret;
use crate::support::outcome::{Outcome, Status};
use crate::support::sandbox::{CANARY, Sandbox};
use crate::support::skip;

const AS_NOBODY: [&str; 4] = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

fn can_run_as_nobody() -> bool {
    skip::can(&[&AS_NOBODY[..], &["true"]].concat(), "a run as another user")
}

/// A launch with two files, by default `out/one` and `out/two`, of which `out/one` exists already.
fn two_files(aws: &Aws, second: &str) -> Sandbox {
    let sandbox = Sandbox::new().aws(aws).args(["-q"]).file("out/one", "old").mode("out/one", 0o640);
    let (one, two) = (sandbox.path("out/one"), sandbox.path(second));
    let declaration = format!(
        "files:\n  - {{ from: \"prod/tls:key\", path: \"{}\" }}\n  - {{ from: \"prod/tls:cert\", path: \"{}\" }}\n",
        one.display(),
        two.display()
    );
    sandbox.declaration(&declaration)
}

/// Runs it, and asserts that `out/one` is unchanged and alone.
fn changes_nothing(sandbox: &Sandbox, status: Status) -> String {
    leaves_one_file(sandbox, status, "old", 0o640)
}

/// Runs it, and asserts that `out/one` has its new content and is alone.
fn replaces_one_file(sandbox: &Sandbox, status: Status) -> String {
    leaves_one_file(sandbox, status, "the key\n", 0o400)
}

fn leaves_one_file(sandbox: &Sandbox, status: Status, content: &str, mode: u32) -> String {
    let one = sandbox.path("out/one");
    let outcome = sandbox.run();
    outcome.ended(status);
    assert!(outcome.stdout.is_empty(), "the command has started: {outcome}");
    assert_eq!(fs::read_to_string(&one).unwrap(), content, "{outcome}");
    assert_eq!(fs::metadata(&one).unwrap().mode() & 0o7777, mode, "{outcome}");
    assert_eq!(names(sandbox), ["one"], "{outcome}");
    outcome.stderr()
}

#[test]
fn a_command_that_cannot_be_executed_removes_new_files_and_keeps_replaced_ones() {
    let aws = served();
    let sandbox = two_files(&aws, "out/two").executable("tool", "#!/nonexistent/interpreter\n").command(["./tool"]);
    replaces_one_file(&sandbox, Status::Exit(126));
    assert_eq!(aws.calls().len(), 1);
}

#[test]
fn a_command_that_is_not_found_costs_no_request_and_writes_nothing() {
    let aws = served();
    changes_nothing(&two_files(&aws, "out/two").command(["no-such-command"]), Status::Exit(127));
    assert!(aws.calls().is_empty());
}

#[test]
fn an_environment_that_is_too_large_leaves_everything_as_it_was() {
    let aws = served().secret("large", Secret::text(&format!("{}{}", CANARY, "x".repeat(65_000))));
    let mut sandbox = two_files(&aws, "out/two").prepared_by("ulimit -s 1024; exec \"$@\"");
    for number in 0..5 {
        sandbox = sandbox.resolve(&format!("L{number}=large"));
    }
    changes_nothing(&sandbox, Status::Exit(78));
}

#[test]
fn one_bad_file_of_two_leaves_both_alone() {
    let aws = served();
    let sandbox = two_files(&aws, "missing/two");
    let stderr = changes_nothing(&sandbox, Status::Exit(78));
    let path = sandbox.path("missing/two").display().to_string();
    assert!(stderr.contains(&path) && stderr.contains("secrets-exec.yaml:3"), "{stderr}");
    assert!(!sandbox.path("missing").exists());
}

#[test]
fn a_value_that_is_absent_leaves_every_file_alone() {
    let aws = served();
    changes_nothing(&two_files(&aws, "out/two").resolve("A=prod/tls:nope"), Status::Exit(78));
}

#[test]
fn a_link_is_refused_and_neither_followed_nor_replaced() {
    let aws = served();
    for (target, exists) in [("one", true), ("nowhere", false)] {
        let sandbox = two_files(&aws, "out/two");
        symlink(target, sandbox.path("out/two")).unwrap();
        let run = sandbox.run();
        run.refused(78).says(["secrets-exec.yaml:3", &sandbox.path("out/two").display().to_string(), "link"]);
        assert_eq!(names(&sandbox), ["one", "two"]);
        assert!(fs::symlink_metadata(sandbox.path("out/two")).unwrap().is_symlink());
        assert_eq!(sandbox.path("out").join(target).exists(), exists);
        assert_eq!(fs::read(sandbox.path("out/one")).unwrap(), b"old");
    }
}

#[test]
fn what_is_no_regular_file_is_refused() {
    let aws = served();
    let sandbox = two_files(&aws, "out/two");
    fs::create_dir(sandbox.path("out/two")).unwrap();
    sandbox.run().refused(78).says(["secrets-exec.yaml:3", "directory"]);
    fs::remove_dir(sandbox.path("out/two")).unwrap();
    nix::unistd::mkfifo(&sandbox.path("out/two"), Mode::S_IRWXU).unwrap();
    sandbox.run().refused(78).says(["secrets-exec.yaml:3", "pipe"]);
    assert_eq!(names(&sandbox), ["one", "two"]);
    assert_eq!(fs::read(sandbox.path("out/one")).unwrap(), b"old");
}

#[test]
fn a_path_that_is_a_directorys_is_refused() {
    let aws = served();
    for path in ["out/", "out/.", "out/x/.."] {
        let stderr = changes_nothing(&two_files(&aws, path), Status::Exit(78));
        assert!(stderr.contains("secrets-exec.yaml:3"), "{stderr}");
    }
}

#[test]
fn a_directory_that_may_not_be_written_is_an_error() {
    if !can_run_as_nobody() {
        return;
    }
    let aws = served();
    let sandbox = with_file(&aws, "").args(["-f", "secrets-exec.yaml"]).through(AS_NOBODY);
    let run = sandbox.spawn_copy().wait();
    run.refused(78).says(["secrets-exec.yaml:2", &sandbox.path("out/file").display().to_string(), "permission"]);
    assert!(names(&sandbox).is_empty());
}

#[test]
fn an_owner_that_may_not_be_set_is_an_error() {
    if !can_run_as_nobody() {
        return;
    }
    let aws = served();
    let sandbox = with_file(&aws, ", owner: root").mode("out", 0o777);
    let sandbox = sandbox.args(["-f", "secrets-exec.yaml"]).through(AS_NOBODY);
    sandbox.spawn_copy().wait().refused(78).says(["secrets-exec.yaml:2", "owner"]);
    assert!(names(&sandbox).is_empty());
}

#[test]
fn a_file_that_may_not_be_read_is_replaced() {
    if !can_run_as_nobody() {
        return;
    }
    let aws = served();
    let sandbox = with_file(&aws, "").mode("out", 0o777).file("out/file", "old").mode("out/file", 0o200);
    let sandbox = sandbox.args(["-f", "secrets-exec.yaml"]).through(AS_NOBODY);
    sandbox.spawn_copy().wait().launched_silently();
    assert_eq!(fs::read(sandbox.path("out/file")).unwrap(), b"the key\n");
    assert_eq!(names(&sandbox), ["file"]);
}

/// Runs it with a file system of its own at `out`, and returns what is in there afterwards.
fn mounted(sandbox: Sandbox, options: &str, prepare: &str) -> Option<(Outcome, String)> {
    let trial = ["unshare", "--mount", "sh", "-c", "mount -t tmpfs none /mnt"];
    if !skip::can(&trial, "a file system of a test's own") {
        return None;
    }
    let script = format!(
        "mount -t tmpfs -o {options} none out && {prepare} || exit 99; \"$@\"; code=$?; ls -A out >left; exit $code"
    );
    let sandbox = sandbox.through(["unshare", "--mount", "sh", "-c", &script, "sh"]);
    let outcome = sandbox.run();
    Some((outcome, fs::read_to_string(sandbox.path("left")).unwrap()))
}

#[test]
fn a_read_only_file_system_is_an_error() {
    let aws = served();
    let Some((run, left)) = mounted(with_file(&aws, ""), "ro", ":") else { return };
    run.refused(78).says(["secrets-exec.yaml:2", "out/file", "read-only"]);
    assert_eq!(left, "");
}

#[test]
fn a_full_file_system_is_an_error_that_leaves_nothing() {
    let large = Secret::json(&format!(r#"{{"key":"{}"}}"#, "x".repeat(60_000)));
    let aws = Aws::start().secret("prod/tls", large);
    let prepare = "printf old >out/file";
    let Some((run, left)) = mounted(with_file(&aws, ""), "size=16k", prepare) else { return };
    run.refused(78).says(["secrets-exec.yaml:2", "out/file", "space"]);
    assert_eq!(left, "file\n");
}

#[test]
fn a_file_system_without_room_for_another_file_is_an_error() {
    let aws = served();
    let Some((run, left)) = mounted(with_file(&aws, ""), "nr_inodes=2", "touch out/x") else { return };
    run.refused(78).says(["secrets-exec.yaml:2", "out/file"]);
    assert_eq!(left, "x\n");
}

/// Injects this result into the n-th rename, by strace; `None` where strace does not work.
fn renaming(sandbox: Sandbox, injection: &str) -> Option<Sandbox> {
    let line = ["strace", "-o", "/dev/null", "-e", "trace=rename,renameat,renameat2", "-e"];
    let inject = format!("inject=rename,renameat,renameat2:{injection}");
    let wrapper = [&line[..], &[inject.as_str()]].concat();
    skip::can(&[&wrapper[..], &["true"]].concat(), "a rename that fails").then(|| sandbox.through(wrapper))
}

#[test]
fn a_rename_that_fails_leaves_no_temporary_file() {
    let aws = served();
    let Some(sandbox) = renaming(two_files(&aws, "out/two"), "error=EACCES:when=2") else { return };
    let stderr = replaces_one_file(&sandbox, Status::Exit(78));
    assert!(stderr.contains("secrets-exec.yaml:3"), "{stderr}");
}

#[test]
fn a_signal_between_two_renames_ends_it_and_leaves_no_new_file() {
    for (name, number) in [("TERM", 15), ("INT", 2), ("HUP", 1)] {
        let aws = served();
        let injection = format!("signal=SIG{name}:when=1");
        let Some(sandbox) = renaming(two_files(&aws, "out/two"), &injection) else { return };
        replaces_one_file(&sandbox, Status::Signal(number));
    }
}

#[test]
fn a_signal_while_resolving_leaves_nothing() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGKILL] {
        let aws = Aws::start().secret("prod/tls", Secret::failing(Fault::Hang));
        let sandbox = two_files(&aws, "out/two");
        let running = sandbox.spawn();
        aws.await_calls(1);
        assert_eq!(names(&sandbox), ["one"]);
        running.ends_by(signal);
        assert_eq!(names(&sandbox), ["one"]);
        assert_eq!(fs::read(sandbox.path("out/one")).unwrap(), b"old");
    }
}

#[test]
fn what_an_earlier_crash_left_is_no_obstacle() {
    let aws = served();
    let sandbox =
        with_file(&aws, "").file("out/.file.tmp", "x").file("out/.file.aaaaaaaa", "x").file("out/file.tmp", "x");
    sandbox.run().launched_silently();
    assert_eq!(fs::read(sandbox.path("out/file")).unwrap(), b"the key\n");
    assert_eq!(names(&sandbox), [".file.aaaaaaaa", ".file.tmp", "file", "file.tmp"]);
}
