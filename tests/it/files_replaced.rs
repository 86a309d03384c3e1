//! Files at a `path` that exists: the old file is exchanged unread, and a launch that is undone restores that same
//! file.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::time::UNIX_EPOCH;

use crate::files_path::{names, served, with_file};
use crate::support::aws::Aws;
use crate::support::outcome::Status;
use crate::support::sandbox::Sandbox;
use crate::support::skip;

const AS_NOBODY: [&str; 4] = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

fn can_run_as_nobody() -> bool {
    skip::can(&[&AS_NOBODY[..], &["true"]].concat(), "a run as another user")
}

/// Injects results into system calls, by strace.
fn injected(sandbox: Sandbox, injections: &[&str]) -> Option<Sandbox> {
    let injections = injections.iter().flat_map(|injection| ["-e", injection]);
    let wrapper: Vec<&str> = ["strace", "-o", "/dev/null"].into_iter().chain(injections).collect();
    skip::can(&[&wrapper[..], &["true"]].concat(), "system calls that fail").then(|| sandbox.through(wrapper))
}

/// The properties of a file that must be the same after undoing.
#[derive(Debug, PartialEq)]
struct Identity {
    inode: u64,
    links: u64,
    modified: (i64, i64),
    mode: u32,
    owner: (u32, u32),
    content: Vec<u8>,
}

fn identity(path: &Path) -> Identity {
    let found = fs::metadata(path).unwrap();
    Identity {
        inode: found.ino(),
        links: found.nlink(),
        modified: (found.mtime(), found.mtime_nsec()),
        mode: found.mode(),
        owner: (found.uid(), found.gid()),
        content: fs::read(path).unwrap(),
    }
}

/// Replaces `out/file`, which has a second link and an old time.
fn replacing(settings: &str) -> (Aws, Sandbox) {
    let aws = served();
    let sandbox = with_file(&aws, settings).file("out/file", "old").mode("out/file", 0o640);
    let path = sandbox.path("out/file");
    fs::hard_link(&path, sandbox.path("link")).unwrap();
    File::open(&path).unwrap().set_modified(UNIX_EPOCH).unwrap();
    (aws, sandbox)
}

#[test]
fn a_launch_that_fails_before_execve_brings_back_the_very_file() {
    let (_aws, sandbox) = replacing("");
    let (path, large) = (sandbox.path("out/file"), "x".repeat(100_000));
    let declaration = format!(
        "files: [{{ from: \"prod/tls:key\", path: \"{}\" }}]\nenv: {{ A: {{ value: {large} }} }}\n",
        path.display()
    );
    // More than a quarter of the stack, so that execve fails.
    let sandbox =
        sandbox.declaration(&declaration).env("B", &large).env("C", &large).prepared_by("ulimit -s 1024; exec \"$@\"");
    let before = identity(&sandbox.path("out/file"));
    sandbox.run().refused(78);
    assert_eq!(identity(&sandbox.path("out/file")), before);
    assert_eq!(names(&sandbox), ["file"]);
}

#[test]
fn a_signal_before_execve_brings_back_the_very_file() {
    let (_aws, sandbox) = replacing("");
    let Some(sandbox) = injected(sandbox, &["inject=renameat2:signal=TERM:when=1"]) else { return };
    let before = identity(&sandbox.path("out/file"));
    sandbox.run().ended(Status::Signal(15));
    assert_eq!(identity(&sandbox.path("out/file")), before);
    assert_eq!(names(&sandbox), ["file"]);
}

#[test]
fn a_command_that_cannot_be_executed_brings_back_the_very_file_if_another_link_holds_it() {
    let (_aws, sandbox) = replacing("");
    let sandbox = sandbox.executable("tool", "#!/nonexistent/interpreter\n").command(["./tool"]);
    let before = identity(&sandbox.path("out/file"));
    sandbox.run().refused(126);
    assert_eq!(identity(&sandbox.path("out/file")), before);
    assert_eq!(names(&sandbox), ["file"]);
}

#[test]
fn a_command_that_cannot_be_executed_brings_back_a_copy_of_a_file_that_nothing_else_links() {
    let (_aws, sandbox) = replacing("");
    let path = sandbox.path("out/file");
    fs::remove_file(sandbox.path("link")).unwrap();
    if nix::unistd::geteuid().is_root() {
        chown(&path, Some(65534), Some(65533)).unwrap();
    }
    let sandbox = sandbox.executable("tool", "#!/nonexistent/interpreter\n").command(["./tool"]);
    let before = identity(&path);
    sandbox.run().refused(126);
    let after = identity(&path);
    assert_eq!(after, Identity { inode: after.inode, ..before });
    assert_eq!(names(&sandbox), ["file"]);
}

#[test]
fn a_file_of_any_size_is_replaced_without_being_read() {
    let aws = served();
    let sandbox = with_file(&aws, "").file("out/file", "").prepared_by("ulimit -v 2000000; exec \"$@\"");
    File::options().write(true).open(sandbox.path("out/file")).unwrap().set_len(3 << 30).unwrap();
    sandbox.run().launched_silently();
    assert_eq!(fs::read(sandbox.path("out/file")).unwrap(), b"the key\n");
    assert_eq!(names(&sandbox), ["file"]);
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

#[test]
fn a_file_of_another_user_in_a_sticky_directory_is_refused_with_the_reason() {
    if !can_run_as_nobody() {
        return;
    }
    let aws = served();
    let sandbox = with_file(&aws, "").mode("out", 0o1777).file("out/file", "old").mode("out/file", 0o666);
    let sandbox = sandbox.args(["-f", "secrets-exec.yaml"]).through(AS_NOBODY);
    let owner = format!("user {}", nix::unistd::geteuid());
    sandbox.spawn_copy().wait().refused(78).says(["secrets-exec.yaml:2", "sticky", &owner]);
    assert_eq!(fs::read(sandbox.path("out/file")).unwrap(), b"old");
    assert_eq!(names(&sandbox), ["file"]);
}

#[test]
fn a_file_system_that_cannot_exchange_serves_as_well() {
    for mode in [0o755, 0o1755] {
        for is_there in [true, false] {
            let (_aws, sandbox) = replacing("");
            fs::set_permissions(sandbox.path("out"), fs::Permissions::from_mode(mode)).unwrap();
            if !is_there {
                fs::remove_file(sandbox.path("out/file")).unwrap();
            }
            let Some(sandbox) = injected(sandbox, &["inject=renameat2:error=EINVAL"]) else { return };
            sandbox.run().launched_silently();
            assert_eq!(fs::read(sandbox.path("out/file")).unwrap(), b"the key\n");
            assert_eq!(fs::read(sandbox.path("link")).unwrap(), b"old");
            assert_eq!(names(&sandbox), ["file"]);
        }
    }
}

#[test]
fn a_file_system_that_can_neither_exchange_nor_link_serves_as_well() {
    let (_aws, sandbox) = replacing("");
    let injections = ["inject=renameat2:error=EINVAL", "inject=linkat:error=EPERM"];
    let Some(sandbox) = injected(sandbox, &injections) else { return };
    sandbox.run().launched_silently();
    assert_eq!(fs::read(sandbox.path("out/file")).unwrap(), b"the key\n");
    assert_eq!(names(&sandbox), ["file"]);
}

#[test]
fn an_old_file_that_cannot_be_removed_is_an_error_and_back_in_its_place() {
    let (_aws, sandbox) = replacing("");
    let before = identity(&sandbox.path("out/file"));
    let Some(sandbox) = injected(sandbox, &["inject=unlinkat:error=EIO:when=1"]) else { return };
    sandbox.run().refused(78).says(["secrets-exec.yaml:2", "cannot be removed"]);
    assert_eq!(identity(&sandbox.path("out/file")), before);
    assert_eq!(names(&sandbox), ["file"]);
}

#[test]
fn a_file_that_appears_right_before_the_rename_is_put_back_as_well() {
    let (_aws, sandbox) = replacing("");
    let sandbox = sandbox.executable("tool", "#!/nonexistent/interpreter\n").command(["./tool"]);
    let before = identity(&sandbox.path("out/file"));
    // As if it had not been there yet.
    let Some(sandbox) = injected(sandbox, &["inject=renameat2:error=ENOENT:when=1"]) else { return };
    sandbox.run().refused(126);
    assert_eq!(identity(&sandbox.path("out/file")), before);
    assert_eq!(names(&sandbox), ["file"]);
}

#[test]
fn a_rename_that_is_not_permitted_is_blamed_on_a_sticky_directory_only_where_it_is_one() {
    for (mode, is_blamed) in [(0o755, false), (0o1755, true)] {
        let (_aws, sandbox) = replacing("");
        fs::set_permissions(sandbox.path("out"), fs::Permissions::from_mode(mode)).unwrap();
        let Some(sandbox) = injected(sandbox, &["inject=renameat2:error=EPERM:when=1"]) else { return };
        let run = sandbox.run();
        run.refused(78).says(["secrets-exec.yaml:2"]);
        assert_eq!(run.stderr().contains("sticky"), is_blamed, "{run}");
        assert_eq!(names(&sandbox), ["file"]);
    }
}

#[test]
fn a_signal_after_a_failed_execve_cuts_no_undoing_short() {
    let (_aws, sandbox) = replacing("");
    let sandbox = sandbox.executable("tool", "#!/nonexistent/interpreter\n").command(["./tool"]);
    let before = identity(&sandbox.path("out/file"));
    let Some(sandbox) = injected(sandbox, &["inject=linkat:signal=TERM:when=1"]) else { return };
    sandbox.run().ended(Status::Signal(15));
    assert_eq!(identity(&sandbox.path("out/file")), before);
    assert_eq!(names(&sandbox), ["file"]);
}
