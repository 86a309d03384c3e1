//! Messages about files that cannot be delivered; `export` has those about exported variables.

pub mod export;

use super::exit_status::{CONFIGURATION, TEMPORARY};
use crate::deliver::{DeliverError, DeliverProblem, FailedStep, Step};
use crate::model::entry::{Origin, Place, Target};
use crate::system::os_error::{describe, is_limit};

pub fn status(error: &DeliverError) -> u8 {
    match &error.problem {
        DeliverProblem::Interrupted => TEMPORARY,
        DeliverProblem::Accounts(_, why)
        | DeliverProblem::MemoryNotAllowed(why)
        | DeliverProblem::Failed(FailedStep { why, .. })
            if is_limit(*why) =>
        {
            TEMPORARY
        }
        DeliverProblem::Nul
        | DeliverProblem::NoFileName
        | DeliverProblem::DirectoryMissing
        | DeliverProblem::NotADirectory
        | DeliverProblem::ForeignLink { .. }
        | DeliverProblem::Link
        | DeliverProblem::IsADirectory
        | DeliverProblem::NotRegular
        | DeliverProblem::SamePlace
        | DeliverProblem::UnknownUser(_)
        | DeliverProblem::UnknownGroup(_)
        | DeliverProblem::Accounts(..)
        | DeliverProblem::MemoryNotAllowed(_)
        | DeliverProblem::Descriptors(_)
        | DeliverProblem::Failed(_) => CONFIGURATION,
    }
}

pub fn line(error: &DeliverError) -> String {
    let (entry, reason) = entry_and_reason(error);
    format!("{entry}: {reason}")
}

pub fn entry_and_reason(error: &DeliverError) -> (String, String) {
    let DeliverError { target, origin, problem } = error;
    let target = match &target.place {
        Place::Path(path) => path.display().to_string(),
        Place::Memory => Target::File(target.clone()).to_string(),
    };
    let reason = match (problem, origin) {
        // The output of `export`, which no service manager makes room for.
        (DeliverProblem::DirectoryMissing, Origin::Argument(_)) => {
            "its directory does not exist; create it first".to_owned()
        }
        (problem, _) => what(problem),
    };
    (format!("{target} ({origin})"), reason)
}

fn what(problem: &DeliverProblem) -> String {
    match problem {
        DeliverProblem::Nul => "the path has a NUL byte".to_owned(),
        DeliverProblem::NoFileName => "the path is that of a directory; expected that of a file".to_owned(),
        DeliverProblem::DirectoryMissing => {
            "its directory does not exist; create it first (systemd: RuntimeDirectory=)".to_owned()
        }
        DeliverProblem::NotADirectory => "its parent is not a directory".to_owned(),
        DeliverProblem::ForeignLink { link, owner } => format!(
            "{} is a symbolic link of user {owner}, and only links of root and of the effective user are followed; \
             name the directory that it points to, or give the link to root (chown -h)",
            link.display()
        ),
        DeliverProblem::Link => {
            "it is a symbolic link, which is not followed; name the file that it points to".to_owned()
        }
        DeliverProblem::IsADirectory => "it is a directory".to_owned(),
        DeliverProblem::NotRegular => "it is a device, a pipe or a socket".to_owned(),
        DeliverProblem::SamePlace => "another entry writes the same file by another path".to_owned(),
        DeliverProblem::UnknownUser(name) => format!("user {name:?} is not in /etc/passwd; give the uid instead"),
        DeliverProblem::UnknownGroup(name) => {
            format!("group {name:?} is not in /etc/group; give the gid instead")
        }
        DeliverProblem::Accounts(file, why) => {
            format!("{file} cannot be read: {}; give the uid or gid instead", describe(*why))
        }
        DeliverProblem::MemoryNotAllowed(_) if cfg!(target_os = "macos") => {
            "macOS has no files in memory that a command could open by a path; give the entry a `path`".to_owned()
        }
        DeliverProblem::MemoryNotAllowed(why) => format!(
            "files in memory are not allowed here ({}, perhaps by a seccomp profile); give the entry a `path` on tmpfs",
            describe(*why)
        ),
        DeliverProblem::Descriptors(limit) => {
            format!(
                "no file descriptor from 100 is free (limit {limit}); raise RLIMIT_NOFILE, or give the entry a `path`"
            )
        }
        DeliverProblem::Failed(failed) => failed_step(*failed),
        DeliverProblem::Interrupted => "a signal ended the launch".to_owned(),
    }
}

fn failed_step(FailedStep { step, why }: FailedStep) -> String {
    let why = describe(why);
    match step {
        Step::Directory => format!("its directory cannot be opened: {why}"),
        Step::Look => format!("the existing file cannot be examined: {why}"),
        Step::Create => format!("cannot be created: {why}"),
        Step::Owner => format!("its owner cannot be set: {why}; only root may change the owner of a file"),
        Step::Mode => format!("its mode cannot be set: {why}"),
        Step::Write => format!("cannot be written: {why}"),
        Step::Seal => format!("cannot be sealed: {why}"),
        Step::Program => format!("the running program cannot be read: {why}"),
        Step::Rename => format!("cannot be renamed: {why}"),
        Step::Remove => format!("cannot be removed: {why}"),
    }
}
