//! Support for tests of file delivery: temporary directories and declared files.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::model::entry::{DeclaredPath, FileTarget, Mode};

pub(super) const NOBODY: u32 = 65_534;

pub struct Directory(PathBuf);

impl Directory {
    pub fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("deliver-{}-{number}", std::process::id());
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

pub fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

pub(super) fn on_disk(path: impl Into<PathBuf>) -> FileTarget {
    FileTarget {
        path: Some(DeclaredPath::new(&path.into())),
        once: false,
        env: None,
        mode: Mode::default(),
        owner: None,
    }
}

/// True for root, which can change the owners of files. Otherwise, reports that `test` is skipped,
/// in a way that the test harness doesn't capture.
pub(super) fn is_root(test: &str) -> bool {
    let is_root = nix::unistd::geteuid().is_root();
    if !is_root {
        let note = format!("SKIPPED: {test}: can't be root here\n");
        std::io::stderr().write_all(note.as_bytes()).unwrap();
    }
    is_root
}
