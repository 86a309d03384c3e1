//! A directory for `--cache`: private, and in memory.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::support::directory::names_in;
use crate::support::sandbox::Sandbox;
use crate::support::skip;

/// A directory in `/dev/shm`, removed when it is dropped.
pub struct CacheDirectory(PathBuf);

impl CacheDirectory {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = PathBuf::from(format!("/dev/shm/secrets-exec-it-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        let directory = Self(path);
        directory.mode(0o700);
        directory
    }

    /// A directory for launches at other times, by [`later`]; `None`, and the calling test reported as skipped, where there are none.
    pub fn for_later() -> Option<Self> {
        let works = skip::can(&["unshare", "--time", "--boottime", "60", "true"], "the age of cached answers");
        works.then(Self::new)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn mode(&self, mode: u32) {
        fs::set_permissions(&self.0, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Adds `--cache` with this directory, and more options. Sandboxes without files of AWS in their home have the same home, which is a
    /// part of an entry's name.
    pub fn with(&self, sandbox: Sandbox, options: &[&str]) -> Sandbox {
        let has_files = sandbox.home().join(".aws").exists();
        let sandbox = if has_files { sandbox } else { sandbox.env("HOME", "/nonexistent") };
        sandbox.arg("--cache").arg(&self.0).args(options)
    }

    /// The names of the files, sorted.
    pub fn names(&self) -> Vec<String> {
        names_in(&self.0)
    }

    /// The only entry.
    pub fn entry(&self) -> PathBuf {
        let names = self.names();
        assert_eq!(names.len(), 1, "{names:?}");
        self.0.join(&names[0])
    }
}

/// Runs a launch so many seconds later, by the clock that counts from the boot; a negative number is earlier.
pub fn later(sandbox: Sandbox, seconds: i64) -> Sandbox {
    sandbox.through(["unshare", "--time", "--boottime", &seconds.to_string()])
}

impl Drop for CacheDirectory {
    fn drop(&mut self) {
        // A leftover is no reason to fail a test.
        let _ = fs::remove_dir_all(&self.0);
    }
}
