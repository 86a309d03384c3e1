//! The owner and mode of a file, which are set on the open file before its first byte is written.

use std::fs::File;
use std::io::Write;

use nix::libc::mode_t;
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::{Gid, Group, Uid, User, fchown};

use nix::errno::Errno;

use crate::model::entry::{Account, FileTarget};
use crate::model::problem::Problem;
use crate::model::secret_value::SecretValue;
use crate::system::os_error::{call_problem, errno};

/// The beginning of the error about a write that failed.
pub const WRITE: &str = "the file can't be written";

/// A numeric owner and a mode. `None` keeps the user or the group of this process.
#[derive(Debug, PartialEq, Eq)]
pub struct Access {
    pub user: Option<Uid>,
    group: Option<Gid>,
    mode: Mode,
}

impl Access {
    /// Returns the owner and mode that a declaration asks for. Looks names up in /etc/passwd and
    /// /etc/group.
    ///
    /// # Errors
    /// If a user or group of that name doesn't exist.
    pub fn from_target(target: &FileTarget) -> Result<Self, Problem> {
        let owner = target.owner.as_ref();
        let user = owner.and_then(|owner| owner.user.as_ref());
        let group = owner.and_then(|owner| owner.group.as_ref());
        Ok(Self {
            user: user.map(user_id).transpose()?,
            group: group.map(group_id).transpose()?,
            mode: Mode::from_bits_truncate(target.mode.bits() as mode_t),
        })
    }

    /// True if anyone may execute the file.
    #[cfg_attr(
        target_os = "macos",
        allow(dead_code, reason = "files in memory need Linux")
    )]
    pub fn is_executable(&self) -> bool {
        self.mode
            .intersects(Mode::S_IXUSR | Mode::S_IXGRP | Mode::S_IXOTH)
    }

    /// Sets the owner and mode of an empty file, and then writes its content.
    ///
    /// # Errors
    /// If the owner or the mode can't be set, or if the content can't be written.
    pub fn write(&self, file: &mut File, content: &SecretValue) -> Result<(), Problem> {
        self.apply(file)?;
        file.write_all(content.expose())
            .map_err(|error| call_problem(WRITE, errno(&error)))
    }

    /// Sets the owner and mode of an empty file that this process has created.
    ///
    /// The order matters. If the mode came before the group, members of this process's group could
    /// open the file in between and keep the descriptor. If the user came before the mode, changing
    /// the mode of another user's file would need CAP_FOWNER.
    ///
    /// # Errors
    /// When this process may not give the file to the owner, or may not set the mode.
    fn apply(&self, file: &File) -> Result<(), Problem> {
        let no_owner = |errno: Errno| {
            call_problem("the owner of the file can't be set", errno)
                .help("only root can change the owner of a file: start secrets-exec as root, or leave out `owner`")
        };
        if self.group.is_some() {
            fchown(file, None, self.group).map_err(no_owner)?;
        }
        fchmod(file, self.mode)
            .map_err(|errno| call_problem("the mode of the file can't be set", errno))?;
        if self.user.is_some() {
            fchown(file, self.user, None).map_err(no_owner)?;
        }
        Ok(())
    }
}

/// Returns the id of a user. Looks a name up in /etc/passwd, and nowhere else: getpwnam(3) in the
/// static binary doesn't load an NSS module.
///
/// # Errors
/// If no user has the name.
fn user_id(account: &Account) -> Result<Uid, Problem> {
    match account {
        Account::Number(number) => Ok(Uid::from_raw(*number)),
        Account::Name(name) => match User::from_name(name) {
            Ok(Some(user)) => Ok(user.uid),
            Ok(None) | Err(_) => Err(unknown_account(name, "user", "/etc/passwd")),
        },
    }
}

/// Returns the id of a group. Looks a name up in /etc/group.
///
/// # Errors
/// If no group has the name.
fn group_id(account: &Account) -> Result<Gid, Problem> {
    match account {
        Account::Number(number) => Ok(Gid::from_raw(*number)),
        Account::Name(name) => match Group::from_name(name) {
            Ok(Some(group)) => Ok(group.gid),
            Ok(None) | Err(_) => Err(unknown_account(name, "group", "/etc/group")),
        },
    }
}

/// Returns the error for a user or group that doesn't exist.
fn unknown_account(name: &str, kind: &str, file: &str) -> Problem {
    Problem::configuration(format!("there is no {kind} {name:?} in {file}"))
        .help(format!("create the {kind} in this image or on this host, or write a number, as in owner: \"1000:1000\""))
}
