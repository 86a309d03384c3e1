//! The directory entry at a path, found component by component, so that no link of another user decides where a file goes.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat, readlinkat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat};
use nix::sys::statfs::{FsType, PROC_SUPER_MAGIC, TMPFS_MAGIC, fstatfs};
use nix::unistd::geteuid;

use super::problem::{Problem, Step};

/// Of linux/magic.h; nix does not name it.
const RAMFS_MAGIC: FsType = FsType(0x8584_58f6);

/// The limit of the kernel itself (path_resolution(7)).
const MOST_LINKS: usize = 40;

/// O_PATH: a directory need not be readable to have files created in it.
const ENTERED: OFlag = OFlag::O_PATH.union(OFlag::O_CLOEXEC);

/// A name in a directory that is looked up once: whatever becomes of its path, everything happens in that directory.
#[derive(Debug)]
pub struct Entry {
    path: PathBuf,
    directory: OwnedFd,
    /// The directory's device and inode number.
    directory_id: (u64, u64),
    name: OsString,
}

impl Entry {
    /// Opens the directory that `path` leads to, a relative one from the working directory.
    ///
    /// A symbolic link before the last component is followed only if root or the effective user owns it. openat2(2) has no
    /// flag for that, so each component is opened by itself.
    ///
    /// # Errors
    /// When the path does not end in a file's name, or does not lead to a directory.
    pub fn find(path: &Path) -> Result<Self, Problem> {
        let (parent, name) = split(path)?;
        let directory = Walk::begin(parent)?.finish()?;
        let stat = fstat(&directory).map_err(|errno| Step::Directory.refused(errno))?;
        let directory_id = (stat.st_dev, stat.st_ino);
        Ok(Self { path: path.to_owned(), directory, directory_id, name: name.to_owned() })
    }

    /// The path as it was declared.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The directory.
    pub fn directory(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// The name in it.
    pub fn name(&self) -> &OsStr {
        &self.name
    }

    /// An identity that two paths to one place share.
    pub fn id(&self) -> ((u64, u64), OsString) {
        (self.directory_id, self.name.clone())
    }

    /// True if the directory's file system is neither tmpfs nor ramfs.
    pub fn is_on_disk(&self) -> bool {
        fstatfs(&self.directory).is_ok_and(|system| ![TMPFS_MAGIC, RAMFS_MAGIC].contains(&system.filesystem_type()))
    }
}

/// The directory and the name in it. `Path` itself takes `a/` and `a/.` for `a`, which could be a file.
fn split(path: &Path) -> Result<(&OsStr, &OsStr), Problem> {
    let bytes = path.as_os_str().as_bytes();
    if bytes.contains(&0) {
        return Err(Problem::Nul);
    }
    let end_of_parent = bytes.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    let (parent, name) = bytes.split_at(end_of_parent);
    match name {
        b"" | b"." | b".." => Err(Problem::NoFileName),
        name => Ok((OsStr::from_bytes(parent), OsStr::from_bytes(name))),
    }
}

/// A path on the way to the directory that it names.
struct Walk {
    reached: OwnedFd,
    /// The path of `reached` without links, for messages.
    path: PathBuf,
    /// The components still to be entered, the next one last.
    rest: Vec<OsString>,
    links: usize,
}

impl Walk {
    fn begin(path: &OsStr) -> Result<Self, Problem> {
        let reached = start(path)?;
        let base = if is_absolute(path) { "/" } else { "" };
        Ok(Self { reached, path: base.into(), rest: reversed(path), links: 0 })
    }

    fn finish(mut self) -> Result<OwnedFd, Problem> {
        while let Some(component) = self.rest.pop() {
            self.enter(&component)?;
        }
        Ok(self.reached)
    }

    fn enter(&mut self, component: &OsStr) -> Result<(), Problem> {
        // O_DIRECTORY first, since it mounts what autofs(5) mounts on demand.
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

    /// Puts a link's target before the components that are left.
    fn follow(&mut self, component: &OsStr) -> Result<(), Problem> {
        let link = self.open(component, OFlag::O_NOFOLLOW).map_err(missing_or_refused)?;
        let stat = fstat(&link).map_err(missing_or_refused)?;
        if !is_link(&stat) {
            return Err(Problem::NotADirectory);
        }
        if stat.st_uid != 0 && stat.st_uid != geteuid().as_raw() {
            return Err(Problem::ForeignLink { link: self.path.join(component), owner: stat.st_uid });
        }
        self.links += 1;
        if self.links > MOST_LINKS {
            return Err(missing_or_refused(Errno::ELOOP));
        }
        // Of the opened link, so that owner and target are those of one inode.
        let target = readlinkat(&link, "").map_err(missing_or_refused)?;
        if !is_absolute(&target) {
            self.rest.extend(reversed(&target));
        } else if fstatfs(&link).is_ok_and(|system| system.filesystem_type() == PROC_SUPER_MAGIC) {
            // The text of a magic link (/proc/PID/cwd, root, fd/N) is no path to walk, only the kernel knows where it leads.
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
        openat(&self.reached, component, ENTERED | flags, Mode::empty())
    }
}

/// The root, or the working directory.
fn start(path: &OsStr) -> Result<OwnedFd, Problem> {
    let base = if is_absolute(path) { "/" } else { "." };
    open(base, ENTERED | OFlag::O_DIRECTORY, Mode::empty()).map_err(missing_or_refused)
}

fn is_absolute(path: &OsStr) -> bool {
    path.as_bytes().starts_with(b"/")
}

/// The components of a path, the first one last. `..` is one of them: it is that of the directory that is reached by then.
fn reversed(path: &OsStr) -> Vec<OsString> {
    let components = path.as_bytes().split(|byte| *byte == b'/').rev();
    let named = components.filter(|component| !matches!(*component, b"" | b"."));
    named.map(|component| OsStr::from_bytes(component).to_owned()).collect()
}

fn is_link(stat: &FileStat) -> bool {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == SFlag::S_IFLNK
}

fn missing_or_refused(errno: Errno) -> Problem {
    match errno {
        Errno::ENOENT => Problem::DirectoryMissing,
        Errno::ENOTDIR => Problem::NotADirectory,
        other => Step::Directory.refused(other).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliver::problem::Refusal;
    use crate::deliver::testing::*;
    use std::fs;
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::fs::lchown;
    use std::os::unix::fs::symlink;

    /// True if `path` leads to `directory`, as the kernel finds it.
    fn leads_to(path: &Path, directory: &Path) -> bool {
        let found = fs::metadata(directory).unwrap();
        Entry::find(path).unwrap().directory_id == (found.dev(), found.ino())
    }

    #[test]
    fn a_path_must_end_in_a_name() {
        for path in ["", "/", "/dev/shm/", "/dev/shm/file/", "/dev/shm/.", "..", "/dev/shm/file/.."] {
            assert_eq!(Entry::find(Path::new(path)).unwrap_err(), Problem::NoFileName, "{path}");
        }
        assert_eq!(Entry::find(Path::new("/dev/shm/a\0b")).unwrap_err(), Problem::Nul);
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
    fn a_link_of_another_user_is_not_followed_wherever_it_is_met() {
        if !is_root("deliver::directory::tests::a_link_of_another_user_is_not_followed_wherever_it_is_met") {
            return;
        }
        let directory = Directory::new();
        fs::create_dir_all(directory.path("real/deep")).unwrap();
        symlink("real", directory.path("foreign")).unwrap();
        lchown(directory.path("foreign"), Some(NOBODY), None).unwrap();
        symlink("foreign/deep", directory.path("relative")).unwrap();
        symlink(directory.path("foreign/deep"), directory.path("absolute")).unwrap();
        for path in ["foreign/file", "foreign/deep/file", "relative/file", "absolute/file", "real/../foreign/file"] {
            let problem = Entry::find(&directory.path(path)).unwrap_err();
            let Problem::ForeignLink { link, owner: NOBODY } = problem else { panic!("{path}: {problem:?}") };
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
        let endless = Problem::Refused(Refusal { step: Step::Directory, why: Errno::ELOOP.desc() });
        assert_eq!(Entry::find(&directory.path("41/file")).unwrap_err(), endless);
        symlink("itself", directory.path("itself")).unwrap();
        assert_eq!(Entry::find(&directory.path("itself/file")).unwrap_err(), endless);
    }

    #[test]
    fn a_link_of_proc_leads_to_what_the_kernel_holds_and_not_to_its_text() {
        let directory = Directory::new();
        let gone = directory.path("gone");
        fs::create_dir(&gone).unwrap();
        let held = open(&gone, ENTERED | OFlag::O_DIRECTORY, Mode::empty()).unwrap();
        let wanted = fstat(&held).unwrap();
        fs::remove_dir(&gone).unwrap();
        let path = format!("/proc/self/fd/{}/file", std::os::fd::AsRawFd::as_raw_fd(&held));
        assert_eq!(Entry::find(Path::new(&path)).unwrap().directory_id, (wanted.st_dev, wanted.st_ino));
        assert!(leads_to(Path::new("/proc/self/cwd/file"), Path::new(".")));
        assert!(leads_to(Path::new("/proc/self/root/file"), Path::new("/")));
    }

    #[test]
    fn a_directory_that_is_missing_is_told_from_one_that_is_none() {
        let directory = Directory::new();
        fs::write(directory.path("file"), "").unwrap();
        symlink("nothing", directory.path("dangling")).unwrap();
        symlink("file", directory.path("link")).unwrap();
        for (path, wanted) in [
            ("missing/file", Problem::DirectoryMissing),
            ("dangling/file", Problem::DirectoryMissing),
            ("file/file", Problem::NotADirectory),
            ("file/deeper/file", Problem::NotADirectory),
            ("link/file", Problem::NotADirectory),
        ] {
            assert_eq!(Entry::find(&directory.path(path)).unwrap_err(), wanted, "{path}");
        }
    }

    #[test]
    fn a_directory_that_may_be_searched_and_not_read_can_be_gone_through() {
        let test = "deliver::directory::tests::a_directory_that_may_be_searched_and_not_read_can_be_gone_through";
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
