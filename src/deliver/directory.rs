//! A name in an open directory. The directory is opened component by component (`system/paths`), so
//! that no other user's symbolic link can redirect a file.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, renameat};
use nix::sys::stat::{FileStat, SFlag, fstat, fstatat};
use nix::unistd::{AccessFlags, Uid, faccessat};

use crate::model::problem::Problem;
use crate::system::os_error::call_problem;
use crate::system::paths::{
    create_temporary, is_foreign, is_in_memory, open_directory, remove_file,
};

/// The beginning of the error about a file that can't be created.
const CREATE: &str = "the file can't be created";

/// An open directory and a name in it. All operations use the descriptor of the directory, so it
/// doesn't matter if its path changes later.
#[derive(Debug)]
pub struct DirectoryEntry {
    /// The path as declared.
    pub path: PathBuf,
    pub directory: OwnedFd,
    /// The user id of the directory's owner.
    directory_owner: u32,
    pub name: OsString,
}

impl DirectoryEntry {
    /// Opens the directory of `path`. A relative path begins at the working directory.
    ///
    /// # Errors
    /// If the path contains a NUL byte or doesn't end with the name of a file, if the directory
    /// can't be opened, or if a symbolic link before the last component belongs to another user.
    pub fn open(path: &Path) -> Result<Self, Problem> {
        let (parent, name) = split(path)?;
        let directory = open_directory(parent, "mkdir -p")?;
        let stat = fstat(&directory)
            .map_err(|errno| call_problem("the directory can't be examined", errno))?;
        Ok(Self {
            path: path.to_owned(),
            directory,
            directory_owner: stat.st_uid,
            name: name.to_owned(),
        })
    }

    /// Checks that the directory belongs to root, to the effective user or to `owner`, who is to
    /// own the file. The owner of a directory decides who can read the files that are created in it
    /// (acl(5)), and can replace them.
    ///
    /// # Errors
    /// If the directory belongs to anyone else.
    pub fn expect_trusted_owner(&self, owner: Option<Uid>) -> Result<(), Problem> {
        let found = self.directory_owner;
        if !is_foreign(found) || owner.map(Uid::as_raw) == Some(found) {
            return Ok(());
        }
        let text = format!(
            "the directory of \"{}\" belongs to user {found}, who could replace the file or let others read it",
            self.path.display()
        );
        Err(Problem::configuration(text).help(format!(
            "make root the owner of the directory, or write owner: {found} for the file"
        )))
    }

    /// True if the file system of the directory is neither tmpfs nor ramfs.
    pub fn is_on_disk(&self) -> bool {
        is_in_memory(self.directory.as_fd()) == Ok(false)
    }

    /// Returns the result of fstatat(2) for the file with this name, or `None` if the file doesn't
    /// exist. Doesn't follow a link.
    ///
    /// # Errors
    /// The error of the kernel.
    pub fn stat(&self) -> Result<Option<FileStat>, Problem> {
        let name = self.name.as_os_str();
        match fstatat(&self.directory, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(call_problem("the existing file can't be examined", errno)),
        }
    }

    /// Returns true if there is a regular file with this name, and false if the name is free.
    ///
    /// # Errors
    /// If the name belongs to anything else, or can't be examined.
    pub fn is_regular_file(&self) -> Result<bool, Problem> {
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

    /// Checks that this process is allowed to create a file in the directory, without creating one.
    ///
    /// # Errors
    /// If this process isn't allowed to write to the directory or to enter it.
    pub fn expect_writable(&self) -> Result<(), Problem> {
        let access = AccessFlags::W_OK | AccessFlags::X_OK;
        faccessat(&self.directory, ".", access, AtFlags::AT_EACCESS)
            .map_err(|errno| call_problem(CREATE, errno))
    }

    /// Creates an empty file with mode 0600 under a temporary name. Returns the file and the name.
    ///
    /// # Errors
    /// The error of the kernel.
    pub fn create_temporary(&self) -> Result<(File, OsString), Problem> {
        create_temporary(&self.directory, &self.name).map_err(|errno| call_problem(CREATE, errno))
    }

    /// Renames a temporary file to the name of the entry, replacing an existing file with that
    /// name.
    ///
    /// # Errors
    /// The error of the kernel. Both files are then unchanged.
    pub fn rename(&self, temporary: &OsStr) -> Result<(), Problem> {
        let (directory, name) = (&self.directory, self.name.as_os_str());
        let renamed = renameat(directory, temporary, directory, name);
        renamed.map_err(|errno| match errno {
            Errno::EBUSY => Problem::configuration(format!(
                "\"{}\" is a mount point, so it can't be replaced",
                self.path.display()
            ))
            .help("mount the directory of the file instead of the file"),
            errno => call_problem("the file can't be renamed", errno),
        })
    }

    /// Removes a name from the directory, if it exists.
    ///
    /// # Errors
    /// The error of the kernel.
    pub fn remove(&self, name: &OsStr) -> Result<(), Problem> {
        remove_file(&self.directory, name)
            .map_err(|errno| call_problem("the file can't be removed", errno))
    }
}

/// Splits a path into its directory and the name of a file. Rust's `Path` would treat `a/` and
/// `a/.` as `a`, which could be a file.
///
/// # Errors
/// If the path doesn't end with a name, or contains a NUL byte.
fn split(path: &Path) -> Result<(&OsStr, &OsStr), Problem> {
    let bytes = path.as_os_str().as_bytes();
    if bytes.contains(&0) {
        return Err(Problem::configuration("the path contains a NUL byte"));
    }
    let last_slash = bytes.iter().rposition(|byte| *byte == b'/');
    let (parent, name) = bytes.split_at(last_slash.map_or(0, |slash| slash + 1));
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

    /// True if `path` leads to `directory`, as the kernel resolves it.
    fn leads_to(path: &Path, directory: &Path) -> bool {
        let expected = stat(directory).unwrap();
        id_of_directory(path) == (expected.st_dev, expected.st_ino)
    }

    /// Returns the device and the inode number of the directory in which `path` is found.
    fn id_of_directory(path: &Path) -> (u64, u64) {
        let found = fstat(&DirectoryEntry::open(path).unwrap().directory).unwrap();
        (found.st_dev, found.st_ino)
    }

    fn refusal(path: &Path) -> String {
        DirectoryEntry::open(path).unwrap_err().text
    }

    #[test]
    fn two_launches_that_choose_the_same_random_name_write_two_files() {
        let directory = Directory::new();
        let entry = DirectoryEntry::open(&directory.path("file")).unwrap();
        let name_with_same_seed = || {
            fastrand::seed(1);
            let (_, name) = entry.create_temporary().unwrap();
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
        if !is_root(
            "deliver::directory::tests::a_link_of_another_user_is_refused_anywhere_in_a_path",
        ) {
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
