//! Support for tests of file delivery: temporary directories, declared files, and tests in a child process.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::problem::{DeliverError, DeliverProblem};
use super::signals::Signals;
use super::{Delivery, Files};
use crate::model::entry::{FileTarget, Mode, Origin, Owner, Place};
use crate::model::env_name::EnvName;
use crate::model::resolved::FileValue;
use crate::model::secret_value::SecretValue;
use crate::system::signals::TERMINATION;

const CHILD: &str = "SECRETS_EXEC_TEST_CHILD";

/// Delivers files and holds the signals only meanwhile, so that tests do not wait for each other.
pub fn deliver(files: Vec<FileValue>) -> Result<Delivery, Vec<DeliverError>> {
    let signals = Signals::hold(&TERMINATION);
    let mut delivery = Delivery::stage(Files::find(files))?;
    delivery.place_unless_interrupted(&signals)?;
    Ok(delivery)
}

pub const NOBODY: u32 = 65_534;

/// A new directory, removed with its contents when dropped.
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

/// The sorted names in a directory, including temporary files.
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

pub fn problems(result: Result<Delivery, Vec<DeliverError>>) -> Vec<DeliverProblem> {
    result.unwrap_err().into_iter().map(|error| error.problem).collect()
}

/// The result of a test that ran in a child process, and its working directory.
pub struct Child {
    pub output: Output,
    pub directory: Directory,
}

/// Runs the calling test again in a child process and a new directory, prepared by a wrapping command and a line of shell.
/// Returns `None` in that child.
pub fn in_child(test: &str, command: &[&str], line: &str) -> Option<Child> {
    if std::env::var_os(CHILD).is_some() {
        return None;
    }
    let directory = Directory::new();
    let script = format!("set -e; {line}; exec \"$0\" --exact \"$1\" --nocapture");
    let mut child = Command::new("env");
    // A shell starts background jobs (`&`) with INT and QUIT ignored, which children inherit.
    child
        .arg("--default-signal")
        .args(command)
        .args(["sh", "-c", &script])
        .arg(std::env::current_exe().unwrap())
        .arg(test);
    let output = child.env(CHILD, "1").current_dir(&directory.0).output().unwrap();
    Some(Child { output, directory })
}

/// True if a test can change owners of files; prints a note if not.
pub fn is_root(test: &str) -> bool {
    nix::unistd::geteuid().is_root() || skipped(test)
}

/// Reports a skipped test on standard error, past the test harness, which captures `eprintln!`, and in the list of `tests/skips`.
fn skipped(test: &str) -> bool {
    let line = format!("{test}: cannot be root here\n");
    std::io::stderr().write_all(format!("SKIPPED: {line}").as_bytes()).unwrap();
    if let Some(list) = std::env::var_os("SECRETS_EXEC_SKIPPED") {
        fs::File::options().append(true).create(true).open(list).unwrap().write_all(line.as_bytes()).unwrap();
    }
    false
}

/// Drops root's user and groups permanently.
pub fn become_nobody() {
    nix::unistd::setgroups(&[]).unwrap();
    nix::unistd::setgid(NOBODY.into()).unwrap();
    nix::unistd::setuid(NOBODY.into()).unwrap();
}

pub fn passed(Child { output, .. }: &Child) {
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "no such test: {output:?}");
}
