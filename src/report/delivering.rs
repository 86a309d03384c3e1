//! Why a file cannot be delivered, or taken back.

use super::exit_status::{CONFIGURATION, TEMPORARY};
use crate::deliver::{DeliverError, Problem, Refusal, Step};
use crate::model::entry::Target;

pub fn status(error: &DeliverError) -> u8 {
    match &error.problem {
        Problem::Interrupted => TEMPORARY,
        Problem::Nul
        | Problem::NoFileName
        | Problem::DirectoryMissing
        | Problem::NotADirectory
        | Problem::ForeignLink { .. }
        | Problem::Link
        | Problem::IsADirectory
        | Problem::NotRegular
        | Problem::SamePlace
        | Problem::Sticky { .. }
        | Problem::UnknownUser(_)
        | Problem::UnknownGroup(_)
        | Problem::Accounts(..)
        | Problem::MemoryNotAllowed(_)
        | Problem::Descriptors(_)
        | Problem::Refused(_)
        | Problem::NotUndone(_)
        | Problem::LeftAside { .. } => CONFIGURATION,
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

fn what(problem: &Problem) -> String {
    match problem {
        Problem::Nul => "the path has a NUL byte".to_owned(),
        Problem::NoFileName => "the path is a directory's; expected that of a file".to_owned(),
        Problem::DirectoryMissing => {
            "its directory does not exist; create it first (systemd: RuntimeDirectory=)".to_owned()
        }
        Problem::NotADirectory => "what should be its directory is none".to_owned(),
        Problem::ForeignLink { link, owner } => format!(
            "{} is a symbolic link of user {owner}, and only links of root and of the effective user are followed; \
             name the directory that it leads to, or give the link to root (chown -h)",
            link.display()
        ),
        Problem::Link => "there is a symbolic link, which is not followed; name the file that it leads to".to_owned(),
        Problem::IsADirectory => "there is a directory".to_owned(),
        Problem::NotRegular => "there is a device, a pipe or a socket".to_owned(),
        Problem::SamePlace => "another file goes to the same place by another path".to_owned(),
        Problem::Sticky { owner } => format!(
            "there is a file of user {owner}, and the directory is sticky: only that user, the directory's owner and root can replace it"
        ),
        Problem::UnknownUser(name) => format!("there is no user {name:?} in /etc/passwd; a number always works"),
        Problem::UnknownGroup(name) => format!("there is no group {name:?} in /etc/group; a number always works"),
        Problem::Accounts(file, why) => format!("{file} cannot be read: {}; a number always works", lower(why)),
        Problem::MemoryNotAllowed(why) => format!(
            "files in memory are not allowed here ({}, a seccomp profile perhaps); give the entry a `path` on tmpfs instead",
            lower(why)
        ),
        Problem::Descriptors(limit) => {
            format!(
                "no descriptor from 100 is free (the limit is {limit}); raise RLIMIT_NOFILE, or give the entry a `path`"
            )
        }
        Problem::Refused(refusal) => refused(*refusal),
        Problem::NotUndone(refusal) => format!("could not be taken back: {}", refused(*refusal)),
        Problem::LeftAside { name, refusal } => format!(
            "could not be taken back: {}; the file that was there is {} in the same directory now",
            refused(*refusal),
            name.display()
        ),
        Problem::Interrupted => "a signal ended the launch".to_owned(),
    }
}

fn refused(Refusal { step, why }: Refusal) -> String {
    let why = lower(why);
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

fn lower(why: &str) -> String {
    why.to_lowercase()
}
