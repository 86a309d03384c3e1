//! Files at a `path` when something fails: the error names file and line, nothing is changed before
//! the first rename, and no new file is left after it.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};

use super::{tls_secret, with_file};
use crate::support::*;

/// A launch with three files, on lines 2 to 4. The file `out/one` already exists. The path `second`
/// is `out/two` in most tests.
fn three_files(aws: &Aws, second: &str) -> Sandbox {
    let sandbox = Sandbox::new()
        .aws(aws)
        .args(["-q"])
        .file("out/one", "old")
        .mode("out/one", 0o640);
    let entry = |path: &str| format!("  - {{ from: \"prod/tls:key\", path: \"{path}\" }}\n");
    let entries = ["out/one", second, "out/three"].map(entry).concat();
    sandbox.declaration(&format!("files:\n{entries}"))
}

/// Asserts that `out/one` is unchanged, and is the only file.
fn changes_nothing(sandbox: &Sandbox, status: Status) -> String {
    leaves_one_file(sandbox, status, "old", 0o640)
}

/// Asserts that `out/one` has its new content, and is the only file.
fn replaces_one_file(sandbox: &Sandbox, status: Status) -> String {
    leaves_one_file(sandbox, status, "key-4c7a1e\n", 0o400)
}

/// Runs, and asserts that the command wasn't started and that `out/one` is the only file, with this
/// content and mode. Returns standard error.
fn leaves_one_file(sandbox: &Sandbox, status: Status, content: &str, mode: u32) -> String {
    let file = sandbox.path("out/one");
    let outcome = sandbox.run();
    outcome.ended(status);
    assert!(
        outcome.stdout.is_empty(),
        "the command has started: {outcome}"
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), content, "{outcome}");
    assert_eq!(
        fs::metadata(&file).unwrap().mode() & 0o7777,
        mode,
        "{outcome}"
    );
    assert_eq!(sandbox.names_in("out"), ["one"], "{outcome}");
    outcome.stderr()
}

#[test]
fn new_files_are_removed_if_the_command_cannot_be_executed_and_replaced_files_stay() {
    let aws = tls_secret();
    let sandbox = three_files(&aws, "out/two")
        .executable("tool", "#!/nonexistent/interpreter\n")
        .command(["./tool"]);
    replaces_one_file(&sandbox, Status::Exit(126));
    assert_eq!(aws.calls().len(), 1);
}

#[test]
fn a_launch_that_fails_before_all_files_are_ready_neither_changes_nor_adds_a_file() {
    let aws = tls_secret().secret(
        "large",
        Secret::text(&format!("{}{}", CANARY, "x".repeat(65_000))),
    );
    let too_large = |sandbox: Sandbox| {
        let sandbox = sandbox.prepared_by("ulimit -s 1024; exec \"$@\"");
        (0..5).fold(sandbox, |sandbox, number| {
            sandbox.resolve(&format!("L{number}=large"))
        })
    };
    let launch = || three_files(&aws, "out/two");
    let missing_command = launch().command(["no-such-command"]);
    changes_nothing(&missing_command, Status::Exit(127));
    assert!(aws.calls().is_empty());

    changes_nothing(&too_large(launch()), Status::Exit(78));
    let absent_value = launch().resolve("A=prod/tls:nope");
    changes_nothing(&absent_value, Status::Exit(78));
    // The last path is on a file system of the kernel.
    for path in [
        "missing/two",
        "out/",
        "out/.",
        "out/x/..",
        "/",
        "/proc/file",
    ] {
        let sandbox = three_files(&aws, path).case(path);
        let stderr = changes_nothing(&sandbox, Status::Exit(78));
        assert!(stderr.contains("secrets-exec.yaml:3"), "{path}: {stderr}");
        assert!(!sandbox.path("missing").exists());
    }
}

#[test]
fn a_symbolic_link_directory_or_pipe_at_the_path_of_a_file_is_refused_and_not_replaced() {
    let aws = tls_secret();
    for kind in ["link", "link to nowhere", "directory", "pipe"] {
        let sandbox = three_files(&aws, "out/two");
        let two = sandbox.path("out/two");
        match kind {
            "link" => symlink("one", &two).unwrap(),
            "link to nowhere" => symlink("nowhere", &two).unwrap(),
            "directory" => fs::create_dir(&two).unwrap(),
            _ => named_pipe(&two),
        }
        let before = fs::symlink_metadata(&two).unwrap();
        let word = kind.split(' ').next().unwrap();
        sandbox
            .run()
            .refused(78)
            .says(["out/two (secrets-exec.yaml:3, ", word]);
        let after = fs::symlink_metadata(&two).unwrap();
        assert_eq!(
            (before.ino(), before.mode()),
            (after.ino(), after.mode()),
            "{kind}"
        );
        assert_eq!(sandbox.names_in("out"), ["one", "two"], "{kind}");
        assert_eq!(fs::read(sandbox.path("out/one")).unwrap(), b"old", "{kind}");
    }
}

#[test]
fn a_file_is_replaced_if_its_directory_is_writable_even_if_the_file_cannot_be_read() {
    let nobody = or_skip!(skip::as_nobody());
    let aws = tls_secret();
    for (what, mode, settings, facts) in [
        (
            "a directory that may not be written",
            0o755,
            "",
            &["out/file (app.yaml:2, ", "permission"][..],
        ),
        (
            "an owner that may not be set",
            0o777,
            ", owner: root",
            &["app.yaml:2", "owner"],
        ),
        ("a file that may not be read", 0o777, "", &[]),
        (
            "a directory that may be written and not read",
            0o1733,
            "",
            &[],
        ),
    ] {
        let sandbox = with_file(&aws, settings)
            .case(what)
            .mode("out", mode)
            .through(nobody);
        let is_there = what.starts_with("a file");
        let sandbox = if is_there {
            sandbox.file("out/file", "old").mode("out/file", 0o200)
        } else {
            sandbox
        };
        let run = sandbox.spawn_copy().wait();
        if facts.is_empty() {
            run.launched_silently();
            assert_eq!(
                fs::read(sandbox.path("out/file")).unwrap(),
                b"key-4c7a1e\n",
                "{what}"
            );
        } else {
            run.refused(78).says(facts.iter().copied());
        }
        assert_eq!(
            sandbox.names_in("out").len(),
            usize::from(facts.is_empty()),
            "{what}"
        );
        assert_eq!(
            fs::metadata(sandbox.path("out")).unwrap().mode() & 0o7777,
            mode,
            "{what}"
        );
    }
}

#[test]
fn a_launch_fails_with_78_and_the_reason_if_the_file_system_is_read_only_or_full() {
    if !skip::can(
        &["unshare", "--mount", "sh", "-c", "mount -t tmpfs none /mnt"],
        "a file system for one test",
    ) {
        return;
    }
    let large = Secret::text(&format!(r#"{{"key":"{}"}}"#, "x".repeat(60_000)));
    let aws = Aws::start().secret("prod/tls", large);
    for (options, prepare, fact, left) in [
        ("ro", ":", "read-only", ""),
        ("size=16k", "printf old >out/file", "space", "file\n"),
        ("nr_inodes=2", "touch out/x", "out/file", "x\n"),
        ("size=1m", "ulimit -f 8", "too large", ""),
    ] {
        let script = format!(
            "mount -t tmpfs -o {options} none out && {prepare} || exit 99; \"$@\"; code=$?; ls -A out >left; exit $code"
        );
        let sandbox =
            with_file(&aws, "").through(["unshare", "--mount", "sh", "-c", &script, "sh"]);
        sandbox.run().refused(78).says(["app.yaml:2", fact]);
        assert_eq!(
            fs::read_to_string(sandbox.path("left")).unwrap(),
            left,
            "{options}"
        );
    }
}

#[test]
fn a_file_that_is_a_mount_point_itself_is_named_with_the_advice_to_mount_its_directory() {
    if !skip::can(
        &[
            "unshare",
            "--mount",
            "mount",
            "--bind",
            "/etc/hosts",
            "/etc/passwd",
        ],
        "a file that is mounted",
    ) {
        return;
    }
    let aws = tls_secret();
    let script = "printf old >host && >out/file && mount --bind host out/file && exec \"$@\"";
    let sandbox = with_file(&aws, "").through(["unshare", "--mount", "sh", "-c", script, "sh"]);
    let run = sandbox.run();
    run.refused(78).says([
        "out/file\" is a mount point, so it can't be replaced",
        "mount the directory of the file instead of the file",
    ]);
    assert_eq!(sandbox.names_in("out"), ["file"]);
    assert_eq!(fs::read_to_string(sandbox.path("host")).unwrap(), "old");
}

/// Lets strace inject a result into system calls. Returns `None` if strace doesn't work here.
fn injected(sandbox: Sandbox, calls: &str, result: &str) -> Option<Sandbox> {
    let (trace, inject) = (format!("trace={calls}"), format!("inject={calls}:{result}"));
    let wrapper = ["strace", "-o", "/dev/null", "-e", &trace, "-e", &inject];
    Some(sandbox.through(skip::wrapper(wrapper, "a rename that fails")?))
}

const RENAMES: &str = "rename,renameat,renameat2";

#[test]
fn if_a_file_cannot_be_renamed_to_its_path_the_launch_fails_and_leaves_no_new_file() {
    let aws = tls_secret();
    for (number, line) in [
        (1, "secrets-exec.yaml:2"),
        (2, "secrets-exec.yaml:3"),
        (3, "secrets-exec.yaml:4"),
    ] {
        let result = format!("error=EACCES:when={number}");
        let sandbox = or_skip!(injected(three_files(&aws, "out/two"), RENAMES, &result));
        let leaves = if number == 1 {
            changes_nothing
        } else {
            replaces_one_file
        };
        let stderr = leaves(&sandbox, Status::Exit(78));
        assert!(stderr.contains(line), "{stderr}");
    }
}

#[test]
fn a_signal_while_files_are_written_ends_the_launch_and_leaves_no_new_file() {
    let aws = tls_secret();
    for (name, number) in [("TERM", 15), ("INT", 2), ("HUP", 1)] {
        for (calls, leaves) in [
            ("fchmod", changes_nothing as fn(&Sandbox, Status) -> String),
            (RENAMES, replaces_one_file),
        ] {
            let result = format!("signal=SIG{name}:when=1");
            let sandbox = or_skip!(injected(three_files(&aws, "out/two"), calls, &result));
            leaves(&sandbox, Status::Signal(number));
        }
    }
}
