//! Owner and mode of a file, set on the open file before its first byte is written.

use std::fs::File;
use std::io::Write;

use nix::libc::mode_t;
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::{Gid, Uid, fchown};

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
        let user = owner.and_then(|owner| owner.user.as_ref());
        let user = user.map(|user| id_number(user, "user", "/etc/passwd", "uid")).transpose()?;
        let group = owner.and_then(|owner| owner.group.as_ref());
        let group = group.map(|group| id_number(group, "group", "/etc/group", "gid")).transpose()?;
        Ok(Self {
            user: user.map(Uid::from_raw),
            group: group.map(Gid::from_raw),
            mode: Mode::from_bits_truncate(target.mode.bits() as mode_t),
        })
    }

    /// True if any execute bit is set.
    #[cfg_attr(target_os = "macos", allow(dead_code, reason = "files in memory need Linux"))]
    pub fn is_executable(&self) -> bool {
        self.mode.intersects(Mode::S_IXUSR | Mode::S_IXGRP | Mode::S_IXOTH)
    }

    /// Sets the owner and mode of an empty file, and then writes its content.
    pub fn fill(&self, file: &mut File, content: &SecretValue) -> Result<(), Problem> {
        self.apply(file)?;
        file.write_all(content.expose()).map_err(|error| failed(WRITE, errno(&error)))
    }

    /// Sets the owner and mode of an empty file that this process has created.
    ///
    /// The group comes before the mode: otherwise members of this process's group could open the file in between and keep the
    /// descriptor. The user comes last, since changing the mode of another user's file needs CAP_FOWNER.
    fn apply(&self, file: &File) -> Result<(), Problem> {
        let no_owner = |errno: Errno| {
            failed("the owner of the file cannot be set", errno).help("only root may change the owner of a file")
        };
        if self.group.is_some() {
            fchown(file, None, self.group).map_err(no_owner)?;
        }
        fchmod(file, self.mode).map_err(|errno| failed("the mode of the file cannot be set", errno))?;
        if self.user.is_some() {
            fchown(file, self.user, None).map_err(no_owner)?;
        }
        Ok(())
    }
}

fn id_number(account: &Account, kind: &str, file: &str, id: &str) -> Result<u32, Problem> {
    let name = match account {
        Account::Number(number) => return Ok(*number),
        Account::Name(name) => name,
    };
    let help = format!("give the {id} instead");
    let text =
        std::fs::read(file).map_err(|error| failed(&format!("{file} cannot be read"), errno(&error)).help(&help))?;
    id_of(&text, name).ok_or_else(|| Problem::configuration(format!("{kind} {name:?} is not in {file}")).help(help))
}

/// Returns the id of a name in the text of /etc/passwd or /etc/group. Both have lines of `NAME:PASSWORD:ID:…`.
///
/// getpwnam(3) would load NSS modules, which a static binary cannot.
fn id_of(text: &[u8], name: &str) -> Option<u32> {
    text.split(|byte| *byte == b'\n').find_map(|line| {
        let mut fields = line.split(|byte| *byte == b':');
        let found = fields.next()? == name.as_bytes();
        let number = std::str::from_utf8(fields.nth(1)?).ok()?.parse().ok()?;
        // chown(2) takes the highest id for "unchanged".
        (found && number != u32::MAX).then_some(number)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_the_number_of_its_first_line_that_is_well_formed() {
        let passwd =
            b"root:x:0:0:root:/root:/bin/sh\n# app:x:1:1\n\nbroken\nodd:x:one:1::\nhigh:x:4294967295:1::\n+nis::::::\n\
            app:x:1000:2000:caf\xe9:/:/bin/sh\napp:x:7:7::";
        assert_eq!(id_of(passwd, "root"), Some(0));
        assert_eq!(id_of(passwd, "app"), Some(1000));
        assert_eq!(id_of(b"app:x:5", "app"), Some(5));
        for name in ["", "ap", "broken", "odd", "high", "+nis", "nobody", "#", "x"] {
            assert_eq!(id_of(passwd, name), None, "{name}");
        }
    }

    #[test]
    fn a_missing_list_of_accounts_is_reported() {
        let absent = id_number(&Account::Name("app".into()), "user", "/nonexistent/passwd", "uid").unwrap_err();
        assert_eq!(absent.text, "/nonexistent/passwd cannot be read: no such file or directory");
    }
}
