//! Delivery of files, all or none: each complete, with its owner and mode, and undone when a later step fails.

mod access;
mod directory;
mod disk;
pub mod export;
mod inheritance;
mod memory;
mod names;
mod platform;
mod problem;
mod program;
mod replacement;
mod restore;
mod signals;
mod staging;
#[cfg(test)]
mod testing;

pub use problem::{DeliverError, DeliverProblem, FailedStep, Step};
pub use program::install;
pub use replacement::{Staged, Written};
pub use signals::Signals;
pub use staging::{Files, undeliverable};

use std::path::Path;

use crate::model::env_name::EnvName;
use inheritance::Inheritance;
use staging::{Delivery, place, stage, undo};

/// Delivered files, which stay once `execve` succeeds.
///
/// Dropping the value, with the signals still held, undoes the delivery: new files are removed, replaced ones restored and
/// memfds closed.
#[derive(Debug)]
pub struct Delivered(Vec<Delivery>);

/// Delivers every file, or none.
///
/// Termination signals are held in `signals` meanwhile. If one came, the delivery is undone; dropping `signals` raises it again.
///
/// # Errors
/// One for each file that cannot be delivered; then none is.
pub fn deliver(files: Files, signals: &Signals) -> Result<Delivered, Vec<DeliverError>> {
    let staged = stage(files, Inheritance::Execve)?;
    let placed = place(staged)?;
    keep(placed, signals)
}

impl Delivered {
    /// Returns the variables that hold a file's path, and the paths.
    pub fn variables(&self) -> impl Iterator<Item = (&EnvName, &Path)> {
        self.0.iter().filter_map(|delivery| Some((delivery.target.env.as_ref()?, delivery.file.path())))
    }

    /// Removes the replaced files and releases the signals, as the last step before execve.
    ///
    /// If execve fails, the caller calls [`Signals::hold_again`] before [`Self::undo`].
    ///
    /// # Errors
    /// When a signal came meanwhile, or a file cannot be removed. The signals are still held then, and nothing is undone yet.
    pub fn commit(&mut self, signals: &Signals) -> Result<(), Vec<DeliverError>> {
        if signals.caught() {
            return Err(self.interrupted());
        }
        let errors: Vec<_> = self.0.iter_mut().filter_map(Delivery::commit).collect();
        if !errors.is_empty() {
            return Err(errors);
        }
        if signals.release() { Ok(()) } else { Err(self.interrupted()) }
    }

    /// Leaves the files in place after [`Self::commit`], in a process that executes no command.
    pub fn keep(self) {
        std::mem::forget(self);
    }

    fn interrupted(&self) -> Vec<DeliverError> {
        self.0.iter().map(|delivery| delivery.error(DeliverProblem::Interrupted)).collect()
    }

    /// Undoes the delivery as dropping does, and returns the failures.
    pub fn undo(mut self) -> Vec<DeliverError> {
        undo(std::mem::take(&mut self.0))
    }
}

impl Drop for Delivered {
    fn drop(&mut self) {
        undo(std::mem::take(&mut self.0));
    }
}

/// Undoes the delivery if a termination signal came.
fn keep(placed: Vec<Delivery>, signals: &Signals) -> Result<Delivered, Vec<DeliverError>> {
    let delivered = Delivered(placed);
    if !signals.caught() {
        return Ok(delivered);
    }
    let mut errors = delivered.interrupted();
    errors.extend(delivered.undo());
    Err(errors)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    use nix::errno::Errno;
    use nix::sys::signal::{Signal, kill, raise};
    use nix::unistd::getpid;

    use super::directory::DirectoryEntry;
    use super::signals::Undoing;
    use super::testing::deliver;
    use super::testing::*;
    use super::*;

    const MOUNT: [&str; 2] = ["unshare", "--mount"];

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
    fn dropping_removes_new_files_and_restores_replaced_ones() {
        let directory = Directory::new();
        let old = directory.path("old");
        fs::write(&old, b"old \xff\x00\n").unwrap();
        fs::set_permissions(&old, fs::Permissions::from_mode(0o640)).unwrap();
        if is_root("owner of a replaced file") {
            chown(&old, Some(12), Some(34)).unwrap();
        }
        let before = fs::metadata(&old).unwrap();
        let delivered = deliver(vec![on_disk(&old, "value"), on_disk(directory.path("new"), "value")]).unwrap();
        assert_eq!(fs::read(&old).unwrap(), b"value");
        assert_eq!(fs::metadata(&old).unwrap().mode() & 0o7777, 0o400);
        drop(delivered);
        let after = fs::metadata(&old).unwrap();
        assert_eq!(fs::read(&old).unwrap(), b"old \xff\x00\n");
        assert_eq!((after.mode(), after.uid(), after.gid()), (before.mode(), before.uid(), before.gid()));
        assert_eq!(directory.names(), ["old"]);
    }

    #[test]
    fn a_failed_rename_undoes_the_earlier_ones() {
        let directory = Directory::new();
        let (first, second, third) = (directory.path("1"), directory.path("2"), directory.path("3"));
        fs::write(&first, "old").unwrap();
        let files = vec![on_disk(&first, "new"), on_disk(&second, "new"), on_disk(&third, "new")];
        let staged = stage(Files::find(files), Inheritance::Execve).unwrap();
        fs::create_dir(&second).unwrap();
        let errors = place(staged).unwrap_err();
        assert_eq!(errors.into_iter().map(|error| error.problem).collect::<Vec<_>>(), [DeliverProblem::IsADirectory]);
        assert_eq!(directory.names(), ["1", "2"]);
        assert_eq!(fs::read(&first).unwrap(), b"old");
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
    fn a_failure_to_undo_is_reported() {
        let directory = Directory::new();
        let path = directory.path("file");
        let delivered = deliver(vec![on_disk(&path, "value")]).unwrap();
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        let errors = delivered.undo();
        assert_eq!(errors.len(), 1);
        assert!(
            matches!(errors[0].problem, DeliverProblem::NotUndone(FailedStep { step: Step::Remove, .. })),
            "{errors:?}"
        );
    }

    #[test]
    fn undoing_ignores_a_file_that_is_removed_already() {
        let directory = Directory::new();
        let delivered = deliver(vec![on_disk(directory.path("file"), "value"), in_memory("A", "value")]).unwrap();
        fs::remove_file(directory.path("file")).unwrap();
        assert_eq!(delivered.undo(), []);
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
    fn a_full_disk_leaves_nothing_behind() {
        let test = "deliver::tests::a_full_disk_leaves_nothing_behind";
        if !can_mount(test) {
            return;
        }
        if let Some(child) = in_child(test, &MOUNT, "mount -t tmpfs -o size=64k none /mnt") {
            return passed(&child);
        }
        let files = vec![on_disk("/mnt/small", "fits"), on_disk("/mnt/large", vec![b'x'; 100_000])];
        let full = FailedStep { step: Step::Write, why: Errno::ENOSPC };
        assert_eq!(problems(deliver(files)), [DeliverProblem::Failed(full)]);
        assert_eq!(names(Path::new("/mnt")), Vec::<String>::new());
    }

    #[test]
    fn a_replaced_file_is_restored_on_a_full_disk() {
        let test = "deliver::tests::a_replaced_file_is_restored_on_a_full_disk";
        if !can_mount(test) {
            return;
        }
        if let Some(child) = in_child(test, &MOUNT, "mount -t tmpfs -o size=64k none /mnt") {
            return passed(&child);
        }
        fs::write("/mnt/file", vec![b'o'; 32_768]).unwrap();
        let signals = Signals::hold(Undoing::Files);
        for is_committed in [false, true] {
            let files = Files::find(vec![on_disk("/mnt/file", vec![b'n'; 32_768])]);
            let mut delivered = super::deliver(files, &signals).unwrap();
            if is_committed {
                delivered.commit(&signals).unwrap();
            }
            assert!(fs::write("/mnt/other", vec![b'x'; 4096]).is_err());
            fs::remove_file("/mnt/other").unwrap();
            assert_eq!(delivered.undo(), []);
            assert_eq!(fs::read("/mnt/file").unwrap(), vec![b'o'; 32_768]);
            assert_eq!(names(Path::new("/mnt")), ["file"]);
        }
    }

    #[test]
    fn a_read_only_directory_is_reported() {
        let test = "deliver::tests::a_read_only_directory_is_reported";
        if !can_mount(test) {
            return;
        }
        if let Some(child) = in_child(test, &MOUNT, "mount -t tmpfs -o ro none /mnt") {
            return passed(&child);
        }
        let refused = FailedStep { step: Step::Create, why: Errno::EROFS };
        assert_eq!(problems(deliver(vec![on_disk("/mnt/file", "value")])), [DeliverProblem::Failed(refused)]);
    }

    #[test]
    fn a_limit_on_the_size_of_files_is_reported_without_a_signal() {
        let test = "deliver::tests::a_limit_on_the_size_of_files_is_reported_without_a_signal";
        if let Some(child) = in_child(test, &[], "ulimit -f 1") {
            return passed(&child);
        }
        let files = vec![on_disk("file", vec![b'x'; 4096]), in_memory("A", vec![b'x'; 4096])];
        let refused = || DeliverProblem::Failed(FailedStep { step: Step::Write, why: Errno::EFBIG });
        assert_eq!(problems(deliver(files)), [refused(), refused()]);
        assert_eq!(names(Path::new(".")), Vec::<String>::new());
    }

    #[test]
    fn a_chown_without_permission_is_reported() {
        let test = "deliver::tests::a_chown_without_permission_is_reported";
        if !is_root(test) {
            return;
        }
        if let Some(child) = in_child(test, &[], "chmod 777 .") {
            return passed(&child);
        }
        become_nobody();
        let (disk, memory) = (on_disk("file", "value"), in_memory("A", "value"));
        let files = vec![with("400", Some("0"), disk), with("400", Some(":0"), memory)];
        let refused = || DeliverProblem::Failed(FailedStep { step: Step::Owner, why: Errno::EPERM });
        assert_eq!(problems(deliver(files)), [refused(), refused()]);
        assert_eq!(names(Path::new(".")), Vec::<String>::new());
    }

    #[test]
    fn an_unreadable_file_is_replaced_and_restored_until_the_commit() {
        let test = "deliver::tests::an_unreadable_file_is_replaced_and_restored_until_the_commit";
        if !is_root(test) {
            return;
        }
        if let Some(child) = in_child(test, &[], "chmod 777 .; echo old > file; chmod 600 file") {
            return passed(&child);
        }
        become_nobody();
        let before = fs::metadata("file").unwrap().ino();
        assert_eq!(deliver(vec![on_disk("file", "value")]).unwrap().undo(), []);
        assert_eq!((fs::metadata("file").unwrap().ino(), names(Path::new("."))), (before, vec!["file".into()]));

        let signals = Signals::hold(Undoing::Files);
        let mut delivered = super::deliver(Files::find(vec![on_disk("file", "value")]), &signals).unwrap();
        delivered.commit(&signals).unwrap();
        let refused = DeliverProblem::NotUndone(FailedStep { step: Step::Read, why: Errno::EACCES });
        assert_eq!(delivered.undo().into_iter().map(|error| error.problem).collect::<Vec<_>>(), [refused]);
        assert_eq!(names(Path::new(".")), Vec::<String>::new());
    }

    #[test]
    fn a_file_whose_mode_forbids_reading_is_restored_after_the_commit() {
        let test = "deliver::tests::a_file_whose_mode_forbids_reading_is_restored_after_the_commit";
        if !is_root(test) {
            return;
        }
        if let Some(child) = in_child(test, &[], "chmod 777 .") {
            return passed(&child);
        }
        become_nobody();
        fs::write("file", "old").unwrap();
        fs::set_permissions("file", fs::Permissions::from_mode(0o200)).unwrap();
        let signals = Signals::hold(Undoing::Files);
        let mut delivered = super::deliver(Files::find(vec![on_disk("file", "value")]), &signals).unwrap();
        delivered.commit(&signals).unwrap();
        assert_eq!(delivered.undo(), []);
        assert_eq!(fs::metadata("file").unwrap().mode() & 0o7777, 0o200);
        fs::set_permissions("file", fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(fs::read("file").unwrap(), b"old");
    }

    #[test]
    fn a_copy_that_cannot_have_its_owner_is_reported_and_has_the_content() {
        let test = "deliver::tests::a_copy_that_cannot_have_its_owner_is_reported_and_has_the_content";
        if !is_root(test) {
            return;
        }
        if let Some(child) = in_child(test, &[], "chmod 777 .; echo old > file; chmod 664 file") {
            return passed(&child);
        }
        become_nobody();
        let signals = Signals::hold(Undoing::Files);
        let mut delivered = super::deliver(Files::find(vec![on_disk("file", "value")]), &signals).unwrap();
        delivered.commit(&signals).unwrap();
        let refused = DeliverProblem::NotUndone(FailedStep { step: Step::Owner, why: Errno::EPERM });
        assert_eq!(delivered.undo().into_iter().map(|error| error.problem).collect::<Vec<_>>(), [refused]);
        assert_eq!(fs::read("file").unwrap(), b"old\n");
        assert_eq!(fs::metadata("file").unwrap().mode() & 0o7777, 0o604);
        assert_eq!(names(Path::new(".")), ["file"]);
    }

    #[test]
    fn a_file_of_another_user_in_a_sticky_directory_is_reported_and_unchanged() {
        let test = "deliver::tests::a_file_of_another_user_in_a_sticky_directory_is_reported_and_unchanged";
        if !is_root(test) {
            return;
        }
        if let Some(child) = in_child(test, &[], "chmod 1777 .; echo old > file; chmod 666 file") {
            assert_eq!(fs::read(child.directory.path("file")).unwrap(), b"old\n");
            return passed(&child);
        }
        become_nobody();
        assert_eq!(problems(deliver(vec![on_disk("file", "value")])), [DeliverProblem::Sticky { owner: 0 }]);
        assert_eq!(names(Path::new(".")), ["file"]);
        let entry = DirectoryEntry::find(Path::new("file")).unwrap();
        let (_, temporary) = entry.create_temporary().unwrap();
        assert_eq!(entry.replace_plainly(&temporary), Err(Errno::EPERM));
        assert_eq!(names(Path::new(".")).len(), 2);
    }

    #[test]
    fn a_signal_during_the_delivery_ends_the_process_and_leaves_no_files() {
        let test = "deliver::tests::a_signal_during_the_delivery_ends_the_process_and_leaves_no_files";
        if let Some(Child { output, directory }) = in_child(test, &[], "echo old > old") {
            assert_eq!(output.status.signal(), Some(Signal::SIGTERM as i32), "{output:?}");
            assert!(String::from_utf8_lossy(&output.stdout).contains("placed"), "{output:?}");
            assert_eq!(directory.names(), ["old"]);
            assert_eq!(fs::read(directory.path("old")).unwrap(), b"old\n");
            return;
        }
        let signals = Signals::hold(Undoing::Files);
        let placed =
            place(stage(Files::find(vec![on_disk("old", "new"), on_disk("new", "new")]), Inheritance::Execve).unwrap())
                .unwrap();
        assert_eq!((fs::read("old").unwrap(), fs::read("new").unwrap()), (b"new".to_vec(), b"new".to_vec()));
        println!("placed");
        kill(getpid(), Signal::SIGTERM).unwrap();
        while !signals.caught() {
            std::thread::yield_now();
        }
        assert!(keep(placed, &signals).is_err());
        drop(signals);
    }

    #[test]
    fn a_signal_before_the_commit_restores_the_same_inode() {
        let test = "deliver::tests::a_signal_before_the_commit_restores_the_same_inode";
        if let Some(Child { output, directory }) = in_child(test, &[], "echo old > old") {
            assert_eq!(output.status.signal(), Some(Signal::SIGTERM as i32), "{output:?}");
            assert!(String::from_utf8_lossy(&output.stdout).contains("undone"), "{output:?}");
            return assert_eq!(directory.names(), ["old"]);
        }
        let before = fs::metadata("old").unwrap().ino();
        let signals = Signals::hold(Undoing::Files);
        let mut delivered = super::deliver(Files::find(vec![on_disk("old", "new")]), &signals).unwrap();
        raise(Signal::SIGTERM).unwrap();
        assert_eq!(delivered.commit(&signals).unwrap_err().len(), 1);
        assert_eq!(delivered.undo(), []);
        assert_eq!(fs::metadata("old").unwrap().ino(), before);
        println!("undone");
        drop(signals);
    }

    #[test]
    fn a_signal_that_the_process_survives_is_reported_and_nothing_is_delivered() {
        let test = "deliver::tests::a_signal_that_the_process_survives_is_reported_and_nothing_is_delivered";
        if let Some(child) = in_child(test, &[], ":") {
            assert_eq!(child.directory.names(), Vec::<String>::new());
            return passed(&child);
        }
        let signals = Signals::hold(Undoing::Files);
        let placed =
            place(stage(Files::find(vec![on_disk("new", "new"), in_memory("A", "new")]), Inheritance::Execve).unwrap())
                .unwrap();
        raise(Signal::SIGHUP).unwrap();
        assert_eq!(problems(keep(placed, &signals)), [DeliverProblem::Interrupted, DeliverProblem::Interrupted]);
        // Not dropped, as that would raise the signal.
        std::mem::forget(signals);
    }
}
