//! A scratch directory, removed when it is dropped.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

pub struct Directory(PathBuf);

impl Directory {
    /// Makes a directory that every user may read, for tests that run the program as another user.
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        loop {
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let name = format!("secrets-exec-it-{}-{number}", std::process::id());
            let path = std::env::temp_dir().join(name);
            if fs::create_dir(&path).is_ok() {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
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
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

impl Drop for Directory {
    fn drop(&mut self) {
        // A leftover is no reason to fail a test.
        let _ = fs::remove_dir_all(&self.0);
    }
}
