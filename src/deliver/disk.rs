//! Files at a path: complete under a temporary name in the same directory, then renamed, and undone when asked to.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, renameat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat};
use nix::unistd::{UnlinkatFlags, close, unlinkat};

use super::access::{Access, errno};
use super::directory::Entry;
use super::{Problem, Refusal, Step};
use crate::secret::SecretValue;

/// A file that is on its way to its path, or there.
#[derive(Debug)]
pub struct DiskFile {
    entry: Entry,
    state: State,
    replaced: Option<Replaced>,
}

#[derive(Debug)]
enum State {
    /// Complete, under this name.
    Staged(OsString),
    /// Under its own name.
    Placed,
    /// As if it had never been.
    Undone,
}

/// What was there before, and goes when the new file gets its name.
#[derive(Debug)]
struct Replaced {
    content: SecretValue,
    access: Access,
}

impl DiskFile {
    /// Writes the file under a temporary name, and reads what it is to replace.
    ///
    /// # Errors
    /// When something that is no regular file has its name, or the kernel refuses; then nothing is left of it.
    pub fn stage(entry: Entry, access: &Access, content: &SecretValue) -> Result<Self, Problem> {
        let replaced = Replaced::read(entry.directory(), entry.name())?;
        let state = State::Staged(write(entry.directory(), entry.name(), access, content)?);
        Ok(Self { entry, state, replaced })
    }

    /// Gives the file its name, and with it takes away what was there.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn place(&mut self) -> Result<(), Problem> {
        if let State::Staged(temporary) = &self.state {
            rename(self.entry.directory(), temporary, self.entry.name())?;
            self.state = State::Placed;
        }
        Ok(())
    }

    /// Removes the file, and restores what was there.
    ///
    /// # Errors
    /// [`Problem::NotUndone`], once; it is not tried again.
    pub fn undo(&mut self) -> Result<(), Problem> {
        let (directory, name) = (self.entry.directory(), self.entry.name());
        let undone = match (std::mem::replace(&mut self.state, State::Undone), &self.replaced) {
            (State::Staged(temporary), _) => remove(directory, &temporary),
            (State::Placed, None) => remove(directory, name),
            (State::Placed, Some(replaced)) => replaced.restore(directory, name),
            (State::Undone, _) => Ok(()),
        };
        undone.map_err(Problem::NotUndone)
    }

    /// Where it is to be, as it was declared.
    pub fn path(&self) -> &Path {
        self.entry.path()
    }
}

impl Drop for DiskFile {
    fn drop(&mut self) {
        let _ = self.undo();
    }
}

impl Replaced {
    /// Reads the file of that name, if there is one.
    fn read(directory: BorrowedFd<'_>, name: &OsStr) -> Result<Option<Self>, Problem> {
        // Before it is opened, since to open a device may do something.
        match fstatat(directory, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(stat) => regular(&stat)?,
            Err(Errno::ENOENT) => return Ok(None),
            Err(errno) => return Err(Step::Look.refused(errno).into()),
        }
        let unreadable = |errno: Errno| Problem::Unreadable(errno.desc());
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let mut file = File::from(openat(directory, name, flags, Mode::empty()).map_err(unreadable)?);
        let stat = fstat(&file).map_err(unreadable)?;
        regular(&stat)?;
        // With room for all of it, so that no copy is left behind by growing.
        let mut content = Vec::new();
        let room = usize::try_from(stat.st_size).unwrap_or(usize::MAX).saturating_add(1);
        content.try_reserve_exact(room).map_err(|_| unreadable(Errno::ENOMEM))?;
        let read = file.read_to_end(&mut content);
        let content = SecretValue::new(content);
        read.map_err(|error| unreadable(errno(&error)))?;
        Ok(Some(Self { content, access: Access::present(&stat) }))
    }

    /// Puts it back where it was.
    fn restore(&self, directory: BorrowedFd<'_>, name: &OsStr) -> Result<(), Refusal> {
        let temporary = write(directory, name, &self.access, &self.content);
        let (temporary, refused) = match temporary {
            Ok(temporary) => (temporary, None),
            // Better its content under our own name than not at all.
            Err(refusal) if refusal.step == Step::Owner => {
                (write(directory, name, &self.access.without_owner(), &self.content)?, Some(refusal))
            }
            // It may be the new file that takes the room.
            Err(_) => {
                remove(directory, name)?;
                (write(directory, name, &self.access, &self.content)?, None)
            }
        };
        if let Err(refusal) = rename(directory, &temporary, name) {
            remove(directory, &temporary)?;
            return Err(refusal);
        }
        refused.map_or(Ok(()), Err)
    }
}

fn regular(stat: &FileStat) -> Result<(), Problem> {
    match SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT {
        SFlag::S_IFREG => Ok(()),
        SFlag::S_IFLNK => Err(Problem::Link),
        SFlag::S_IFDIR => Err(Problem::IsADirectory),
        _ => Err(Problem::NotRegular),
    }
}

/// Writes a file under a name that nobody can foresee; of one that fails nothing is left.
fn write(directory: BorrowedFd<'_>, name: &OsStr, access: &Access, content: &SecretValue) -> Result<OsString, Refusal> {
    // Of a name of the greatest length a part, so that there is room for the rest.
    let start = name.as_bytes().iter().take(200).copied();
    let random = std::iter::repeat_with(|| fastrand::alphanumeric() as u8).take(8);
    let temporary = OsString::from_vec([b'.'].into_iter().chain(start).chain([b'.']).chain(random).collect());
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let created = openat(directory, temporary.as_os_str(), flags, Mode::S_IRUSR | Mode::S_IWUSR);
    let mut file = File::from(created.map_err(|errno| Step::Create.refused(errno))?);
    let filled = access.fill(&mut file, content);
    // Some file systems tell only now that they are full.
    let closed = close(file).map_err(|errno| Step::Write.refused(errno));
    match filled.and(closed) {
        Ok(()) => Ok(temporary),
        Err(refusal) => {
            let _ = remove(directory, &temporary);
            Err(refusal)
        }
    }
}

fn rename(directory: BorrowedFd<'_>, from: &OsStr, to: &OsStr) -> Result<(), Refusal> {
    renameat(directory, from, directory, to).map_err(|errno| Step::Rename.refused(errno))
}

/// What is not there any more need not be removed.
fn remove(directory: impl AsFd, name: &OsStr) -> Result<(), Refusal> {
    match unlinkat(directory, name, UnlinkatFlags::NoRemoveDir) {
        Ok(()) | Err(Errno::ENOENT) => Ok(()),
        Err(errno) => Err(Step::Remove.refused(errno)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliver::testing::*;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, symlink};
    use std::path::PathBuf;

    fn refused(path: impl Into<PathBuf>) -> Problem {
        let problems = problems(deliver(vec![on_disk(path, "value")]));
        problems.into_iter().next().unwrap()
    }

    fn stage(path: &Path) -> DiskFile {
        let file = on_disk(path, "new");
        let entry = Entry::find(path).unwrap();
        DiskFile::stage(entry, &Access::wanted(&file.target).unwrap(), &file.value).unwrap()
    }

    #[test]
    fn a_file_has_its_bytes_and_its_mode_whatever_the_umask() {
        let test = "deliver::disk::tests::a_file_has_its_bytes_and_its_mode_whatever_the_umask";
        for umask in ["umask 0", "umask 077", "umask 0777"] {
            if let Some(child) = in_child(test, &[], umask) {
                passed(&child);
                continue;
            }
            let bytes: Vec<u8> = (0..=255).cycle().take(70_000).collect();
            let _delivered = deliver(vec![with("464", None, on_disk("file", bytes.clone()))]).unwrap();
            assert_eq!(fs::read("file").unwrap(), bytes);
            assert_eq!(fs::metadata("file").unwrap().mode() & 0o7777, 0o464);
            return;
        }
    }

    #[test]
    fn an_empty_value_is_an_empty_file() {
        let directory = Directory::new();
        let delivered = deliver(vec![on_disk(directory.path("file"), "")]).unwrap();
        assert_eq!(fs::read(directory.path("file")).unwrap(), b"");
        drop(delivered);
    }

    #[test]
    fn an_owner_is_a_number_or_a_name() {
        if !is_root("deliver::disk::tests::an_owner_is_a_number_or_a_name") {
            return;
        }
        let directory = Directory::new();
        let (by_number, by_name) = (directory.path("number"), directory.path("name"));
        let _delivered = deliver(vec![
            with("440", Some("1234:4321"), on_disk(&by_number, "value")),
            with("440", Some("daemon:daemon"), on_disk(&by_name, "value")),
        ]);
        let owner = |path| fs::metadata(path).map(|found| (found.uid(), found.gid())).unwrap();
        assert_eq!(owner(&by_number), (1234, 4321));
        assert_eq!(owner(&by_name), (1, 1));
    }

    #[test]
    fn a_reader_sees_the_old_file_or_the_new_one_and_never_a_part() {
        let directory = Directory::new();
        let path = directory.path("file");
        fs::write(&path, "old").unwrap();
        let mut reader = File::open(&path).unwrap();
        let mut staged = stage(&path);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(directory.names().len(), 2);
        staged.place().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(directory.names(), ["file"]);
        let mut seen = String::new();
        reader.read_to_string(&mut seen).unwrap();
        assert_eq!(seen, "old");
    }

    #[test]
    fn a_temporary_name_is_hidden_and_another_each_time() {
        let directory = Directory::new();
        let (_first, _second) = (stage(&directory.path("file")), stage(&directory.path("file")));
        let names = directory.names();
        assert!(
            names.len() == 2 && names.iter().all(|name| name.starts_with(".file.") && name.len() == 14),
            "{names:?}"
        );
    }

    #[test]
    fn a_name_of_the_greatest_length_is_possible() {
        let directory = Directory::new();
        let delivered = deliver(vec![on_disk(directory.path(&"x".repeat(255)), "value")]).unwrap();
        drop(delivered);
        let too_long = Refusal { step: Step::Look, why: "File name too long" };
        assert_eq!(refused(directory.path(&"x".repeat(256))), Problem::Refused(too_long));
    }

    #[test]
    fn a_link_is_not_followed_wherever_it_leads() {
        let directory = Directory::new();
        fs::write(directory.path("real"), "old").unwrap();
        symlink("real", directory.path("link")).unwrap();
        symlink("nothing", directory.path("dangling")).unwrap();
        assert_eq!(refused(directory.path("link")), Problem::Link);
        assert_eq!(refused(directory.path("dangling")), Problem::Link);
        assert_eq!(directory.names(), ["dangling", "link", "real"]);
        assert_eq!(fs::read(directory.path("real")).unwrap(), b"old");
    }

    #[test]
    fn a_link_to_the_directory_is_followed() {
        let directory = Directory::new();
        fs::create_dir(directory.path("real")).unwrap();
        symlink("real", directory.path("link")).unwrap();
        let delivered = deliver(vec![on_disk(directory.path("link/file"), "value")]).unwrap();
        assert_eq!(fs::read(directory.path("real/file")).unwrap(), b"value");
        drop(delivered);
    }

    #[test]
    fn only_a_regular_file_is_replaced() {
        let directory = Directory::new();
        fs::create_dir(directory.path("directory")).unwrap();
        nix::unistd::mkfifo(&directory.path("pipe"), Mode::S_IRUSR).unwrap();
        assert_eq!(refused(directory.path("directory")), Problem::IsADirectory);
        assert_eq!(refused(directory.path("pipe")), Problem::NotRegular);
        assert_eq!(refused("/dev/null"), Problem::NotRegular);
        assert_eq!(directory.names(), ["directory", "pipe"]);
    }

    #[test]
    fn a_directory_that_takes_no_files_is_told() {
        assert!(matches!(refused("/proc/file"), Problem::Refused(Refusal { step: Step::Create, .. })));
    }

    #[test]
    fn a_directory_that_is_swapped_meanwhile_does_not_get_the_file() {
        let directory = Directory::new();
        fs::create_dir(directory.path("a")).unwrap();
        let mut staged = stage(&directory.path("a/file"));
        fs::rename(directory.path("a"), directory.path("b")).unwrap();
        fs::create_dir(directory.path("a")).unwrap();
        staged.place().unwrap();
        assert_eq!(names(&directory.path("a")), Vec::<String>::new());
        assert_eq!(names(&directory.path("b")), ["file"]);
        staged.undo().unwrap();
        assert_eq!(names(&directory.path("b")), Vec::<String>::new());
    }

    #[test]
    fn undoing_is_done_once() {
        let directory = Directory::new();
        let path = directory.path("file");
        let mut staged = stage(&path);
        staged.undo().unwrap();
        fs::write(&path, "of somebody else").unwrap();
        staged.place().unwrap();
        staged.undo().unwrap();
        drop(staged);
        assert_eq!(directory.names(), ["file"]);
    }
}
