//! The directory entry at a path, found component by component, so that no other user's symbolic link redirects a file.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::libc::{dev_t, ino_t};
use nix::sys::stat::{Mode, fstat};

use super::platform::{COMPONENT, FileSystem, file_system, read_link};
use super::problem::{DeliverProblem, Step};
use crate::system::links::{MAX_SYMLINKS, is_foreign};

/// An open directory and a name in it. All operations use the descriptor, so later changes of the path do not matter.
#[derive(Debug)]
pub struct DirectoryEntry {
    path: PathBuf,
    directory: OwnedFd,
    /// Device and inode number.
    directory_id: (dev_t, ino_t),
    name: OsString,
}

impl DirectoryEntry {
    /// Opens the directory that `path` leads to, a relative one from the working directory.
    ///
    /// A symbolic link before the last component is followed only if root or the effective user owns it. openat2(2) has no
    /// flag for that, so each component is opened separately.
    pub fn find(path: &Path) -> Result<Self, DeliverProblem> {
        let (parent, name) = split(path)?;
        let directory = PathWalk::begin(parent)?.finish()?;
        let stat = fstat(&directory).map_err(|errno| Step::Directory.failed(errno))?;
        let directory_id = (stat.st_dev, stat.st_ino);
        Ok(Self { path: path.to_owned(), directory, directory_id, name: name.to_owned() })
    }

    /// The path as it was declared.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn directory(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    pub fn name(&self) -> &OsStr {
        &self.name
    }

    /// A key that is equal for two paths to the same directory entry.
    pub fn id(&self) -> ((dev_t, ino_t), OsString) {
        (self.directory_id, self.name.clone())
    }

    /// True if the directory's file system is neither tmpfs nor ramfs, nor one of the kernel's own.
    pub fn is_on_disk(&self) -> bool {
        file_system(self.directory()) == FileSystem::Disk
    }

    /// True for a file system in which the kernel alone creates files.
    pub fn is_of_the_kernel(&self) -> bool {
        file_system(self.directory()) == FileSystem::Kernel
    }
}

/// Splits a path into directory and name. `Path` would take `a/` and `a/.` for `a`, which could be a file.
fn split(path: &Path) -> Result<(&OsStr, &OsStr), DeliverProblem> {
    let bytes = path.as_os_str().as_bytes();
    if bytes.contains(&0) {
        return Err(DeliverProblem::Nul);
    }
    let end_of_parent = bytes.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    let (parent, name) = bytes.split_at(end_of_parent);
    match name {
        b"" | b"." | b".." => Err(DeliverProblem::NoFileName),
        name => Ok((OsStr::from_bytes(parent), OsStr::from_bytes(name))),
    }
}

/// A path resolution in progress (path_resolution(7)).
struct PathWalk {
    reached: OwnedFd,
    /// The path of `reached` without symbolic links, for messages.
    path: PathBuf,
    /// The components that are still to be opened, the next one last.
    rest: Vec<OsString>,
    links: usize,
}

impl PathWalk {
    fn begin(path: &OsStr) -> Result<Self, DeliverProblem> {
        let reached = start(path)?;
        let base = if is_absolute(path) { "/" } else { "" };
        Ok(Self { reached, path: base.into(), rest: reversed(path), links: 0 })
    }

    fn finish(mut self) -> Result<OwnedFd, DeliverProblem> {
        while let Some(component) = self.rest.pop() {
            self.enter(&component)?;
        }
        Ok(self.reached)
    }

    fn enter(&mut self, component: &OsStr) -> Result<(), DeliverProblem> {
        // O_DIRECTORY triggers an autofs(5) mount, which O_PATH alone does not.
        match self.open(component, OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW) {
            Ok(directory) => {
                self.reached = directory;
                self.path.push(component);
                Ok(())
            }
            Err(Errno::ENOTDIR | Errno::ELOOP) => self.follow(component),
            Err(errno) => Err(missing_or_refused(errno)),
        }
    }

    /// Follows a symbolic link: its target's components come before the remaining ones.
    fn follow(&mut self, component: &OsStr) -> Result<(), DeliverProblem> {
        let link = read_link(self.reached.as_fd(), component).map_err(missing_or_refused)?;
        let Some(link) = link else { return Err(DeliverProblem::NotADirectory) };
        if is_foreign(link.owner) {
            return Err(DeliverProblem::ForeignLink { link: self.path.join(component), owner: link.owner });
        }
        self.links += 1;
        if self.links > MAX_SYMLINKS {
            return Err(missing_or_refused(Errno::ELOOP));
        }
        let target = link.target;
        if !is_absolute(&target) {
            self.rest.extend(reversed(&target));
        } else if link.is_magic {
            self.reached = self.open(component, OFlag::O_DIRECTORY).map_err(missing_or_refused)?;
            self.path = target.into();
        } else {
            self.reached = start(&target)?;
            self.path = "/".into();
            self.rest.extend(reversed(&target));
        }
        Ok(())
    }

    fn open(&self, component: &OsStr, flags: OFlag) -> Result<OwnedFd, Errno> {
        openat(&self.reached, component, COMPONENT | flags, Mode::empty())
    }
}

/// Opens the root or the working directory.
fn start(path: &OsStr) -> Result<OwnedFd, DeliverProblem> {
    let base = if is_absolute(path) { "/" } else { "." };
    open(base, COMPONENT | OFlag::O_DIRECTORY, Mode::empty()).map_err(missing_or_refused)
}

fn is_absolute(path: &OsStr) -> bool {
    path.as_bytes().starts_with(b"/")
}

/// The components of a path in reverse. `..` is kept: it is opened relative to the directory reached by then, as the kernel does.
fn reversed(path: &OsStr) -> Vec<OsString> {
    let components = path.as_bytes().split(|byte| *byte == b'/').rev();
    let named = components.filter(|component| !matches!(*component, b"" | b"."));
    named.map(|component| OsStr::from_bytes(component).to_owned()).collect()
}

fn missing_or_refused(errno: Errno) -> DeliverProblem {
    match errno {
        Errno::ENOENT => DeliverProblem::DirectoryMissing,
        Errno::ENOTDIR => DeliverProblem::NotADirectory,
        other => Step::Directory.failed(other).into(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, lchown, symlink};

    use super::*;
    use crate::deliver::problem::FailedStep;
    use crate::deliver::testing::*;

    /// True if `path` resolves to `directory` as the kernel resolves it.
    fn leads_to(path: &Path, directory: &Path) -> bool {
        let found = fs::metadata(directory).unwrap();
        DirectoryEntry::find(path).unwrap().directory_id == (found.dev(), found.ino())
    }

    #[test]
    fn a_path_must_end_in_a_name() {
        for path in ["", "/", "/dev/shm/", "/dev/shm/file/", "/dev/shm/.", "..", "/dev/shm/file/.."] {
            assert_eq!(DirectoryEntry::find(Path::new(path)).unwrap_err(), DeliverProblem::NoFileName, "{path}");
        }
        assert_eq!(DirectoryEntry::find(Path::new("/dev/shm/a\0b")).unwrap_err(), DeliverProblem::Nul);
    }

    #[test]
    fn a_relative_path_begins_at_the_working_directory() {
        for path in ["file", "./file", ".//./file", "src/../file"] {
            assert!(leads_to(Path::new(path), Path::new(".")), "{path}");
        }
        assert!(leads_to(Path::new("src/file"), Path::new("src")));
    }

    #[test]
    fn an_absolute_path_begins_at_the_root() {
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
            assert!(leads_to(&directory.path(path), &directory.path(wanted)), "{path}");
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
        for path in ["foreign/file", "foreign/deep/file", "relative/file", "absolute/file", "real/../foreign/file"] {
            let problem = DirectoryEntry::find(&directory.path(path)).unwrap_err();
            let DeliverProblem::ForeignLink { link, owner: NOBODY } = problem else { panic!("{path}: {problem:?}") };
            assert_eq!(fs::symlink_metadata(&link).unwrap().uid(), NOBODY, "{path}: {}", link.display());
        }
    }

    #[test]
    fn as_many_links_are_followed_as_the_kernel_follows() {
        let directory = Directory::new();
        fs::create_dir(directory.path("0")).unwrap();
        for number in 1..=41 {
            symlink((number - 1).to_string(), directory.path(&number.to_string())).unwrap();
        }
        assert!(leads_to(&directory.path("40/file"), &directory.path("40")));
        assert!(fs::metadata(directory.path("41")).is_err());
        let endless = DeliverProblem::Failed(FailedStep { step: Step::Directory, why: Errno::ELOOP });
        assert_eq!(DirectoryEntry::find(&directory.path("41/file")).unwrap_err(), endless);
        symlink("itself", directory.path("itself")).unwrap();
        assert_eq!(DirectoryEntry::find(&directory.path("itself/file")).unwrap_err(), endless);
    }

    #[test]
    fn a_magic_link_of_proc_leads_to_its_inode_and_not_to_the_path_in_its_text() {
        let directory = Directory::new();
        let gone = directory.path("gone");
        fs::create_dir(&gone).unwrap();
        let held = open(&gone, COMPONENT | OFlag::O_DIRECTORY, Mode::empty()).unwrap();
        let wanted = fstat(&held).unwrap();
        fs::remove_dir(&gone).unwrap();
        let path = format!("/proc/self/fd/{}/file", std::os::fd::AsRawFd::as_raw_fd(&held));
        assert_eq!(DirectoryEntry::find(Path::new(&path)).unwrap().directory_id, (wanted.st_dev, wanted.st_ino));
        assert!(leads_to(Path::new("/proc/self/cwd/file"), Path::new(".")));
        assert!(leads_to(Path::new("/proc/self/root/file"), Path::new("/")));
    }

    #[test]
    fn a_missing_directory_is_distinct_from_a_file() {
        let directory = Directory::new();
        fs::write(directory.path("file"), "").unwrap();
        symlink("nothing", directory.path("dangling")).unwrap();
        symlink("file", directory.path("link")).unwrap();
        for (path, wanted) in [
            ("missing/file", DeliverProblem::DirectoryMissing),
            ("dangling/file", DeliverProblem::DirectoryMissing),
            ("file/file", DeliverProblem::NotADirectory),
            ("file/deeper/file", DeliverProblem::NotADirectory),
            ("link/file", DeliverProblem::NotADirectory),
        ] {
            assert_eq!(DirectoryEntry::find(&directory.path(path)).unwrap_err(), wanted, "{path}");
        }
    }

    #[test]
    fn a_directory_without_read_permission_can_be_traversed() {
        let test = "deliver::directory::tests::a_directory_without_read_permission_can_be_traversed";
        if !is_root(test) {
            return;
        }
        if let Some(child) = in_child(test, &[], "chmod 711 .; mkdir -m 711 outer; mkdir -m 733 outer/inner") {
            return passed(&child);
        }
        become_nobody();
        assert!(leads_to(Path::new("outer/inner/file"), Path::new("outer/inner")));
    }
}
