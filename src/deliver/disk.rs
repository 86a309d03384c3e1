//! Writes files to disk, and sets the owner and mode of every delivered file, including files in
//! memory.
//!
//! A file is first written under a temporary name and then renamed, so nobody sees an incomplete
//! file. `install` copies the program in the same way:
//!
//! ```text
//! write   create .NAME.xxxxxxxx (O_EXCL, mode 0600) ─▶ set owner and mode ─▶ write ─▶ close
//!                                                             drop removes the temporary name
//! rename  to NAME ───────────┬─ the name was free ──────────▶ drop removes NAME
//!                            └─ a file was replaced ────────▶ drop removes nothing
//! keep    the file stays ───────────────────────────────────▶ drop removes nothing
//! ```

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, renameat};
#[cfg(target_os = "linux")]
use nix::fcntl::{OpenHow, ResolveFlag, openat2};
use nix::libc::mode_t;
use nix::sys::stat::{FileStat, Mode, SFlag, fchmod, fstat, fstatat};
use nix::unistd::{
    AccessFlags, Gid, Group, Uid, UnlinkatFlags, User, close, faccessat, fchown, unlinkat,
};

use crate::model::answer::SecretValue;
use crate::model::entry::{Account, Argument, DeclaredPath, FileTarget, Subject};
use crate::model::message::Problem;
use crate::model::shown::noun_with_name;
use crate::system::lifecycle::block_signals;
use crate::system::os_error::{call_problem, errno, io_error_text};
use crate::system::paths::{create_temporary, is_foreign, open_directory, remove_file};

pub(super) const WRITE: &str = "the file can't be written";

const SET_MODE: &str = "the mode of the file can't be set";

/// A file being delivered to disk. Dropping it removes the temporary file or, after the rename, the
/// new file, unless it replaced an older one.
pub(super) struct DiskFile {
    pub entry: DirectoryEntry,
    /// `None` if dropping must remove nothing.
    name_to_remove: Option<OsString>,
}

impl DiskFile {
    /// Creates a temporary file for [`Self::rename_into_place`]. `write` sets its permissions and
    /// writes its content.
    pub fn write_temporary(
        entry: DirectoryEntry,
        write: impl FnOnce(&mut File) -> Result<(), Problem>,
    ) -> Result<Self, Problem> {
        entry.expect_regular_or_free()?;
        let (mut file, temporary) = create_temporary(&entry.directory, &entry.name)
            .map_err(|errno| entry.problem("created", errno))?;
        let disk_file = Self {
            entry,
            name_to_remove: Some(temporary),
        };
        write(&mut file)?;
        // Some file systems, such as NFS, report a full disk only on close.
        close(file).map_err(|errno| call_problem(WRITE, errno))?;
        Ok(disk_file)
    }

    /// Renames the temporary file to the file's own name.
    pub(super) fn rename_into_place(&mut self) -> Result<(), Problem> {
        if let Some(temporary) = &self.name_to_remove {
            let is_replacing = self.entry.expect_regular_or_free()?;
            self.entry.rename(temporary)?;
            self.name_to_remove = if is_replacing {
                None
            } else {
                Some(self.entry.name.clone())
            };
        }
        Ok(())
    }

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

/// A file's mode, user and group. If the user or the group is `None`, the file gets this process's
/// own.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Access {
    pub user: Option<Uid>,
    group: Option<Gid>,
    mode: Mode,
}

impl Access {
    /// Looks up names in /etc/passwd and /etc/group. If nscd is running, asks it for any name that
    /// isn't there.
    pub(super) fn from_target(target: &FileTarget) -> Result<Self, Problem> {
        let owner = target.owner.as_ref();
        let declared_user = owner.and_then(|owner| owner.user.as_ref());
        let declared_group = owner.and_then(|owner| owner.group.as_ref());

        // In the static binary, getpwnam(3) and getgrnam(3) never load an NSS module.
        let user = account_id(
            declared_user,
            |name| User::from_name(name).ok()?.map(|user| user.uid.as_raw()),
            "user",
            "/etc/passwd",
        )?;
        let group = account_id(
            declared_group,
            |name| Group::from_name(name).ok()?.map(|group| group.gid.as_raw()),
            "group",
            "/etc/group",
        )?;

        Ok(Self {
            user: user.map(Uid::from_raw),
            group: group.map(Gid::from_raw),
            mode: Mode::from_bits_truncate(target.mode.0 as mode_t),
        })
    }

    pub(super) fn is_executable(&self) -> bool {
        let executable = Mode::S_IXUSR | Mode::S_IXGRP | Mode::S_IXOTH;
        self.mode.intersects(executable)
    }

    /// Sets the group, the mode and the user, and then writes the content. The order matters. If
    /// the mode were set before the group, members of this process's group could open the file in
    /// between and keep the descriptor. If the user were set before the mode, setting the mode
    /// would take CAP_FOWNER.
    pub fn write(&self, file: &mut File, content: &SecretValue) -> Result<(), Problem> {
        let owner_problem = |errno: Errno| {
            let help = match errno {
                // The id isn't mapped in this user namespace (user_namespaces(7)).
                Errno::EINVAL => {
                    "this user namespace doesn't map the owner's id: use an id that it maps, or remove `owner`"
                }
                _ => {
                    "only root with the capability CHOWN can change the owner of a file (docker run --user root --cap-add CHOWN): otherwise, remove `owner`"
                }
            };
            call_problem("the owner of the file can't be set", errno).help(help)
        };
        if self.group.is_some() {
            fchown(&*file, None, self.group).map_err(owner_problem)?;
        }
        fchmod(&*file, self.mode).map_err(|errno| call_problem(SET_MODE, errno))?;
        if self.user.is_some() {
            fchown(&*file, self.user, None).map_err(owner_problem)?;
        }
        file.write_all(content.expose())
            .map_err(|error| call_problem(WRITE, errno(&error)))
    }
}

/// The id of a declared user or group. An unknown name is an error.
fn account_id(
    account: Option<&Account>,
    find: impl Fn(&str) -> Option<u32>,
    kind: &str,
    file: &str,
) -> Result<Option<u32>, Problem> {
    let name = match account {
        None => return Ok(None),
        Some(Account::Number(number)) => return Ok(Some(*number)),
        Some(Account::Name(name)) => name,
    };
    if let Some(id) = find(name) {
        return Ok(Some(id));
    }

    let problem = Problem::configuration(format!(
        "there is no {} in {file}",
        noun_with_name(kind, name)
    ));
    Err(problem.help(format!(
        "create the {kind} in this image or on this host, or use numbers, as in owner: \"1000:1000\""
    )))
}

/// A file name in an open directory. All operations use the directory's descriptor, so it doesn't
/// matter if the directory is later moved or replaced.
#[derive(Debug)]
pub(super) struct DirectoryEntry {
    pub path: DeclaredPath,
    pub directory: OwnedFd,
    pub name: OsString,
}

impl DirectoryEntry {
    /// Opens the directory of the file. A relative path starts at the working directory.
    pub fn open(path: DeclaredPath) -> Result<Self, Problem> {
        let (parent, name) = directory_and_name(&path.expanded)?;
        let directory = open_directory(parent, &format!("the directory of \"{path}\""))?;
        let name = name.to_owned();
        Ok(Self {
            path,
            directory,
            name,
        })
    }

    /// `action` is the last word of the message, as in `the file "/run/key" can't be created`.
    fn problem(&self, action: &str, errno: Errno) -> Problem {
        call_problem(
            &format!("the file \"{}\" can't be {action}", self.path),
            errno,
        )
    }

    /// Refuses the directory if it belongs to anyone but root, the effective user or `owner`, the
    /// file's future owner. A directory's owner can replace its files, and decides who can read
    /// files created there (acl(5)).
    pub(super) fn expect_trusted_owner(&self, owner: Option<Uid>) -> Result<(), Problem> {
        let found = fstat(&self.directory)
            .map_err(|errno| call_problem("the directory can't be examined", errno))?
            .st_uid;
        if !is_foreign(found) || owner.map(Uid::as_raw) == Some(found) {
            return Ok(());
        }
        let text = format!(
            "the directory of \"{}\" belongs to user {found}, who could replace the file or let others read it",
            self.path
        );
        let remedy = "make root the owner of the directory, or write owner:";
        Err(Problem::configuration(text).help(format!("{remedy} {found} for the file")))
    }

    /// The status of whatever has this name, or `None` if the name is free. Doesn't follow symbolic
    /// links.
    pub fn stat(&self) -> Result<Option<FileStat>, Problem> {
        let name = self.name.as_os_str();
        match fstatat(&self.directory, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(self.problem("examined", errno)),
        }
    }

    /// True if a regular file has this name, and false if the name is free. Refuses anything else.
    pub(super) fn expect_regular_or_free(&self) -> Result<bool, Problem> {
        let Some(stat) = self.stat()? else {
            return Ok(false);
        };
        let what = match SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT {
            SFlag::S_IFREG => return Ok(true),
            SFlag::S_IFLNK => "is a symbolic link, which secrets-exec doesn't follow",
            SFlag::S_IFDIR => "is a directory, not a file",
            _ => "is a device, a pipe or a socket",
        };
        let text = format!("\"{}\" {what}", self.path);
        Err(Problem::configuration(text))
    }

    /// Checks that a file can be delivered under this name, without creating or removing anything.
    /// A mount point can't be replaced, nor can another user's file in a sticky directory.
    pub(super) fn expect_deliverable(&self) -> Result<(), Problem> {
        self.expect_regular_or_free()?;
        let access = AccessFlags::W_OK | AccessFlags::X_OK;
        faccessat(&self.directory, ".", access, AtFlags::AT_EACCESS)
            .map_err(|errno| self.problem("created", errno))?;

        #[cfg(target_os = "linux")]
        self.expect_no_mount_point()?;

        let name = self.name.as_os_str();
        // rmdir(2) can't remove a regular file, so this call always fails. The error is EPERM if
        // this process may not remove the name, and then rename(2) would fail, too.
        match unlinkat(&self.directory, name, UnlinkatFlags::RemoveDir) {
            Err(errno @ Errno::EPERM) => Err(self.problem("replaced", errno)),
            _ => Ok(()),
        }
    }

    /// Refuses a file that is a mount point, as with `docker run -v FILE:FILE`. Before Linux 5.6,
    /// which added openat2(2), a mount point goes unnoticed until the rename.
    #[cfg(target_os = "linux")]
    fn expect_no_mount_point(&self) -> Result<(), Problem> {
        let how = OpenHow::new()
            .flags(OFlag::O_PATH | OFlag::O_CLOEXEC)
            .resolve(ResolveFlag::RESOLVE_NO_XDEV);
        let opened = openat2(&self.directory, self.name.as_os_str(), how);
        if opened.err() != Some(Errno::EXDEV) {
            return Ok(());
        }
        let text = format!(
            "\"{}\" is a mount point, so it can't be replaced",
            self.path
        );
        let help = "mount the directory of the file instead of the file";
        Err(Problem::configuration(text).help(help))
    }

    /// Renames the file `temporary` to this name, and replaces any file that already has it.
    pub fn rename(&self, temporary: &OsStr) -> Result<(), Problem> {
        let name = self.name.as_os_str();
        renameat(&self.directory, temporary, &self.directory, name)
            .map_err(|errno| self.problem("renamed", errno))
    }

    /// Removes the file `name`, if there is one.
    pub fn remove(&self, name: &OsStr) -> Result<(), Problem> {
        remove_file(&self.directory, name).map_err(|errno| self.problem("removed", errno))
    }
}

/// Splits a path. Refuses `a/` and `a/.`, which Rust's `Path` would treat as the file `a`.
fn directory_and_name(path: &Path) -> Result<(&OsStr, &OsStr), Problem> {
    let bytes = path.as_os_str().as_bytes();
    if bytes.contains(&0) {
        return Err(Problem::configuration("the path contains a NUL byte"));
    }
    let last_slash = bytes.iter().rposition(|byte| *byte == b'/');
    let (parent, name) = bytes.split_at(last_slash.map_or(0, |slash| slash + 1));
    if let b"" | b"." | b".." = name {
        let text = "the path must end with the name of a file";
        return Err(Problem::configuration(text));
    }
    Ok((OsStr::from_bytes(parent), OsStr::from_bytes(name)))
}

/// Copies the running program into `directory` as `secrets-exec`, with mode 0755. Termination
/// signals are held during the copy ([`block_signals`]), so an interrupted install can't leave an
/// incomplete copy behind.
pub fn install(directory: &Path) -> Result<(), Problem> {
    let path = directory.join("secrets-exec");
    copy_program(&path).map_err(|mut problem| {
        if !directory.is_dir() {
            problem = problem.help("install writes the file secrets-exec into a directory: create this one first, or name another");
        }
        let subject = Subject::for_file(&path, Argument::Install);
        problem.for_entry(subject)
    })
}

/// The error doesn't name the path: [`install`] adds it.
fn copy_program(path: &Path) -> Result<(), Problem> {
    let entry = DirectoryEntry::open(DeclaredPath::new(path))?;
    // /proc/self/exe can be read even if the program's file was renamed or removed. macOS doesn't
    // have it, but `install` is meant for containers, which run Linux.
    let mut program = File::open("/proc/self/exe")
        .map_err(|error| call_problem("secrets-exec can't read its own binary", errno(&error)))?;

    block_signals();
    let mut installed = DiskFile::write_temporary(entry, |file| {
        // Unlike open(2), fchmod(2) ignores the umask.
        fchmod(&*file, Mode::from_bits_truncate(0o755))
            .map_err(|errno| call_problem(SET_MODE, errno))?;
        // Without the sync, a system crash could leave an incomplete file under its final name.
        io::copy(&mut program, file)
            .and_then(|_| file.sync_all())
            .map_err(|error| call_problem(WRITE, errno(&error)))
    })?;
    installed.rename_into_place()?;
    installed.keep();
    Ok(())
}

/// Who chose the file that `export` appends values to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedBy {
    /// The user, with `--output`. The file and its directory must belong to root or the effective
    /// user.
    User,
    /// GitHub's runner, through GITHUB_ENV. The owner isn't checked, because in a job's container,
    /// the runner's file belongs to another user.
    Runner,
}

/// A regular file to which values are appended. Other programs may write to it, too.
pub struct AppendedFile {
    file: File,
    path: PathBuf,
}

impl AppendedFile {
    /// Creates the file with mode 0600 if it doesn't exist.
    pub fn open(path: &Path, named_by: NamedBy) -> Result<Self, Problem> {
        let entry = DirectoryEntry::open(DeclaredPath::new(path))?;
        entry.expect_regular_or_free()?;
        if named_by == NamedBy::User {
            entry.expect_trusted_owner(None)?;
            // Look again: in a sticky directory, somebody may have created the file since.
            if let Some(file) = entry.stat()?
                && is_foreign(file.st_uid)
            {
                let owner = file.st_uid;
                let path = path.display();
                let text = format!("\"{path}\" belongs to user {owner}, who could read the values");
                return Err(Problem::configuration(text));
            }
        }

        // O_RDWR allows `append` to read the last byte. O_NONBLOCK keeps openat(2) from blocking if
        // a pipe replaces the file at the last moment.
        let access = OFlag::O_RDWR | OFlag::O_APPEND | OFlag::O_CREAT;
        let flags = access | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let mode = Mode::S_IRUSR | Mode::S_IWUSR;
        let file = openat(&entry.directory, entry.name.as_os_str(), flags, mode)
            .map_err(|errno| not_appended(&errno.into(), path))?
            .into();
        let path = entry.path.expanded;
        Ok(Self { file, path })
    }

    /// Appends text on a new line.
    pub fn append(self, text: &SecretValue) -> Result<(), Problem> {
        let Self { mut file, path } = self;
        append_lines(&mut file, text).map_err(|error| not_appended(&error, &path))
    }
}

/// Writes the text on a new line. If the write fails, cuts the file back to its old length.
fn append_lines(file: &mut File, text: &SecretValue) -> io::Result<()> {
    let length = file.metadata()?.len();
    // If the file is empty, `last` stays a line feed.
    let mut last = *b"\n";
    file.read_at(&mut last, length.saturating_sub(1))?;
    let start: &[u8] = if last == *b"\n" { b"" } else { b"\n" };
    let lines = SecretValue::new([start, text.expose()].concat());
    file.write_all(lines.expose())
        .inspect_err(|_| drop(file.set_len(length)))
}

fn not_appended(error: &io::Error, path: &Path) -> Problem {
    let path = path.display();
    let why = io_error_text(error);
    Problem::configuration(format!("the file {path} can't be written: {why}"))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{lchown, symlink};

    use nix::sys::stat::stat;

    use super::*;
    use crate::deliver::testing::*;

    fn temporary(path: &Path) -> DiskFile {
        let entry = DirectoryEntry::open(DeclaredPath::new(path)).unwrap();
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
    fn a_file_created_in_between_is_replaced_but_a_symbolic_link_is_not() {
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
        let refused = staged.rename_into_place().unwrap_err();
        assert!(refused.text().contains("symbolic link"));
        drop(staged);
        assert_eq!(fs::read_link(&path).unwrap(), Path::new("elsewhere"));
        assert_eq!(directory.names(), ["file"]);
    }

    fn leads_to(path: &Path, directory: &Path) -> bool {
        let expected = stat(directory).unwrap();
        id_of_directory(path) == (expected.st_dev, expected.st_ino)
    }

    fn id_of_directory(path: &Path) -> (u64, u64) {
        let found = fstat(
            &DirectoryEntry::open(DeclaredPath::new(path))
                .unwrap()
                .directory,
        )
        .unwrap();
        (found.st_dev, found.st_ino)
    }

    fn refusal(path: &Path) -> String {
        DirectoryEntry::open(DeclaredPath::new(path))
            .unwrap_err()
            .text()
    }

    #[test]
    fn two_launches_that_choose_the_same_random_name_write_two_files() {
        let directory = Directory::new();
        let entry = DirectoryEntry::open(DeclaredPath::new(&directory.path("file"))).unwrap();
        let name_with_same_seed = || {
            fastrand::seed(1);
            let (_, name) = create_temporary(&entry.directory, &entry.name).unwrap();
            name
        };
        assert_ne!(name_with_same_seed(), name_with_same_seed());
        assert_eq!(directory.names().len(), 2);
    }

    #[test]
    fn a_relative_path_begins_at_the_working_directory_and_an_absolute_one_at_the_root() {
        for path in ["file", "./file", ".//./file", "src/../file"] {
            assert!(leads_to(Path::new(path), Path::new(".")), "{path}");
        }
        for path in ["/file", "//file", "/../file", "/./dev/../file"] {
            assert!(leads_to(Path::new(path), Path::new("/")), "{path}");
        }
    }

    #[test]
    fn links_of_root_and_of_the_effective_user_lead_where_the_kernel_would_go() {
        let directory = Directory::new();
        fs::create_dir_all(directory.path("real/deep")).unwrap();
        symlink("real/deep", directory.path("relative")).unwrap();
        symlink(directory.path("real/deep"), directory.path("absolute")).unwrap();
        symlink("../relative/..", directory.path("real/up")).unwrap();
        symlink("./real/.//up/deep/", directory.path("through")).unwrap();
        for (path, expected) in [
            ("relative/file", "real/deep"),
            ("absolute/file", "real/deep"),
            ("relative/../file", "real"),
            ("absolute/../deep/file", "real/deep"),
            ("real/up/file", "real"),
            ("through/file", "real/deep"),
        ] {
            assert!(
                leads_to(&directory.path(path), &directory.path(expected)),
                "{path}"
            );
        }
    }

    #[test]
    fn a_link_of_another_user_is_refused_anywhere_in_a_path() {
        if !is_root("deliver::disk::tests::a_link_of_another_user_is_refused_anywhere_in_a_path") {
            return;
        }
        let directory = Directory::new();
        fs::create_dir_all(directory.path("real/deep")).unwrap();
        symlink("real", directory.path("foreign")).unwrap();
        lchown(directory.path("foreign"), Some(NOBODY), None).unwrap();
        symlink("foreign/deep", directory.path("relative")).unwrap();
        symlink(directory.path("foreign/deep"), directory.path("absolute")).unwrap();
        for path in [
            "foreign/file",
            "foreign/deep/file",
            "relative/file",
            "absolute/file",
            "real/../foreign/file",
        ] {
            let refusal = refusal(&directory.path(path));
            assert!(
                refusal.contains("/foreign\" is a symbolic link that belongs to user 65534"),
                "{path}: {refusal}"
            );
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_path_may_have_as_many_links_as_the_kernel_follows() {
        let directory = Directory::new();
        fs::create_dir(directory.path("0")).unwrap();
        for number in 1..=41 {
            symlink(
                (number - 1).to_string(),
                directory.path(&number.to_string()),
            )
            .unwrap();
        }
        assert!(leads_to(&directory.path("40/file"), &directory.path("40")));
        assert!(fs::metadata(directory.path("41")).is_err());
        assert!(refusal(&directory.path("41/file")).contains("can't be opened"));
        symlink("itself", directory.path("itself")).unwrap();
        assert!(refusal(&directory.path("itself/file")).contains("can't be opened"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_path_below_proc_self_fd_leads_to_the_open_directory_even_if_its_name_is_gone() {
        let directory = Directory::new();
        let gone = directory.path("gone");
        fs::create_dir(&gone).unwrap();
        let held = File::open(&gone).unwrap();
        let expected = fstat(&held).unwrap();
        fs::remove_dir(&gone).unwrap();
        let path = format!(
            "/proc/self/fd/{}/file",
            std::os::fd::AsRawFd::as_raw_fd(&held)
        );
        assert_eq!(
            id_of_directory(Path::new(&path)),
            (expected.st_dev, expected.st_ino)
        );
        assert!(leads_to(Path::new("/proc/self/cwd/file"), Path::new(".")));
        assert!(leads_to(Path::new("/proc/self/root/file"), Path::new("/")));
    }
}
