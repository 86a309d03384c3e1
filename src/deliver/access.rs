//! The owner and mode of a file, which are set on the open file before its first byte is written.

use std::fs::File;
use std::io::Write;

use nix::errno::Errno;
use nix::libc::mode_t;
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::{Gid, Group, Uid, User, fchown};

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
    /// If a user or group with that name doesn't exist.
    pub fn from_target(target: &FileTarget) -> Result<Self, Problem> {
        let owner = target.owner.as_ref();
        let user = owner.and_then(|owner| owner.user.as_ref());
        let group = owner.and_then(|owner| owner.group.as_ref());
        // In the static binary, getpwnam(3) and getgrnam(3) don't load an NSS module, so they don't
        // look anywhere else.
        let find_user = |name: &str| User::from_name(name).ok()?.map(|user| user.uid);
        let find_group = |name: &str| Group::from_name(name).ok()?.map(|group| group.gid);
        Ok(Self {
            user: account_id(user, Uid::from_raw, find_user, "user", "/etc/passwd")?,
            group: account_id(group, Gid::from_raw, find_group, "group", "/etc/group")?,
            mode: Mode::from_bits_truncate(target.mode.bits() as mode_t),
        })
    }

    /// True if the mode allows anyone to execute the file.
    #[cfg_attr(
        target_os = "macos",
        allow(dead_code, reason = "files in memory need Linux")
    )]
    pub fn is_executable(&self) -> bool {
        self.mode
            .intersects(Mode::S_IXUSR | Mode::S_IXGRP | Mode::S_IXOTH)
    }

    /// Sets the owner and mode of an empty file and then writes its content.
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
    /// The order matters. If the mode were set before the group, members of this process's group
    /// could open the file in between and keep the descriptor. If the user were set before the
    /// mode, changing the mode of that user's file would need CAP_FOWNER.
    ///
    /// # Errors
    /// When this process isn't allowed to give the file to the owner or to set the mode.
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

/// Returns the id of a user or group: the number itself, or the id that `find` returns for a name.
/// Returns `None` if `account` is `None`.
///
/// # Errors
/// If no user or group of this `kind` has the name in `file`.
fn account_id<I>(
    account: Option<&Account>,
    from_number: fn(u32) -> I,
    find: impl Fn(&str) -> Option<I>,
    kind: &str,
    file: &str,
) -> Result<Option<I>, Problem> {
    let name = match account {
        None => return Ok(None),
        Some(Account::Number(number)) => return Ok(Some(from_number(*number))),
        Some(Account::Name(name)) => name,
    };
    match find(name) {
        Some(id) => Ok(Some(id)),
        None => Err(Problem::configuration(format!("there is no {kind} {name:?} in {file}"))
            .help(format!("create the {kind} in this image or on this host, or write a number, as in owner: \"1000:1000\""))),
    }
}
