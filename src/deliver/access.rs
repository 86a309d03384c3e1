//! Owner and mode of a file, set on the open file before its first byte is written.

use std::fs::File;
use std::io::Write;

use nix::libc::mode_t;
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::{Gid, Group, Uid, User, fchown};

use nix::errno::Errno;

use crate::model::entry::{Account, FileTarget};
use crate::model::problem::Problem;
use crate::model::secret_value::SecretValue;
use crate::system::os_error::{errno, failed};

pub const WRITE: &str = "the file cannot be written";

/// A numeric owner and a mode. `None` leaves the id of this process.
#[derive(Debug, PartialEq, Eq)]
pub struct Access {
    pub user: Option<Uid>,
    group: Option<Gid>,
    mode: Mode,
}

impl Access {
    /// Returns the access that a declaration asks for.
    ///
    /// # Errors
    /// When the name of the user or of the group has no number.
    pub fn wanted(target: &FileTarget) -> Result<Self, Problem> {
        let owner = target.owner.as_ref();
        Ok(Self {
            user: owner
                .and_then(|owner| owner.user.as_ref())
                .map(user_id)
                .transpose()?,
            group: owner
                .and_then(|owner| owner.group.as_ref())
                .map(group_id)
                .transpose()?,
            mode: Mode::from_bits_truncate(target.mode.bits() as mode_t),
        })
    }

    /// True if any execute bit is set.
    #[cfg_attr(
        target_os = "macos",
        allow(dead_code, reason = "files in memory need Linux")
    )]
    pub fn is_executable(&self) -> bool {
        self.mode
            .intersects(Mode::S_IXUSR | Mode::S_IXGRP | Mode::S_IXOTH)
    }

    /// Sets the owner and mode of an empty file, and then writes its content.
    pub fn fill(&self, file: &mut File, content: &SecretValue) -> Result<(), Problem> {
        self.apply(file)?;
        file.write_all(content.expose())
            .map_err(|error| failed(WRITE, errno(&error)))
    }

    /// Sets the owner and mode of an empty file that this process has created.
    ///
    /// The group comes before the mode: otherwise members of this process's group could open the file in between and keep the
    /// descriptor. The user comes last, since changing the mode of another user's file needs CAP_FOWNER.
    fn apply(&self, file: &File) -> Result<(), Problem> {
        let no_owner = |errno: Errno| {
            failed("the owner of the file cannot be set", errno)
                .help("only root can change the owner of a file: start secrets-exec as root, or leave out `owner`")
        };
        if self.group.is_some() {
            fchown(file, None, self.group).map_err(no_owner)?;
        }
        fchmod(file, self.mode)
            .map_err(|errno| failed("the mode of the file cannot be set", errno))?;
        if self.user.is_some() {
            fchown(file, self.user, None).map_err(no_owner)?;
        }
        Ok(())
    }
}

/// Looks a name up in /etc/passwd, as the static binary's getpwnam(3) does: it loads no NSS module.
fn user_id(account: &Account) -> Result<Uid, Problem> {
    match account {
        Account::Number(number) => Ok(Uid::from_raw(*number)),
        Account::Name(name) => match User::from_name(name) {
            Ok(Some(user)) => Ok(user.uid),
            Ok(None) | Err(_) => {
                let help = format!("write the ID of the user, which `id -u {name}` prints");
                Err(unknown_account(name, "user", "/etc/passwd").help(help))
            }
        },
    }
}

fn group_id(account: &Account) -> Result<Gid, Problem> {
    match account {
        Account::Number(number) => Ok(Gid::from_raw(*number)),
        Account::Name(name) => match Group::from_name(name) {
            Ok(Some(group)) => Ok(group.gid),
            Ok(None) | Err(_) => {
                let help = format!("write the ID of the group, which `getent group {name}` prints");
                Err(unknown_account(name, "group", "/etc/group").help(help))
            }
        },
    }
}

fn unknown_account(name: &str, kind: &str, file: &str) -> Problem {
    Problem::configuration(format!("there is no {kind} {name:?} in {file}"))
}
