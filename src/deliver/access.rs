//! Owner and mode of a file, set on the open file before its first byte is written.

use std::fs::File;
use std::io::Write;

use nix::libc::mode_t;
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::{Gid, Uid, fchown};

use super::problem::{DeliverProblem, FailedStep, Step};
use crate::model::entry::{Account, FileTarget};
use crate::model::secret_value::SecretValue;
use crate::system::os_error::errno;

const USERS: &str = "/etc/passwd";

const GROUPS: &str = "/etc/group";

/// A numeric owner and a mode. `None` leaves the id of this process.
#[derive(Debug, PartialEq, Eq)]
pub struct Access {
    user: Option<Uid>,
    group: Option<Gid>,
    mode: Mode,
}

impl Access {
    /// Returns the access that a declaration asks for.
    ///
    /// # Errors
    /// One for each user or group name that has no number.
    pub fn wanted(target: &FileTarget) -> Result<Self, Vec<DeliverProblem>> {
        let (user, group) = match &target.owner {
            Some(owner) => (owner.user.as_ref(), owner.group.as_ref()),
            None => (None, None),
        };
        let user = user.map(|user| number(user, USERS, DeliverProblem::UnknownUser)).transpose();
        let group = group.map(|group| number(group, GROUPS, DeliverProblem::UnknownGroup)).transpose();
        match (user, group) {
            (Ok(user), Ok(group)) => Ok(Self {
                user: user.map(Uid::from_raw),
                group: group.map(Gid::from_raw),
                mode: Mode::from_bits_truncate(target.mode.bits() as mode_t),
            }),
            (user, group) => Err(user.err().into_iter().chain(group.err()).collect()),
        }
    }

    /// True if any execute bit is set.
    #[cfg_attr(target_os = "macos", allow(dead_code, reason = "files in memory need Linux"))]
    pub fn is_executable(&self) -> bool {
        self.mode.intersects(Mode::S_IXUSR | Mode::S_IXGRP | Mode::S_IXOTH)
    }

    /// Sets the owner and mode of an empty file, and then writes its content.
    pub fn fill(&self, file: &mut File, content: &SecretValue) -> Result<(), FailedStep> {
        self.apply(file)?;
        file.write_all(content.expose()).map_err(|error| Step::Write.failed(errno(&error)))
    }

    /// Sets the owner and mode of an empty file that this process has created.
    ///
    /// The group comes before the mode: otherwise members of this process's group could open the file in between and keep the
    /// descriptor. The user comes last, since changing the mode of another user's file needs CAP_FOWNER.
    fn apply(&self, file: &File) -> Result<(), FailedStep> {
        if self.group.is_some() {
            fchown(file, None, self.group).map_err(|errno| Step::Owner.failed(errno))?;
        }
        fchmod(file, self.mode).map_err(|errno| Step::Mode.failed(errno))?;
        if self.user.is_some() {
            fchown(file, self.user, None).map_err(|errno| Step::Owner.failed(errno))?;
        }
        Ok(())
    }
}

fn number(account: &Account, file: &'static str, unknown: fn(String) -> DeliverProblem) -> Result<u32, DeliverProblem> {
    match account {
        Account::Number(number) => Ok(*number),
        Account::Name(name) => {
            let text = std::fs::read(file).map_err(|error| DeliverProblem::Accounts(file, errno(&error)))?;
            id_of(&text, name).ok_or_else(|| unknown(name.clone()))
        }
    }
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
    use std::os::unix::fs::MetadataExt;

    use nix::errno::Errno;

    use super::*;
    use crate::model::entry::{Mode as Wanted, Owner, Place};

    const PASSWD: &[u8] = b"root:x:0:0:root:/root:/bin/sh\n# app:x:1:1\n\nbroken\nodd:x:one:1::\nhigh:x:4294967295:1::\n+nis::::::\napp:x:1000:2000:caf\xe9:/:/bin/sh\napp:x:7:7::";

    fn target(owner: &str) -> FileTarget {
        let owner = Owner::parse(owner).ok();
        FileTarget { place: Place::Memory, env: None, mode: Wanted::PRIVATE, owner }
    }

    #[test]
    fn a_name_has_the_number_of_its_first_line() {
        assert_eq!(id_of(PASSWD, "root"), Some(0));
        assert_eq!(id_of(PASSWD, "app"), Some(1000));
        assert_eq!(id_of(b"app:x:5", "app"), Some(5));
    }

    #[test]
    fn a_malformed_line_has_no_number() {
        for name in ["", "ap", "broken", "odd", "high", "+nis", "nobody", "#", "x"] {
            assert_eq!(id_of(PASSWD, name), None, "{name}");
        }
        assert_eq!(id_of(b"", "app"), None);
    }

    #[test]
    fn a_number_needs_no_line_and_a_name_does() {
        let access = Access::wanted(&target("123456:654321")).unwrap();
        assert_eq!((access.user, access.group), (Some(Uid::from_raw(123_456)), Some(Gid::from_raw(654_321))));
        let access = Access::wanted(&target("root:root")).unwrap();
        assert_eq!((access.user, access.group), (Some(Uid::from_raw(0)), Some(Gid::from_raw(0))));
        let access = Access::wanted(&target(":5")).unwrap();
        assert_eq!((access.user, access.group), (None, Some(Gid::from_raw(5))));
    }

    #[test]
    fn an_unknown_user_and_an_unknown_group_are_both_named() {
        let problems = Access::wanted(&target("no-such-user:no-such-group")).unwrap_err();
        let (user, group) = ("no-such-user".to_owned(), "no-such-group".to_owned());
        assert_eq!(problems, [DeliverProblem::UnknownUser(user), DeliverProblem::UnknownGroup(group)]);
    }

    #[test]
    fn a_missing_list_of_accounts_is_reported() {
        let absent = number(&Account::Name("app".into()), "/nonexistent/passwd", DeliverProblem::UnknownUser);
        assert_eq!(absent, Err(DeliverProblem::Accounts("/nonexistent/passwd", Errno::ENOENT)));
    }

    #[test]
    fn owner_and_mode_are_final_before_the_first_byte() {
        let directory = crate::deliver::testing::Directory::new();
        let path = directory.path("empty");
        std::fs::write(&path, "").unwrap();
        // Writing fails on a descriptor opened for reading, so the mode was set before.
        let mut unwritable = File::open(&path).unwrap();
        let access = Access { user: None, group: None, mode: Mode::from_bits_truncate(0o461) };
        let refused = access.fill(&mut unwritable, &SecretValue::new("value"));
        assert_eq!(refused, Err(Step::Write.failed(Errno::EBADF)));
        assert_eq!(unwritable.metadata().unwrap().mode() & 0o7777, 0o461);
    }
}
