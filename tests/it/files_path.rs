//! Files at a `path` after a launch; start with `with_file`, which declares `out/file`. Failures are in
//! `files_failed.rs`.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::sys::statfs::{TMPFS_MAGIC, statfs};

use crate::support::aws::Aws;
use crate::support::aws::secret::Secret;
use crate::support::sandbox::Sandbox;
use crate::support::skip;

pub fn served() -> Aws {
    Aws::start().secret("prod/tls", Secret::json(r#"{"key":"the key\n","cert":"the certificate"}"#))
}

/// A directory `out`, and on line 2 of the declaration a file in it. `-q`, since files on disk cause a warning.
pub fn with_file(aws: &Aws, settings: &str) -> Sandbox {
    let sandbox = Sandbox::new().aws(aws).args(["-q"]);
    fs::create_dir(sandbox.path("out")).unwrap();
    let path = sandbox.path("out/file");
    sandbox.declaration(&format!("files:\n  - {{ from: \"prod/tls:key\", path: \"{}\"{settings} }}\n", path.display()))
}

/// The names in the directory `out`, temporary files included.
pub fn names(sandbox: &Sandbox) -> Vec<String> {
    let entries = fs::read_dir(sandbox.path("out")).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

fn is_in_memory(path: &Path) -> bool {
    statfs(path).is_ok_and(|system| system.filesystem_type() == TMPFS_MAGIC)
}

#[test]
fn the_file_is_there_and_stays_and_its_variable_holds_its_path() {
    let aws = served();
    let sandbox = with_file(&aws, ", env: F").script("cat \"$F\"; printf %s \"$F\"");
    let path = sandbox.path("out/file");
    sandbox.run().launched_silently().printed(format!("the key\n{}", path.display()));
    assert_eq!(fs::read(&path).unwrap(), b"the key\n");
    assert_eq!(names(&sandbox), ["file"]);
}

#[test]
fn without_env_no_variable_is_set() {
    let aws = served();
    let sandbox = with_file(&aws, "");
    let before = sandbox.control().names();
    assert_eq!(sandbox.run().launched_silently().names(), before);
    assert_eq!(names(&sandbox), ["file"]);
}

#[test]
fn its_mode_is_the_declared_one_whatever_the_umask() {
    let aws = served();
    for (settings, wanted) in
        [("", 0o400), (", mode: \"0644\"", 0o644), (", mode: 0440", 0o440), (", mode: 640", 0o640)]
    {
        for umask in ["000", "077"] {
            let sandbox = with_file(&aws, settings).prepared_by(&format!("umask {umask}; exec \"$@\""));
            sandbox.run().launched();
            assert_eq!(mode(&sandbox.path("out/file")), wanted, "{settings} under umask {umask}");
        }
    }
}

#[test]
fn its_owner_is_the_declared_one_by_number_or_name() {
    if !nix::unistd::geteuid().is_root() {
        return skip::skipped("a file of another owner: only root may give files away");
    }
    let aws = served();
    for (owner, wanted) in [("65534:65533", (65534, 65533)), (":65533", (0, 65533)), ("root:root", (0, 0))] {
        let sandbox = with_file(&aws, &format!(", owner: \"{owner}\""));
        sandbox.run().launched_silently();
        let found = fs::metadata(sandbox.path("out/file")).unwrap();
        assert_eq!((found.uid(), found.gid(), found.mode() & 0o7777), (wanted.0, wanted.1, 0o400), "{owner}");
    }
}

#[test]
fn another_owner_needs_no_capability_but_that_to_give_files_away() {
    let wrapper = ["setpriv", "--bounding-set=-all,+chown", "--inh-caps=-all"];
    if !nix::unistd::geteuid().is_root() || !skip::can(&[&wrapper[..], &["true"]].concat(), "CAP_CHOWN alone") {
        return skip::skipped("CAP_CHOWN alone: only root has it");
    }
    let aws = served();
    let sandbox = with_file(&aws, ", owner: \"65534:65533\", mode: \"0440\"").through(wrapper);
    sandbox.run().launched_silently();
    let found = fs::metadata(sandbox.path("out/file")).unwrap();
    assert_eq!((found.uid(), found.gid(), found.mode() & 0o7777), (65534, 65533, 0o440));
}

#[test]
fn owner_and_mode_are_set_before_the_first_byte_and_the_name_is_given_last() {
    let calls = "trace=openat,fchown,fchmod,write,rename,renameat,renameat2";
    if !skip::can(&["strace", "-o", "/dev/null", "true"], "the order of system calls") {
        return;
    }
    let aws = served();
    let sandbox = with_file(&aws, ", mode: \"0440\", owner: \"0:0\"").command(["/bin/true"]);
    let run = sandbox.through(["strace", "-f", "-e", calls, "-s", "999", "-o", "trace"]);
    if !nix::unistd::geteuid().is_root() {
        return skip::skipped("the order of system calls: only root may give files away");
    }
    run.run().launched();
    let trace = fs::read_to_string(run.path("trace")).unwrap();
    let lines: Vec<&str> = trace.lines().collect();
    let at = |words: &[&str]| {
        let found = lines.iter().position(|line| words.iter().all(|word| line.contains(word)));
        found.unwrap_or_else(|| panic!("no {words:?} in\n{trace}"))
    };
    let order = [
        at(&["O_CREAT", "O_EXCL", "0600"]),
        at(&["fchown("]),
        at(&["fchmod(", "0440"]),
        at(&["write(", "the key"]),
        at(&["rename", "\"file\""]),
    ];
    assert!(order.is_sorted(), "{order:?} in\n{trace}");
}

#[test]
fn a_file_that_is_there_is_replaced_and_not_written_into() {
    let aws = served();
    let sandbox = with_file(&aws, ", mode: \"0440\"").file("out/file", "old content, longer than the new");
    let path = sandbox.path("out/file");
    fs::hard_link(&path, sandbox.path("old")).unwrap();
    sandbox.run().launched_silently();
    assert_eq!(fs::read(&path).unwrap(), b"the key\n");
    assert_eq!(mode(&path), 0o440);
    assert_eq!(fs::read(sandbox.path("old")).unwrap(), b"old content, longer than the new");
    assert_eq!(names(&sandbox), ["file"]);
}

#[test]
fn a_binary_secret_arrives_byte_for_byte() {
    let bytes: Vec<u8> = (0..=255).cycle().take(65_536).collect();
    let aws = Aws::start().secret("prod/tls", Secret::binary(bytes.clone()));
    let sandbox = Sandbox::new().aws(&aws).args(["-q"]);
    let path = sandbox.path("file");
    let sandbox = sandbox.declaration(&format!("files: [{{ from: prod/tls, path: \"{}\" }}]\n", path.display()));
    sandbox.run().launched_silently();
    assert!(fs::read(path).unwrap() == bytes);
}

#[test]
fn a_directory_that_is_a_link_is_followed() {
    let aws = served();
    let sandbox = with_file(&aws, "");
    fs::rename(sandbox.path("out"), sandbox.path("real")).unwrap();
    std::os::unix::fs::symlink("real", sandbox.path("out")).unwrap();
    sandbox.run().launched_silently();
    assert_eq!(fs::read(sandbox.path("real/file")).unwrap(), b"the key\n");
}

#[test]
fn a_directory_that_may_be_written_and_not_read_is_enough() {
    let other_user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    if !skip::can(&[&other_user[..], &["true"]].concat(), "a run as another user") {
        return;
    }
    let aws = served();
    let sandbox = with_file(&aws, "").mode("out", 0o733).args(["-f", "secrets-exec.yaml"]).through(other_user);
    sandbox.spawn_copy().wait().launched_silently();
    assert_eq!(fs::read(sandbox.path("out/file")).unwrap(), b"the key\n");
}

#[test]
fn a_warning_says_when_it_is_not_in_memory_and_quiet_silences_it() {
    let aws = served();
    let declared = |sandbox: Sandbox| {
        let path = sandbox.path("file");
        sandbox.declaration(&format!("files:\n  - {{ from: \"prod/tls:key\", path: \"{}\" }}\n", path.display()))
    };
    let sandbox = declared(Sandbox::new().aws(&aws));
    if is_in_memory(&sandbox.path("")) {
        return skip::skipped("a warning of files on disk: the temporary directory is on tmpfs");
    }
    let path = sandbox.path("file");
    sandbox.run().launched().says(["secrets-exec.yaml:2", &path.display().to_string(), "tmpfs"]);
    sandbox.args(["-q"]).run().launched_silently();
}

/// A directory on tmpfs, removed with its file.
struct Shared(PathBuf);

impl Drop for Shared {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn on_tmpfs_there_is_no_warning() {
    let shared = Shared(PathBuf::from(format!("/dev/shm/secrets-exec-it-{}", std::process::id())));
    if !is_in_memory(Path::new("/dev/shm")) || fs::create_dir(&shared.0).is_err() {
        return skip::skipped("a file on tmpfs: /dev/shm is none, or not for us");
    }
    let aws = served();
    let declaration = format!("files: [{{ from: \"prod/tls:key\", path: \"{}/file\" }}]\n", shared.0.display());
    Sandbox::new().aws(&aws).declaration(&declaration).run().launched_silently();
    assert_eq!(fs::read(shared.0.join("file")).unwrap(), b"the key\n");
}

#[test]
fn a_later_file_for_the_same_path_wins_and_the_earlier_is_not_fetched() {
    let aws = Aws::start().secret("b", Secret::json(r#"{"k":"later"}"#));
    let sandbox = Sandbox::new().aws(&aws).args(["-q", "-f", "a.yaml", "-f", "b.yaml"]);
    let path = sandbox.path("file");
    let entry = |from: &str| format!("files: [{{ from: \"{from}:k\", path: \"{}\" }}]\n", path.display());
    let sandbox = sandbox.file("a.yaml", entry("a")).file("b.yaml", entry("b"));
    sandbox.run().launched_silently();
    assert_eq!(fs::read(&path).unwrap(), b"later");
    assert_eq!(aws.only_read().secret_id(), "b");
}

#[test]
fn one_path_twice_in_a_declaration_is_an_error_before_anything_is_read() {
    let aws = served();
    let declaration =
        "files:\n  - { from: \"prod/tls:key\", path: /run/x/a }\n  - { from: \"prod/tls:cert\", path: /run/x/a }\n";
    let run = Sandbox::new().aws(&aws).declaration(declaration).run();
    run.refused(78).says(["secrets-exec.yaml:3", "/run/x/a"]);
    assert!(aws.calls().is_empty());
}

#[test]
fn keep_existing_keeps_the_variable_and_writes_no_file() {
    let aws = served();
    let sandbox = with_file(&aws, ", env: F").env("F", "/etc/own.key").args(["--keep-existing"]);
    sandbox.run().launched_silently().has("F", "/etc/own.key");
    assert!(aws.calls().is_empty());
    assert!(names(&sandbox).is_empty());
}

#[test]
fn the_permissions_of_the_directory_are_not_touched() {
    let aws = served();
    let sandbox = with_file(&aws, "").mode("out", 0o1750);
    sandbox.run().launched_silently();
    assert_eq!(fs::metadata(sandbox.path("out")).unwrap().permissions().mode() & 0o7777, 0o1750);
}
