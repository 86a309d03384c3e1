//! The directory entry at a path, found component by component, so that no other user's symbolic link redirects a file.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, renameat};
use nix::libc::{dev_t, ino_t};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat};
use nix::unistd::{AccessFlags, Uid, UnlinkatFlags, faccessat, unlinkat};

use crate::model::problem::Problem;
use crate::system::os_error::failed;
use crate::system::paths::{is_foreign, is_in_memory, open_directory};

const CREATE: &str = "the file cannot be created";

/// An open directory and a name in it. All operations use the descriptor, so later changes of the path do not matter.
#[derive(Debug)]
pub struct DirectoryEntry {
    /// As it was declared.
    pub path: PathBuf,
    pub directory: OwnedFd,
    /// Device and inode number.
    directory_id: (dev_t, ino_t),
    /// The directory's user id.
    directory_owner: u32,
    pub name: OsString,
}

impl DirectoryEntry {
    /// Opens the directory that `path` leads to, a relative one from the working directory.
    ///
    /// A symbolic link before the last component is followed only if root or the effective user owns it.
    pub fn find(path: &Path) -> Result<Self, Problem> {
        let (parent, name) = split(path)?;
        let directory = open_directory(parent, "mkdir -p")?;
        let stat =
            fstat(&directory).map_err(|errno| failed("the directory cannot be examined", errno))?;
        let directory_id = (stat.st_dev, stat.st_ino);
        Ok(Self {
            path: path.to_owned(),
            directory,
            directory_id,
            directory_owner: stat.st_uid,
            name: name.to_owned(),
        })
    }

    /// Returns what another user can do who owns the directory; `None` if root or the effective user does.
    pub fn power_of_foreign_owner(&self) -> Option<String> {
        let (path, owner) = (self.path.display(), self.directory_owner);
        is_foreign(owner).then(|| {
            format!("the directory of \"{path}\" belongs to user {owner}, who could replace the file or let others read it")
        })
    }

    /// # Errors
    /// When the directory belongs to a user who is neither root nor the effective one nor `owner`: whoever owns it chooses who may read what is
    /// made in it (acl(5)), and replaces it.
    pub fn of_trusted_owner(self, owner: Option<Uid>) -> Result<Self, Problem> {
        match self.power_of_foreign_owner() {
            Some(text) if owner.map(Uid::as_raw) != Some(self.directory_owner) => {
                Err(Problem::configuration(text).help(format!(
                    "make root the owner of the directory, or write owner: {} for the file",
                    self.directory_owner
                )))
            }
            Some(_) | None => Ok(self),
        }
    }

    /// A key that is equal for two paths to the same directory entry.
    pub fn id(&self) -> ((dev_t, ino_t), OsString) {
        (self.directory_id, self.name.clone())
    }

    /// True if the directory's file system is neither tmpfs nor ramfs.
    pub fn is_on_disk(&self) -> bool {
        is_in_memory(self.directory.as_fd()) == Ok(false)
    }

    /// Returns the entry's file as fstatat(2) describes it; `None` if there is none.
    pub fn stat(&self) -> Result<Option<FileStat>, Problem> {
        match fstatat(
            &self.directory,
            self.name.as_os_str(),
            AtFlags::AT_SYMLINK_NOFOLLOW,
        ) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(failed("the existing file cannot be examined", errno)),
        }
    }

    /// Returns true if the entry is a regular file, and false if there is none.
    ///
    /// # Errors
    /// When the entry is anything else, or cannot be examined.
    pub fn find_regular_file(&self) -> Result<bool, Problem> {
        let Some(stat) = self.stat()? else {
            return Ok(false);
        };
        let path = self.path.display();
        let problem = match SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT {
            SFlag::S_IFREG => return Ok(true),
            SFlag::S_IFLNK => Problem::configuration(format!(
                "\"{path}\" is a symbolic link, which secrets-exec doesn't follow"
            ))
            .help("write the path of the file that the link points to"),
            SFlag::S_IFDIR => {
                Problem::configuration(format!("\"{path}\" is a directory, not a file"))
            }
            _ => Problem::configuration(format!("\"{path}\" is a device, a pipe or a socket")),
        };
        Err(problem)
    }

    /// Checks that this process may create a file in the directory.
    pub fn expect_writable(&self) -> Result<(), Problem> {
        let access = AccessFlags::W_OK | AccessFlags::X_OK;
        faccessat(&self.directory, ".", access, AtFlags::AT_EACCESS)
            .map_err(|errno| failed(CREATE, errno))
    }

    /// Creates an empty file with mode 0600 under a temporary name.
    pub fn create_temporary(&self) -> Result<(File, OsString), Problem> {
        let name = self.temporary_name();
        let flags =
            OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let created = openat(
            &self.directory,
            name.as_os_str(),
            flags,
            Mode::S_IRUSR | Mode::S_IWUSR,
        );
        Ok((
            File::from(created.map_err(|errno| failed(CREATE, errno))?),
            name,
        ))
    }

    /// Renames a temporary file to the entry's name, and replaces a file that has it.
    pub fn rename(&self, temporary: &OsStr) -> Result<(), Problem> {
        let renamed = renameat(
            &self.directory,
            temporary,
            &self.directory,
            self.name.as_os_str(),
        );
        renamed.map_err(|errno| failed("the file cannot be renamed", errno))
    }

    /// Removes a name of the directory. A missing one is no error.
    pub fn remove(&self, name: &OsStr) -> Result<(), Problem> {
        match unlinkat(&self.directory, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(failed("the file cannot be removed", errno)),
        }
    }

    /// Returns a hidden name with a random suffix.
    fn temporary_name(&self) -> OsString {
        // NAME_MAX is 255 bytes: a longer name is cut.
        let start = self.name.as_bytes().iter().take(200).copied();
        let random = std::iter::repeat_with(|| fastrand::alphanumeric() as u8).take(8);
        OsString::from_vec(
            [b'.']
                .into_iter()
                .chain(start)
                .chain([b'.'])
                .chain(random)
                .collect(),
        )
    }
}

/// Splits a path into directory and name. `Path` would take `a/` and `a/.` for `a`, which could be a file.
fn split(path: &Path) -> Result<(&OsStr, &OsStr), Problem> {
    let bytes = path.as_os_str().as_bytes();
    if bytes.contains(&0) {
        return Err(Problem::configuration("the path contains a NUL byte"));
    }
    let end_of_parent = bytes
        .iter()
        .rposition(|byte| *byte == b'/')
        .map_or(0, |slash| slash + 1);
    let (parent, name) = bytes.split_at(end_of_parent);
    match name {
        b"" | b"." | b".." => Err(Problem::configuration(
            "the path must end with the name of a file",
        )),
        name => Ok((OsStr::from_bytes(parent), OsStr::from_bytes(name))),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{lchown, symlink};

    use nix::sys::stat::stat;

    use super::*;
    use crate::deliver::testing::*;

    /// True if `path` resolves to `directory` as the kernel resolves it.
    fn leads_to(path: &Path, directory: &Path) -> bool {
        let found = stat(directory).unwrap();
        DirectoryEntry::find(path).unwrap().directory_id == (found.st_dev, found.st_ino)
    }

    fn refusal(path: &Path) -> String {
        DirectoryEntry::find(path).unwrap_err().text
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
    fn links_of_root_or_the_effective_user_lead_where_the_kernel_goes() {
        let directory = Directory::new();
        fs::create_dir_all(directory.path("real/deep")).unwrap();
        symlink("real/deep", directory.path("relative")).unwrap();
        symlink(directory.path("real/deep"), directory.path("absolute")).unwrap();
        symlink("../relative/..", directory.path("real/up")).unwrap();
        symlink("./real/.//up/deep/", directory.path("through")).unwrap();
        for (path, wanted) in [
            ("relative/file", "real/deep"),
            ("absolute/file", "real/deep"),
            ("relative/../file", "real"),
            ("absolute/../deep/file", "real/deep"),
            ("real/up/file", "real"),
            ("through/file", "real/deep"),
        ] {
            assert!(
                leads_to(&directory.path(path), &directory.path(wanted)),
                "{path}"
            );
        }
    }

    #[test]
    fn a_link_of_another_user_is_followed_at_no_depth() {
        if !is_root("deliver::directory::tests::a_link_of_another_user_is_followed_at_no_depth") {
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
    fn as_many_links_are_followed_as_the_kernel_follows() {
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
        assert!(refusal(&directory.path("41/file")).contains("cannot be opened"));
        symlink("itself", directory.path("itself")).unwrap();
        assert!(refusal(&directory.path("itself/file")).contains("cannot be opened"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_magic_link_of_proc_leads_to_its_inode_and_not_to_the_path_in_its_text() {
        let directory = Directory::new();
        let gone = directory.path("gone");
        fs::create_dir(&gone).unwrap();
        let held = File::open(&gone).unwrap();
        let wanted = fstat(&held).unwrap();
        fs::remove_dir(&gone).unwrap();
        let path = format!(
            "/proc/self/fd/{}/file",
            std::os::fd::AsRawFd::as_raw_fd(&held)
        );
        assert_eq!(
            DirectoryEntry::find(Path::new(&path)).unwrap().directory_id,
            (wanted.st_dev, wanted.st_ino)
        );
        assert!(leads_to(Path::new("/proc/self/cwd/file"), Path::new(".")));
        assert!(leads_to(Path::new("/proc/self/root/file"), Path::new("/")));
    }
}
