//! Messages about files that cannot be delivered, or whose delivery cannot be undone.

use super::exit_status::{CONFIGURATION, TEMPORARY};
use crate::deliver::{DeliverError, DeliverProblem, FailedStep, Step};
use crate::model::entry::Target;
use crate::system::os_error::describe;

pub fn status(error: &DeliverError) -> u8 {
    match &error.problem {
        DeliverProblem::Interrupted => TEMPORARY,
        DeliverProblem::Nul
        | DeliverProblem::NoFileName
        | DeliverProblem::DirectoryMissing
        | DeliverProblem::NotADirectory
        | DeliverProblem::ForeignLink { .. }
        | DeliverProblem::Link
        | DeliverProblem::IsADirectory
        | DeliverProblem::NotRegular
        | DeliverProblem::SamePlace
        | DeliverProblem::Sticky { .. }
        | DeliverProblem::UnknownUser(_)
        | DeliverProblem::UnknownGroup(_)
        | DeliverProblem::Accounts(..)
        | DeliverProblem::MemoryNotAllowed(_)
        | DeliverProblem::Descriptors(_)
        | DeliverProblem::Failed(_)
        | DeliverProblem::NotUndone(_)
        | DeliverProblem::LeftAside { .. } => CONFIGURATION,
    }
}

pub fn line(error: &DeliverError) -> String {
    let DeliverError { target, origin, problem } = error;
    let target = match &target.place {
        crate::model::entry::Place::Path(path) => path.display().to_string(),
        crate::model::entry::Place::Memory => Target::File(target.clone()).to_string(),
    };
    format!("{target} ({origin}): {}", what(problem))
}

fn what(problem: &DeliverProblem) -> String {
    match problem {
        DeliverProblem::Nul => "the path has a NUL byte".to_owned(),
        DeliverProblem::NoFileName => "the path is a directory's; expected that of a file".to_owned(),
        DeliverProblem::DirectoryMissing => {
            "its directory does not exist; create it first (systemd: RuntimeDirectory=)".to_owned()
        }
        DeliverProblem::NotADirectory => "what should be its directory is none".to_owned(),
        DeliverProblem::ForeignLink { link, owner } => format!(
            "{} is a symbolic link of user {owner}, and only links of root and of the effective user are followed; \
             name the directory that it leads to, or give the link to root (chown -h)",
            link.display()
        ),
        DeliverProblem::Link => {
            "there is a symbolic link, which is not followed; name the file that it leads to".to_owned()
        }
        DeliverProblem::IsADirectory => "there is a directory".to_owned(),
        DeliverProblem::NotRegular => "there is a device, a pipe or a socket".to_owned(),
        DeliverProblem::SamePlace => "another file goes to the same place by another path".to_owned(),
        DeliverProblem::Sticky { owner } => format!(
            "there is a file of user {owner}, and the directory is sticky: only that user, the directory's owner and root can replace it"
        ),
        DeliverProblem::UnknownUser(name) => format!("there is no user {name:?} in /etc/passwd; a number always works"),
        DeliverProblem::UnknownGroup(name) => {
            format!("there is no group {name:?} in /etc/group; a number always works")
        }
        DeliverProblem::Accounts(file, why) => {
            format!("{file} cannot be read: {}; a number always works", describe(*why))
        }
        DeliverProblem::MemoryNotAllowed(why) => format!(
            "files in memory are not allowed here ({}, a seccomp profile perhaps); give the entry a `path` on tmpfs instead",
            describe(*why)
        ),
        DeliverProblem::Descriptors(limit) => {
            format!(
                "no descriptor from 100 is free (the limit is {limit}); raise RLIMIT_NOFILE, or give the entry a `path`"
            )
        }
        DeliverProblem::Failed(failed) => failed_step(*failed),
        DeliverProblem::NotUndone(failed) => format!("could not be taken back: {}", failed_step(*failed)),
        DeliverProblem::LeftAside { name, failed } => format!(
            "could not be taken back: {}; the file that was there is {} in the same directory now",
            failed_step(*failed),
            name.display()
        ),
        DeliverProblem::Interrupted => "a signal ended the launch".to_owned(),
    }
}

fn failed_step(FailedStep { step, why }: FailedStep) -> String {
    let why = describe(why);
    match step {
        Step::Directory => format!("its directory cannot be opened: {why}"),
        Step::Look => format!("what is there cannot be looked at: {why}"),
        Step::Create => format!("cannot be created: {why}"),
        Step::Owner => format!("its owner is not allowed: {why}; only root may give files away"),
        Step::Mode => format!("its mode cannot be set: {why}"),
        Step::Write => format!("cannot be written: {why}"),
        Step::Seal => format!("cannot be sealed: {why}"),
        Step::Read => format!("what was there cannot be read: {why}"),
        Step::Rename => format!("cannot be given its name: {why}"),
        Step::Remove => format!("cannot be removed: {why}"),
    }
}
