//! The steps of a delivery: every file complete under a temporary name, then each under its own.

use std::collections::HashSet;
use std::os::fd::BorrowedFd;
use std::path::Path;

use super::access::Access;
use super::directory::DirectoryEntry;
use super::disk::DiskFile;
use super::memory::MemoryFile;
use super::problem::{DeliverError, DeliverProblem};
use super::signals::Signals;
use crate::model::entry::{FileTarget, Origin, Place};
use crate::model::env_name::EnvName;
use crate::model::resolved::FileValue;
use crate::model::secret_value::SecretValue;
use crate::system::signals::TERMINATION;

/// Files to deliver. The directory of each is open already and is not looked up again.
#[derive(Debug)]
pub struct Files(Vec<Pending>);

#[derive(Debug)]
struct Pending {
    file: FileValue,
    destination: Result<Destination, DeliverProblem>,
}

#[derive(Debug)]
enum Destination {
    Memory,
    Disk(DirectoryEntry),
}

/// Files with their content: those on disk have temporary names until [`Self::place`].
///
/// Dropping the value closes the files in memory, and removes temporary files and those that replaced no other, unless [`Self::keep`]
/// was called.
#[derive(Debug)]
pub struct Delivery(Vec<DeliveredFile>);

#[derive(Debug)]
pub struct DeliveredFile {
    pub target: FileTarget,
    pub origin: Origin,
    pub file: File,
}

#[derive(Debug)]
pub enum File {
    Memory(MemoryFile),
    Disk(DiskFile),
}

impl Files {
    /// Opens the directories of the files. Errors are kept for [`Delivery::stage`], which returns all errors together.
    pub fn find(files: Vec<FileValue>) -> Self {
        let mut entries = HashSet::new();
        let mut destination = |file: &FileValue| match &file.target.place {
            Place::Memory => Ok(Destination::Memory),
            Place::Path(path) => match DirectoryEntry::find(path)? {
                entry if entries.insert(entry.id()) => Ok(Destination::Disk(entry)),
                _ => Err(DeliverProblem::SamePlace),
            },
        };
        Self(files.into_iter().map(|file| Pending { destination: destination(&file), file }).collect())
    }

    /// Holds the signals that must not end the process during the delivery of these files.
    pub fn hold_signals(&self) -> Signals {
        let is_on_disk = |file: &Pending| matches!(file.file.target.place, Place::Path(_));
        Signals::hold(if self.0.iter().any(is_on_disk) { &TERMINATION } else { &[] })
    }

    /// Returns the paths on file systems other than tmpfs and ramfs, and their origins.
    pub fn persistent_files(&self) -> impl Iterator<Item = (&Path, &Origin)> {
        self.0.iter().filter_map(|Pending { file, destination }| match destination {
            Ok(Destination::Disk(entry)) if entry.is_on_disk() => Some((entry.path(), &file.origin)),
            Ok(_) | Err(_) => None,
        })
    }
}

/// Returns every reason, known without writing anything, that the files cannot be delivered.
pub fn undeliverable(files: Files) -> Vec<DeliverError> {
    let mut errors = Vec::new();
    for Pending { file, destination } in files.0 {
        let mut problems = Access::wanted(&file.target).err().unwrap_or_default();
        problems.extend(match destination {
            Ok(Destination::Memory) => None,
            Ok(Destination::Disk(entry)) => entry.find_regular_file().and_then(|_| entry.expect_writable()).err(),
            Err(problem) => Some(problem),
        });
        let error = |problem| DeliverError { target: file.target.clone(), origin: file.origin.clone(), problem };
        errors.extend(problems.into_iter().map(error));
    }
    errors
}

impl Delivery {
    /// Writes every file, those on disk under a temporary name.
    ///
    /// # Errors
    /// One for each file that cannot be written; then none is left.
    pub fn stage(files: Files) -> Result<Self, Vec<DeliverError>> {
        let (mut staged, mut errors) = (Vec::new(), Vec::new());
        for Pending { file: FileValue { target, value, origin }, destination } in files.0 {
            match File::stage(&target, destination, &value) {
                Ok(file) => staged.push(DeliveredFile { target, origin, file }),
                Err(problems) => errors.extend(problems.into_iter().map(|problem| DeliverError {
                    target: target.clone(),
                    origin: origin.clone(),
                    problem,
                })),
            }
        }
        if errors.is_empty() { Ok(Self(staged)) } else { Err(errors) }
    }

    #[cfg(target_os = "linux")]
    pub fn files(&self) -> &[DeliveredFile] {
        &self.0
    }

    /// Returns the variables that hold a file's path, and the paths.
    pub fn variables(&self) -> impl Iterator<Item = (&EnvName, &Path)> {
        self.0.iter().filter_map(|delivered| Some((delivered.target.env.as_ref()?, delivered.file.path())))
    }

    /// The files in memory, which the command inherits despite FD_CLOEXEC.
    pub fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.0.iter().filter_map(|delivered| match &delivered.file {
            File::Memory(file) => Some(file.descriptor()),
            File::Disk(_) => None,
        })
    }

    /// Renames the files to their own names.
    ///
    /// # Errors
    /// When one cannot be renamed. Files that were replaced before it stay replaced.
    pub fn place(&mut self) -> Result<(), Vec<DeliverError>> {
        for delivered in &mut self.0 {
            if let File::Disk(file) = &mut delivered.file
                && let Err(problem) = file.place()
            {
                return Err(vec![delivered.error(problem)]);
            }
        }
        Ok(())
    }

    /// Renames the files to their own names, unless a held signal came, and releases the signals.
    ///
    /// # Errors
    /// When a file cannot be renamed, or a signal came; dropping the value and then `signals` raises it.
    pub fn place_unless_interrupted(&mut self, signals: &Signals) -> Result<(), Vec<DeliverError>> {
        if signals.caught() {
            return Err(self.interrupted());
        }
        self.place()?;
        if signals.release() { Ok(()) } else { Err(self.interrupted()) }
    }

    /// Leaves the files in place when the value is dropped.
    pub fn keep(&mut self) {
        for delivered in &mut self.0 {
            if let File::Disk(file) = &mut delivered.file {
                file.keep();
            }
        }
    }

    fn interrupted(&self) -> Vec<DeliverError> {
        self.0.iter().map(|delivered| delivered.error(DeliverProblem::Interrupted)).collect()
    }
}

impl DeliveredFile {
    pub fn error(&self, problem: DeliverProblem) -> DeliverError {
        DeliverError { target: self.target.clone(), origin: self.origin.clone(), problem }
    }
}

impl File {
    fn stage(
        target: &FileTarget,
        destination: Result<Destination, DeliverProblem>,
        value: &SecretValue,
    ) -> Result<Self, Vec<DeliverProblem>> {
        let access = Access::wanted(target)?;
        let file = destination.and_then(|destination| match destination {
            Destination::Memory => MemoryFile::create(&access, value).map(Self::Memory),
            Destination::Disk(entry) => DiskFile::stage(entry, |file| access.fill(file, value)).map(Self::Disk),
        });
        file.map_err(|problem| vec![problem])
    }

    fn path(&self) -> &Path {
        match self {
            Self::Memory(file) => file.path(),
            Self::Disk(file) => file.entry().path(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    use nix::errno::Errno;
    use nix::sys::signal::{Signal, raise};

    use super::*;
    use crate::deliver::problem::{FailedStep, Step};
    use crate::deliver::testing::*;

    #[test]
    fn every_file_is_there_and_its_variable_holds_its_path() {
        let directory = Directory::new();
        let mut second = on_disk(directory.path("tls.key"), "on disk");
        second.target.env = Some(EnvName::parse("TLS_KEY_FILE").unwrap());
        let unnamed = on_disk(directory.path("unnamed"), "no variable");
        let delivered = deliver(vec![in_memory("TOKEN_FILE", "in memory"), second, unnamed]).unwrap();
        let variables: Vec<_> = delivered.variables().map(|(name, path)| (name.as_str(), path.to_owned())).collect();
        assert_eq!(variables.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["TOKEN_FILE", "TLS_KEY_FILE"]);
        assert_eq!(fs::read(&variables[0].1).unwrap(), b"in memory");
        assert_eq!(variables[1].1, directory.path("tls.key"));
        assert_eq!(fs::read(&variables[1].1).unwrap(), b"on disk");
        assert_eq!(directory.names(), ["tls.key", "unnamed"]);
    }

    #[test]
    fn one_invalid_file_prevents_all_and_each_invalid_one_is_reported() {
        let directory = Directory::new();
        fs::write(directory.path("old"), "old").unwrap();
        let files = vec![
            on_disk(directory.path("new"), "new"),
            on_disk(directory.path("old"), "new"),
            on_disk(directory.path("missing/file"), "new"),
            on_disk(directory.path("old/file"), "new"),
            with("400", Some("no-such-user:no-such-group"), in_memory("A", "new")),
        ];
        let unknown_user = DeliverProblem::UnknownUser("no-such-user".into());
        let unknown_group = DeliverProblem::UnknownGroup("no-such-group".into());
        let expected = [DeliverProblem::DirectoryMissing, DeliverProblem::NotADirectory, unknown_user, unknown_group];
        assert_eq!(problems(deliver(files)), expected);
        assert_eq!(directory.names(), ["old"]);
        assert_eq!(fs::read(directory.path("old")).unwrap(), b"old");
    }

    #[test]
    fn an_error_names_the_file_and_where_it_was_declared() {
        let errors = deliver(vec![on_disk("/nonexistent/file", "value")]).unwrap_err();
        let file = on_disk("/nonexistent/file", "value");
        let problem = DeliverProblem::DirectoryMissing;
        assert_eq!(errors, [DeliverError { target: file.target, origin: file.origin, problem }]);
    }

    #[test]
    fn dropping_removes_new_files_and_keeps_those_that_replaced_another() {
        let directory = Directory::new();
        let old = directory.path("old");
        fs::write(&old, "old").unwrap();
        let delivered = deliver(vec![on_disk(&old, "value"), on_disk(directory.path("new"), "value")]).unwrap();
        assert_eq!(directory.names(), ["new", "old"]);
        drop(delivered);
        assert_eq!(directory.names(), ["old"]);
        assert_eq!(fs::read(&old).unwrap(), b"value");
    }

    #[test]
    fn before_it_is_placed_dropping_leaves_everything_as_it_was() {
        let directory = Directory::new();
        let old = directory.path("old");
        fs::write(&old, "old").unwrap();
        let files = vec![on_disk(&old, "value"), on_disk(directory.path("new"), "value")];
        drop(Delivery::stage(Files::find(files)).unwrap());
        assert_eq!(directory.names(), ["old"]);
        assert_eq!(fs::read(&old).unwrap(), b"old");
    }

    #[test]
    fn a_failed_rename_removes_the_new_files_before_it() {
        let directory = Directory::new();
        let (first, second, third) = (directory.path("1"), directory.path("2"), directory.path("3"));
        fs::write(&first, "old").unwrap();
        let files = vec![on_disk(&first, "new"), on_disk(&second, "new"), on_disk(&third, "new")];
        let mut delivery = Delivery::stage(Files::find(files)).unwrap();
        fs::create_dir(&third).unwrap();
        let errors = delivery.place().unwrap_err();
        drop(delivery);
        assert_eq!(errors.into_iter().map(|error| error.problem).collect::<Vec<_>>(), [DeliverProblem::IsADirectory]);
        assert_eq!(directory.names(), ["1", "3"]);
        assert_eq!(fs::read(&first).unwrap(), b"new");
    }

    #[test]
    fn two_paths_to_one_file_are_an_error() {
        let directory = Directory::new();
        std::os::unix::fs::symlink(directory.path("."), directory.path("link")).unwrap();
        let files = [directory.path("a"), directory.path("link/a"), directory.path("b")];
        let files = files.map(|path| on_disk(path, "value")).into();
        assert_eq!(problems(deliver(files)), [DeliverProblem::SamePlace]);
        assert_eq!(directory.names(), ["link"]);
    }

    #[test]
    fn a_file_is_on_disk_unless_its_file_system_lives_in_memory() {
        let beside_this_program = std::env::current_exe().unwrap();
        for directory in [Path::new("/dev/shm"), beside_this_program.parent().unwrap()] {
            let path = directory.join(format!("deliver-on-disk-{}", std::process::id()));
            let files = [on_disk(&path, "value"), in_memory("A", "value")];
            let files = Files::find(files.into());
            let found: Vec<_> = files.persistent_files().map(|(path, _)| path.to_owned()).collect();
            let kind = Command::new("stat").args(["-f", "-c", "%T"]).arg(directory).output().unwrap().stdout;
            let expected = if kind == b"tmpfs\n" { vec![] } else { vec![path] };
            assert_eq!(found, expected, "{}", String::from_utf8_lossy(&kind));
        }
    }

    #[test]
    fn debug_shows_nothing_of_a_value() {
        let directory = Directory::new();
        let path = directory.path("file");
        fs::write(&path, "hunter1").unwrap();
        let delivered = deliver(vec![on_disk(&path, "hunter2"), in_memory("A", "hunter3")]).unwrap();
        let shown = format!("{delivered:?}");
        assert!(!shown.contains("hunter") && !shown.contains("104, 117"), "{shown}");
    }

    #[test]
    fn a_limit_on_the_size_of_files_is_reported_without_a_signal() {
        let test = "deliver::staging::tests::a_limit_on_the_size_of_files_is_reported_without_a_signal";
        if let Some(child) = in_child(test, &[], "ulimit -f 1") {
            return passed(&child);
        }
        let files = vec![on_disk("file", vec![b'x'; 4096]), in_memory("A", vec![b'x'; 4096])];
        let refused = || DeliverProblem::Failed(FailedStep { step: Step::Write, why: Errno::EFBIG });
        assert_eq!(problems(deliver(files)), [refused(), refused()]);
        assert_eq!(names(Path::new(".")), Vec::<String>::new());
    }

    #[test]
    fn a_chown_of_a_file_in_memory_without_permission_is_reported() {
        let test = "deliver::staging::tests::a_chown_of_a_file_in_memory_without_permission_is_reported";
        if !is_root(test) {
            return;
        }
        if let Some(child) = in_child(test, &[], ":") {
            return passed(&child);
        }
        become_nobody();
        let files = vec![with("400", Some(":0"), in_memory("A", "value"))];
        let refused = FailedStep { step: Step::Owner, why: Errno::EPERM };
        assert_eq!(problems(deliver(files)), [DeliverProblem::Failed(refused)]);
    }

    #[test]
    fn a_signal_before_the_first_rename_ends_the_process_and_leaves_everything_as_it_was() {
        let test = "deliver::staging::tests::a_signal_before_the_first_rename_ends_the_process_and_leaves_everything_as_it_was";
        if let Some(Child { output, directory }) = in_child(test, &[], "echo old > old") {
            assert_eq!(output.status.signal(), Some(Signal::SIGTERM as i32), "{output:?}");
            assert!(String::from_utf8_lossy(&output.stdout).contains("interrupted"), "{output:?}");
            assert_eq!(directory.names(), ["old"]);
            return assert_eq!(fs::read(directory.path("old")).unwrap(), b"old\n");
        }
        let signals = Signals::hold(&TERMINATION);
        let mut delivery = Delivery::stage(Files::find(vec![on_disk("old", "new"), on_disk("new", "new")])).unwrap();
        raise(Signal::SIGTERM).unwrap();
        assert_eq!(delivery.place_unless_interrupted(&signals).unwrap_err().len(), 2);
        println!("interrupted");
        drop(delivery);
        drop(signals);
    }
}
