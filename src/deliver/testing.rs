//! What the tests of file delivery share: directories, files, and a process of its own.

use super::problem::{DeliverError, Problem};
use super::signals::{Signals, Undoing};
use super::{Delivered, Files};
use crate::model::entry::Mode;
use crate::model::entry::Owner;
use crate::model::entry::{FileTarget, Origin, Place};
use crate::model::env_name::EnvName;
use crate::model::resolved::FileValue;
use crate::model::secret_value::SecretValue;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

const CHILD: &str = "SECRETS_EXEC_TEST_CHILD";

/// With the signals held for the delivery alone, so that tests need not wait for one another.
pub fn deliver(files: Vec<FileValue>) -> Result<Delivered, Vec<DeliverError>> {
    super::deliver(Files::find(files), &Signals::hold(Undoing::Files))
}

pub const NOBODY: u32 = 65_534;

/// A directory of its own, removed with what is in it.
pub struct Directory(PathBuf);

impl Directory {
    pub fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("deliver-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn names(&self) -> Vec<String> {
        names(&self.0)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

/// What is in a directory, temporary files among it.
pub fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

pub fn on_disk(path: impl Into<PathBuf>, value: impl Into<Vec<u8>>) -> FileValue {
    file(Place::Path(path.into()), None, value)
}

pub fn in_memory(env: &str, value: impl Into<Vec<u8>>) -> FileValue {
    file(Place::Memory, Some(EnvName::parse(env).unwrap()), value)
}

fn file(place: Place, env: Option<EnvName>, value: impl Into<Vec<u8>>) -> FileValue {
    let target = FileTarget { place, env, mode: Mode::PRIVATE, owner: None };
    FileValue { target, value: SecretValue::new(value), origin: Origin::Argument("--as-file") }
}

pub fn with(mode: &str, owner: Option<&str>, mut file: FileValue) -> FileValue {
    file.target.mode = Mode::parse(mode).unwrap();
    file.target.owner = owner.map(|owner| Owner::parse(owner).unwrap());
    file
}

pub fn problems(result: Result<Delivered, Vec<DeliverError>>) -> Vec<Problem> {
    result.unwrap_err().into_iter().map(|error| error.problem).collect()
}

/// A test that ran in a process of its own, and the working directory it had.
pub struct Child {
    pub output: Output,
    pub directory: Directory,
}

/// Runs the calling test once more, alone in a process and a directory that a command and a line of shell prepare.
/// In that process: nothing.
pub fn in_child(test: &str, command: &[&str], line: &str) -> Option<Child> {
    if std::env::var_os(CHILD).is_some() {
        return None;
    }
    let directory = Directory::new();
    let script = format!("set -e; {line}; exec \"$0\" --exact \"$1\" --nocapture");
    let mut child = Command::new("env");
    // A shell's `&` leaves INT and QUIT ignored.
    child
        .arg("--default-signal")
        .args(command)
        .args(["sh", "-c", &script])
        .arg(std::env::current_exe().unwrap())
        .arg(test);
    let output = child.env(CHILD, "1").current_dir(&directory.0).output().unwrap();
    Some(Child { output, directory })
}

/// Whether a test can have a file system of its own, at /mnt; says so when it is skipped.
pub fn can_mount(test: &str) -> bool {
    let can = Command::new("unshare").args(["--mount", "mount", "-t", "tmpfs", "none", "/mnt"]).output();
    can.is_ok_and(|output| output.status.success()) || skipped(test, "mount a file system")
}

/// Whether a test can give files to others; says so when it is skipped.
pub fn is_root(test: &str) -> bool {
    nix::unistd::geteuid().is_root() || skipped(test, "be root")
}

/// Goes past the capture of the test harness: a skipped test must not look like a passed one.
fn skipped(test: &str, cannot: &str) -> bool {
    std::io::stderr().write_all(format!("SKIPPED: {test}: cannot {cannot} here\n").as_bytes()).unwrap();
    false
}

/// Gives up being root, for good.
pub fn become_nobody() {
    nix::unistd::setgroups(&[]).unwrap();
    nix::unistd::setgid(NOBODY.into()).unwrap();
    nix::unistd::setuid(NOBODY.into()).unwrap();
}

pub fn passed(Child { output, .. }: &Child) {
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "no such test: {output:?}");
}
