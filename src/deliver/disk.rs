//! Files at a path: those that a launch delivers and removes again, the copy of the running program
//! that `install` makes, and the file to which `export` appends. [`Access`] is the owner and mode of
//! a delivered file, on a disk or in memory.
//!
//! A delivered file is written under a temporary name in the same directory and then renamed, so
//! that nobody sees an incomplete file. `install` writes the program in the same way:
//!
//! ```text
//! write   create .NAME.xxxxxxxx (O_EXCL, mode 0600) ─▶ set owner and mode ─▶ write ─▶ close
//!                                                             drop removes the temporary name
//! rename  to NAME ───────────┬─ the name was free ──────────▶ drop removes NAME
//!                            └─ a file was replaced ────────▶ drop removes nothing
//! keep    the file stays ───────────────────────────────────▶ drop removes nothing
//! ```

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::libc::mode_t;
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::{Gid, Group, Uid, User, close, fchown};

use super::directory::DirectoryEntry;
use crate::model::entry::{Account, FileTarget, Origin, Subject};
use crate::model::problem::{Impact, Problem};
use crate::model::secret_value::SecretValue;
use crate::system::os_error::{self, call_problem, errno};
use crate::system::paths::is_foreign;
use crate::system::signals;

/// The beginning of the error about a write that failed.
pub const WRITE: &str = "the file can't be written";

/// A numeric owner and a mode. `None` keeps the user or the group of this process.
#[derive(Debug, PartialEq, Eq)]
pub struct Access {
    pub user: Option<Uid>,
    group: Option<Gid>,
    mode: Mode,
}

impl Access {
    /// Returns the owner and mode that a declaration asks for. Looks names up in /etc/passwd and
    /// /etc/group.
    ///
    /// # Errors
    /// If a user or group with that name doesn't exist.
    pub fn from_target(target: &FileTarget) -> Result<Self, Problem> {
        let owner = target.owner.as_ref();
        let user = owner.and_then(|owner| owner.user.as_ref());
        let group = owner.and_then(|owner| owner.group.as_ref());
        // In the static binary, getpwnam(3) and getgrnam(3) don't load an NSS module, so they don't
        // look anywhere else.
        let find_user = |name: &str| User::from_name(name).ok()?.map(|user| user.uid);
        let find_group = |name: &str| Group::from_name(name).ok()?.map(|group| group.gid);
        Ok(Self {
            user: account_id(user, Uid::from_raw, find_user, "user", "/etc/passwd")?,
            group: account_id(group, Gid::from_raw, find_group, "group", "/etc/group")?,
            mode: Mode::from_bits_truncate(target.mode.bits() as mode_t),
        })
    }

    /// True if the mode allows anyone to execute the file.
    pub fn is_executable(&self) -> bool {
        self.mode
            .intersects(Mode::S_IXUSR | Mode::S_IXGRP | Mode::S_IXOTH)
    }

    /// Sets the owner and mode of an empty file and then writes its content.
    ///
    /// # Errors
    /// If the owner or the mode can't be set, or if the content can't be written.
    pub fn write(&self, file: &mut File, content: &SecretValue) -> Result<(), Problem> {
        self.apply(file)?;
        file.write_all(content.expose())
            .map_err(|error| call_problem(WRITE, errno(&error)))
    }

    /// Sets the owner and mode of an empty file that this process has created.
    ///
    /// The order matters. If the mode were set before the group, members of this process's group
    /// could open the file in between and keep the descriptor. If the user were set before the
    /// mode, changing the mode of that user's file would need CAP_FOWNER.
    ///
    /// # Errors
    /// When this process isn't allowed to give the file to the owner or to set the mode.
    fn apply(&self, file: &File) -> Result<(), Problem> {
        let no_owner = |errno: Errno| {
            call_problem("the owner of the file can't be set", errno)
                .help("only root can change the owner of a file: start secrets-exec as root, or leave out `owner`")
        };
        if self.group.is_some() {
            fchown(file, None, self.group).map_err(no_owner)?;
        }
        fchmod(file, self.mode)
            .map_err(|errno| call_problem("the mode of the file can't be set", errno))?;
        if self.user.is_some() {
            fchown(file, self.user, None).map_err(no_owner)?;
        }
        Ok(())
    }
}

/// Returns the id of a user or group: the number itself, or the id that `find` returns for a name.
/// Returns `None` if `account` is `None`.
///
/// # Errors
/// If no user or group of this `kind` has the name in `file`.
fn account_id<I>(
    account: Option<&Account>,
    from_number: fn(u32) -> I,
    find: impl Fn(&str) -> Option<I>,
    kind: &str,
    file: &str,
) -> Result<Option<I>, Problem> {
    let name = match account {
        None => return Ok(None),
        Some(Account::Number(number)) => return Ok(Some(from_number(*number))),
        Some(Account::Name(name)) => name,
    };
    match find(name) {
        Some(id) => Ok(Some(id)),
        None => Err(Problem::configuration(format!("there is no {kind} {name:?} in {file}"))
            .help(format!("create the {kind} in this image or on this host, or write a number, as in owner: \"1000:1000\""))),
    }
}

/// A file at a path. Dropping the value removes a temporary file. It also removes a file that did
/// not exist before, unless [`Self::keep`] was called.
#[derive(Debug)]
pub struct DiskFile {
    pub entry: DirectoryEntry,
    /// The name that is removed when the value is dropped: first the temporary name and then, if it
    /// was free, the file's own name. `None` if the file stays.
    name_to_remove: Option<OsString>,
}

impl DiskFile {
    /// Creates a temporary file. `write` sets its owner and mode and writes its content.
    ///
    /// # Errors
    /// If something other than a regular file has the entry's name, or if a step fails. In that
    /// case, the temporary file is removed.
    pub fn write_temporary(
        entry: DirectoryEntry,
        write: impl FnOnce(&mut File) -> Result<(), Problem>,
    ) -> Result<Self, Problem> {
        entry.is_regular_file()?;
        let (mut file, temporary) = entry.create_temporary()?;
        let name_to_remove = Some(temporary);
        let written = Self {
            entry,
            name_to_remove,
        };
        write(&mut file)?;
        // Some file systems (NFS, or one with quotas) report a full disk only on close.
        close(file).map_err(|errno| call_problem(WRITE, errno))?;
        Ok(written)
    }

    /// Renames the temporary file to its own name. From then on, a file that has replaced another
    /// one is kept.
    ///
    /// # Errors
    /// If something other than a regular file has the entry's name by now, or if the kernel refuses
    /// to rename the file.
    pub fn rename_into_place(&mut self) -> Result<(), Problem> {
        if let Some(temporary) = &self.name_to_remove {
            let is_replacing = self.entry.is_regular_file()?;
            self.entry.rename(temporary)?;
            let own_name = &self.entry.name;
            self.name_to_remove = (!is_replacing).then(|| own_name.clone());
        }
        Ok(())
    }

    /// Keeps the file when the value is dropped.
    pub fn keep(&mut self) {
        self.name_to_remove = None;
    }
}

impl Drop for DiskFile {
    fn drop(&mut self) {
        if let Some(name) = &self.name_to_remove {
            let _ = self.entry.remove(name);
        }
    }
}

/// Copies the running program to `directory`, as `secrets-exec` with mode 0755.
///
/// Holds termination signals from here on, so that no incomplete copy is left behind.
///
/// # Errors
/// If the program can't be read, the directory doesn't exist, or the copy can't be written. In that
/// case, nothing has changed.
pub fn install(directory: &Path) -> Result<(), Problem> {
    let path = directory.join("secrets-exec");
    let subject = Subject::plain(path.display().to_string(), Origin::Argument("install"));
    copy(&path).map_err(|problem| problem.for_entry(subject, Impact::None))
}

/// Does the work of [`install`]. The errors don't name the file yet.
fn copy(path: &Path) -> Result<(), Problem> {
    let entry = DirectoryEntry::open(path)?;
    // This link works even if the program's file was renamed or removed. macOS doesn't have it, but
    // containers run Linux.
    let mut program = File::open("/proc/self/exe")
        .map_err(|error| call_problem("secrets-exec can't read its own binary", errno(&error)))?;
    signals::hold();
    let mut installed = DiskFile::write_temporary(entry, |file| {
        // Unlike the mode when a file is created, this one isn't limited by the umask.
        fchmod(&*file, Mode::from_bits_truncate(0o755))
            .map_err(|errno| call_problem("the mode of the file can't be set", errno))?;
        // After a crash, the name must not lead to an incomplete file.
        let copied = io::copy(&mut program, file).and_then(|_| file.sync_all());
        copied.map_err(|error| call_problem(WRITE, errno(&error)))
    })?;
    installed.rename_into_place()?;
    installed.keep();
    Ok(())
}

/// A delivered file of a command that runs under `--on-rotation`, as the launch reports it to the
/// process that stays. That process removes the file when the command has ended.
#[cfg(target_os = "linux")]
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct PlacedFile {
    pub path: std::path::PathBuf,
    /// The device and the inode number, which differ for another file at the same path.
    pub id: (u64, u64),
}

/// Removes files. If there is a different file at one of the paths, it stays: a later delivery or
/// another process has put it there.
///
/// Returns a problem for each file that can't be removed.
#[cfg(target_os = "linux")]
pub fn remove_files(files: Vec<PlacedFile>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for PlacedFile { path, id } in files {
        // If the directory is gone, the file is gone, too.
        let Ok(entry) = DirectoryEntry::open(&path) else {
            continue;
        };
        let removed = entry.stat().and_then(|found| match found {
            Some(found) if (found.st_dev, found.st_ino) == id => entry.remove(&entry.name),
            Some(_) | None => Ok(()),
        });
        if let Err(problem) = removed {
            let path = path.display().to_string();
            let subject = Subject::plain(path, Origin::Argument("--on-rotation"));
            problems.push(problem.for_entry(subject, Impact::None));
        }
    }
    problems
}

/// Who has named the file. This decides whose files are trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedBy {
    /// `--output`: neither the file nor its directory is allowed to belong to another user.
    User,
    /// GITHUB_ENV: in a job's container, the runner's file belongs to another user.
    Runner,
}

/// A regular file that is open for appending. Other programs may write to it, too, for example if
/// GITHUB_ENV names it. The variables are appended all together or not at all.
pub struct AppendedFile(File, DirectoryEntry);

impl AppendedFile {
    /// Opens a file and creates it with mode 0600 if it doesn't exist. Doesn't wait for the other
    /// end of a pipe (O_NONBLOCK).
    ///
    /// # Errors
    /// If the path is a link, leads through another user's link, or isn't a regular file, if the
    /// file or its directory belongs to a user who isn't trusted, or if the kernel refuses to open
    /// it.
    pub fn open(path: &Path, named_by: NamedBy) -> Result<Self, Problem> {
        let entry = DirectoryEntry::open(path)?;
        entry.is_regular_file()?;
        if named_by == NamedBy::User {
            entry.expect_trusted_owner(None)?;
            if let Some(file) = entry.stat()?
                && is_foreign(file.st_uid)
            {
                let (path, owner) = (path.display(), file.st_uid);
                let text = format!("\"{path}\" belongs to user {owner}, who could read the values");
                return Err(Problem::configuration(text).help("name a file of your own"));
            }
        }

        let access = OFlag::O_RDWR | OFlag::O_APPEND | OFlag::O_CREAT;
        let flags = access | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let mode = Mode::S_IRUSR | Mode::S_IWUSR;
        match openat(&entry.directory, entry.name.as_os_str(), flags, mode) {
            Ok(file) => Ok(Self(file.into(), entry)),
            Err(errno) => Err(not_appended(&errno.into(), &entry)),
        }
    }

    /// Appends text to the file, after a line feed if the file doesn't end with one.
    ///
    /// # Errors
    /// The error of the kernel. In that case, the file has its old length.
    pub fn append(self, text: &SecretValue) -> Result<(), Problem> {
        let Self(mut file, entry) = self;
        let mut append = || {
            let length = file.metadata()?.len();
            // An empty file doesn't need a line feed.
            let mut last = *b"\n";
            file.read_at(&mut last, length.saturating_sub(1))?;
            let start: &[u8] = if last == *b"\n" { b"" } else { b"\n" };
            let lines = SecretValue::new([start, text.expose()].concat());
            let written = file.write_all(lines.expose());
            written.inspect_err(|_| drop(file.set_len(length)))
        };
        append().map_err(|error| not_appended(&error, &entry))
    }
}

/// Returns the problem for a file that can't be opened or written.
fn not_appended(error: &io::Error, entry: &DirectoryEntry) -> Problem {
    let (path, why) = (entry.path.display(), os_error::io_error_text(error));
    Problem::configuration(format!("the file {path} can't be written: {why}"))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use super::*;
    use crate::deliver::testing::*;
    use crate::model::secret_value::SecretValue;

    fn temporary(path: &Path) -> DiskFile {
        let entry = DirectoryEntry::open(path).unwrap();
        let access = Access::from_target(&on_disk(path)).unwrap();
        DiskFile::write_temporary(entry, |opened| {
            access.write(opened, &SecretValue::new("new"))
        })
        .unwrap()
    }

    #[test]
    fn a_file_is_not_written_into_a_directory_that_takes_the_path_of_the_open_one() {
        let directory = Directory::new();
        fs::create_dir(directory.path("a")).unwrap();
        let mut staged = temporary(&directory.path("a/file"));
        fs::rename(directory.path("a"), directory.path("b")).unwrap();
        fs::create_dir(directory.path("a")).unwrap();
        staged.rename_into_place().unwrap();
        assert_eq!(names(&directory.path("a")), Vec::<String>::new());
        assert_eq!(names(&directory.path("b")), ["file"]);
        drop(staged);
        assert_eq!(names(&directory.path("b")), Vec::<String>::new());
    }

    #[test]
    fn a_file_that_another_process_creates_in_between_is_replaced_but_a_symbolic_link_is_not() {
        let directory = Directory::new();
        let path = directory.path("file");
        let mut staged = temporary(&path);
        fs::write(&path, "of another process").unwrap();
        staged.rename_into_place().unwrap();
        drop(staged);
        assert_eq!(fs::read(&path).unwrap(), b"new");
        fs::remove_file(&path).unwrap();
        let mut staged = temporary(&path);
        symlink("elsewhere", &path).unwrap();
        assert!(
            staged
                .rename_into_place()
                .unwrap_err()
                .text
                .contains("symbolic link")
        );
        drop(staged);
        assert_eq!(fs::read_link(&path).unwrap(), Path::new("elsewhere"));
        assert_eq!(directory.names(), ["file"]);
    }
}
