//! The files of a sandbox.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::Sandbox;
use super::start::copy_elsewhere;
use crate::support::directory::names_in;
use crate::support::watch;

impl Sandbox {
    /// Writes a file below the working directory.
    pub fn file(mut self, name: &str, content: impl AsRef<[u8]>) -> Self {
        self.written
            .extend([b" ", name.as_bytes(), b" ", content.as_ref()].concat());
        if name.ends_with(".local.yaml") {
            watch::local_file(&String::from_utf8_lossy(content.as_ref()));
        }
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        self
    }

    /// Writes an executable file below the working directory.
    pub fn executable(mut self, name: &str, content: impl AsRef<[u8]>) -> Self {
        self.written
            .extend([b" ", name.as_bytes(), b" ", content.as_ref()].concat());
        let draft = self.directory.path().join("draft");
        fs::write(&draft, content).unwrap();
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        copy_elsewhere(&draft, &path);
        self.mode(name, 0o755)
    }

    pub fn mode(self, name: &str, mode: u32) -> Self {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
        self
    }

    pub fn home_file(mut self, name: &str, content: &str) -> Self {
        self.written
            .extend([" ", name, " ", content].concat().into_bytes());
        let path = self.home().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    pub fn home(&self) -> PathBuf {
        self.directory.path().join("home")
    }

    /// The path of a file below the working directory.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.directory.path().join("work").join(name)
    }

    /// The names in a directory below the working directory, sorted.
    pub fn names_in(&self, directory: &str) -> Vec<String> {
        names_in(&self.path(directory))
    }
}
