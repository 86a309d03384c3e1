//! A file at a path: written under a temporary name in the same directory, then renamed; and the copy of the running program that `install`
//! makes.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::Path;

use nix::sys::stat::{Mode, fchmod};
use nix::unistd::close;

use super::access::WRITE;
use super::directory::DirectoryEntry;
use crate::model::entry::{Origin, Subject};
use crate::model::problem::{Impact, Problem};
use crate::system::ending::{End, end};
use crate::system::os_error::{errno, failed};
use crate::system::signals;

/// A file at a path. Dropping the value removes a temporary file, and a new one unless [`Self::keep`] was called.
#[derive(Debug)]
pub struct DiskFile {
    pub entry: DirectoryEntry,
    state: DiskState,
}

#[derive(Debug)]
enum DiskState {
    /// Complete under this temporary name.
    Temporary(OsString),
    /// In place; no file was replaced.
    New,
    /// In place to stay.
    Kept,
}

impl DiskFile {
    /// Lets `fill` write the file under a temporary name.
    ///
    /// # Errors
    /// When anything but a regular file has its name, or a step fails; then the temporary file is removed.
    pub fn stage(
        entry: DirectoryEntry,
        fill: impl FnOnce(&mut File) -> Result<(), Problem>,
    ) -> Result<Self, Problem> {
        entry.find_regular_file()?;
        let (mut file, temporary) = entry.create_temporary()?;
        let staged = Self {
            entry,
            state: DiskState::Temporary(temporary),
        };
        fill(&mut file)?;
        // Some file systems (NFS, quotas) report a full disk only on close.
        close(file).map_err(|errno| failed(WRITE, errno))?;
        Ok(staged)
    }

    /// Renames the file to its own name. A file that replaces another one stays.
    pub fn place(&mut self) -> Result<(), Problem> {
        if let DiskState::Temporary(temporary) = &self.state {
            let is_replacing = self.entry.find_regular_file()?;
            self.entry.rename(temporary)?;
            self.state = if is_replacing {
                DiskState::Kept
            } else {
                DiskState::New
            };
        }
        Ok(())
    }

    /// Leaves the file in place when the value is dropped.
    pub fn keep(&mut self) {
        self.state = DiskState::Kept;
    }
}

impl Drop for DiskFile {
    fn drop(&mut self) {
        let _ = match &self.state {
            DiskState::Temporary(name) => self.entry.remove(name),
            DiskState::New => self.entry.remove(&self.entry.name),
            DiskState::Kept => Ok(()),
        };
    }
}

/// Copies the running program to `directory`, as `secrets-exec` with mode 0755. A termination signal before the rename of the complete copy
/// removes the copy, and ends this process.
///
/// Returns a warning if another user owns the directory.
///
/// # Errors
/// When the program cannot be read, or the directory is missing or takes no file of this name; nothing is changed then.
pub fn install(directory: &Path) -> Result<Option<String>, Problem> {
    let path = directory.join("secrets-exec");
    copy(&path).map_err(|problem| {
        problem.of(
            Subject::of_path(&path, Origin::Argument("install")),
            Impact::None,
        )
    })
}

fn copy(path: &Path) -> Result<Option<String>, Problem> {
    let entry = DirectoryEntry::find(path)?;
    // The kernel's link also leads to a program whose name was removed or replaced. macOS has none, and images of containers are Linux's.
    let mut program = File::open("/proc/self/exe")
        .map_err(|error| failed("the running program cannot be read", errno(&error)))?;
    signals::hold();
    let mut file = DiskFile::stage(entry, |file| fill(file, &mut program))?;
    if let Some(signal) = signals::held_signal() {
        drop(file);
        end(End::Signal(signal), || ());
    }
    file.place()?;
    file.keep();
    Ok(file.entry.power_of_foreign_owner())
}

/// Writes the program, and waits until it is on the disk: after a crash, a name must not lead to a part of it.
fn fill(file: &mut File, program: &mut File) -> Result<(), Problem> {
    // Not subject to the umask. Nobody else can write the file.
    let mode = Mode::from_bits_truncate(0o755);
    fchmod(&*file, mode).map_err(|errno| failed("the mode of the file cannot be set", errno))?;
    io::copy(program, file).map_err(|error| failed(WRITE, errno(&error)))?;
    file.sync_all()
        .map_err(|error| failed(WRITE, errno(&error)))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use super::*;
    use crate::deliver::access::Access;
    use crate::deliver::testing::*;
    use crate::model::secret_value::SecretValue;

    fn stage(path: &Path) -> DiskFile {
        let entry = DirectoryEntry::find(path).unwrap();
        let access = Access::wanted(&on_disk(path)).unwrap();
        DiskFile::stage(entry, |opened| {
            access.fill(opened, &SecretValue::new("new"))
        })
        .unwrap()
    }

    #[test]
    fn a_directory_that_replaces_the_open_one_does_not_get_the_file() {
        let directory = Directory::new();
        fs::create_dir(directory.path("a")).unwrap();
        let mut staged = stage(&directory.path("a/file"));
        fs::rename(directory.path("a"), directory.path("b")).unwrap();
        fs::create_dir(directory.path("a")).unwrap();
        staged.place().unwrap();
        assert_eq!(names(&directory.path("a")), Vec::<String>::new());
        assert_eq!(names(&directory.path("b")), ["file"]);
        drop(staged);
        assert_eq!(names(&directory.path("b")), Vec::<String>::new());
    }

    #[test]
    fn a_file_that_is_created_meanwhile_is_replaced_and_a_link_is_not() {
        let directory = Directory::new();
        let path = directory.path("file");
        let mut staged = stage(&path);
        fs::write(&path, "of another process").unwrap();
        staged.place().unwrap();
        drop(staged);
        assert_eq!(fs::read(&path).unwrap(), b"new");
        fs::remove_file(&path).unwrap();
        let mut staged = stage(&path);
        symlink("elsewhere", &path).unwrap();
        assert!(staged.place().unwrap_err().text.contains("symbolic link"));
        drop(staged);
        assert_eq!(fs::read_link(&path).unwrap(), Path::new("elsewhere"));
        assert_eq!(directory.names(), ["file"]);
    }
}
