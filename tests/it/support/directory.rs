//! Temporary directories, which are removed when they are dropped. Those for `--cache` are private
//! and in memory.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::sandbox::Sandbox;
use super::skip;

pub struct Directory(PathBuf);

impl Directory {
    /// Makes a directory that every user can read, for tests that run the program as another user.
    pub fn new() -> Self {
        Self::below(&std::env::temp_dir(), 0o755)
    }

    /// Makes a directory with this mode below a folder.
    fn below(folder: &Path, mode: u32) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        loop {
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let name = format!("secrets-exec-it-{}-{number}", std::process::id());
            let path = folder.join(name);
            if fs::create_dir(&path).is_ok() {
                fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
                return Self(path);
            }
        }
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

/// The names in a directory, sorted.
pub fn names_in(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort_unstable();
    names
}

/// Makes a named pipe (mkfifo(3)). A process that opens it hangs until another process opens the
/// other end.
pub fn named_pipe(path: &Path) {
    mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
}

impl Drop for Directory {
    fn drop(&mut self) {
        // A test shouldn't fail because a directory could not be removed.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A directory in `/dev/shm`, which is removed when this is dropped.
pub struct CacheDirectory(Directory);

impl CacheDirectory {
    pub fn new() -> Self {
        Self(Directory::below(Path::new("/dev/shm"), 0o700))
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Adds `--cache` with this directory, and more options. The name of a cache entry depends on
    /// HOME, so sandboxes without AWS files in their home directory get the same HOME.
    pub fn with(&self, sandbox: Sandbox, options: &[&str]) -> Sandbox {
        let sandbox = if sandbox.home().join(".aws").exists() {
            sandbox
        } else {
            sandbox.env("HOME", "/nonexistent")
        };
        sandbox.arg("--cache").arg(self.path()).args(options)
    }

    /// The names of the files, sorted.
    pub fn names(&self) -> Vec<String> {
        names_in(self.path())
    }

    pub fn entry(&self) -> PathBuf {
        let names = self.names();
        assert_eq!(names.len(), 1, "{names:?}");
        self.path().join(&names[0])
    }
}

/// Returns whether [`later`] works here. If not, reports the calling test as skipped.
pub fn can_be_later() -> bool {
    skip::can(
        &["unshare", "--time", "--boottime", "60", "true"],
        "the age of cached answers",
    )
}

/// Lets a launch run this number of seconds later, on the clock that counts from boot. A negative
/// number is earlier.
pub fn later(sandbox: Sandbox, seconds: i64) -> Sandbox {
    sandbox.through(["unshare", "--time", "--boottime", &seconds.to_string()])
}
