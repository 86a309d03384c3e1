//! Whose a file is and who may use it: settled on the open file before its first byte.

use std::fs::File;
use std::io;
use std::io::Write;

use nix::errno::Errno;
use nix::sys::stat::{FileStat, Mode, fchmod};
use nix::unistd::{Gid, Uid, fchown};

use super::problem::{Problem, Refusal, Step};
use crate::model::entry::{Account, FileTarget};
use crate::model::secret_value::SecretValue;

const USERS: &str = "/etc/passwd";

const GROUPS: &str = "/etc/group";

/// An owner by number, and a mode.
#[derive(Debug, PartialEq, Eq)]
pub struct Access {
    user: Option<Uid>,
    group: Option<Gid>,
    mode: Mode,
}

impl Access {
    /// What the declaration asks for.
    ///
    /// # Errors
    /// For each name that this system does not know.
    pub fn wanted(target: &FileTarget) -> Result<Self, Vec<Problem>> {
        let (user, group) = match &target.owner {
            Some(owner) => (owner.user.as_ref(), owner.group.as_ref()),
            None => (None, None),
        };
        let user = user.map(|user| number(user, USERS, Problem::UnknownUser)).transpose();
        let group = group.map(|group| number(group, GROUPS, Problem::UnknownGroup)).transpose();
        match (user, group) {
            (Ok(user), Ok(group)) => Ok(Self {
                user: user.map(Uid::from_raw),
                group: group.map(Gid::from_raw),
                mode: Mode::from_bits_truncate(target.mode.bits()),
            }),
            (user, group) => Err(user.err().into_iter().chain(group.err()).collect()),
        }
    }

    /// The owner and mode of a file, without set-id bits: a copy must not get those.
    pub fn present(stat: &FileStat) -> Self {
        Self {
            user: Some(Uid::from_raw(stat.st_uid)),
            group: Some(Gid::from_raw(stat.st_gid)),
            mode: Mode::from_bits_truncate(stat.st_mode) & (Mode::S_IRWXU | Mode::S_IRWXG | Mode::S_IRWXO),
        }
    }

    /// The same for a file that stays ours. Without its group, the bits of that group would be for ours.
    pub fn without_owner(&self) -> Self {
        Self { user: None, group: None, mode: self.mode - Mode::S_IRWXG }
    }

    /// Whether anyone may execute the file.
    pub fn is_executable(&self) -> bool {
        self.mode.intersects(Mode::S_IXUSR | Mode::S_IXGRP | Mode::S_IXOTH)
    }

    /// Gives an empty file its owner and mode, and then its content.
    ///
    /// # Errors
    /// When the kernel refuses one of them.
    pub fn fill(&self, file: &mut File, content: &SecretValue) -> Result<(), Refusal> {
        self.apply(file)?;
        file.write_all(content.expose()).map_err(|error| Step::Write.refused(errno(&error)))
    }

    /// Gives an empty file of ours its owner and mode.
    ///
    /// The group comes before the mode: with the mode alone, members of our own group could open the file and keep it open.
    /// The user comes last, since only CAP_FOWNER may change the mode of another user's file.
    ///
    /// # Errors
    /// When the kernel refuses one of them.
    pub fn apply(&self, file: &File) -> Result<(), Refusal> {
        if self.group.is_some() {
            fchown(file, None, self.group).map_err(|errno| Step::Owner.refused(errno))?;
        }
        fchmod(file, self.mode).map_err(|errno| Step::Mode.refused(errno))?;
        if self.user.is_some() {
            fchown(file, self.user, None).map_err(|errno| Step::Owner.refused(errno))?;
        }
        Ok(())
    }
}

/// What the kernel said, without std's own words around it.
pub fn errno(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

fn number(account: &Account, file: &'static str, unknown: fn(String) -> Problem) -> Result<u32, Problem> {
    match account {
        Account::Number(number) => Ok(*number),
        Account::Name(name) => {
            let text = std::fs::read(file).map_err(|error| Problem::Accounts(file, errno(&error).desc()))?;
            listed(&text, name).ok_or_else(|| unknown(name.clone()))
        }
    }
}

/// The number behind a name in the text of /etc/passwd or /etc/group: both are `NAME:PASSWORD:NUMBER:…`.
///
/// The C library's own look-up would load modules (NSS), which a static binary cannot.
fn listed(text: &[u8], name: &str) -> Option<u32> {
    text.split(|byte| *byte == b'\n').find_map(|line| {
        let mut fields = line.split(|byte| *byte == b':');
        let found = fields.next()? == name.as_bytes();
        let number = std::str::from_utf8(fields.nth(1)?).ok()?.parse().ok()?;
        // To chown the highest number means "unchanged".
        (found && number != u32::MAX).then_some(number)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::entry::Mode as Wanted;
    use crate::model::entry::Owner;
    use crate::model::entry::Place;
    use std::os::unix::fs::MetadataExt;

    const PASSWD: &[u8] = b"root:x:0:0:root:/root:/bin/sh\n# app:x:1:1\n\nbroken\nodd:x:one:1::\nhigh:x:4294967295:1::\n+nis::::::\napp:x:1000:2000:caf\xe9:/:/bin/sh\napp:x:7:7::";

    fn target(owner: &str) -> FileTarget {
        let owner = Owner::parse(owner).ok();
        FileTarget { place: Place::Memory, env: None, mode: Wanted::PRIVATE, owner }
    }

    #[test]
    fn a_name_has_the_number_of_its_first_line() {
        assert_eq!(listed(PASSWD, "root"), Some(0));
        assert_eq!(listed(PASSWD, "app"), Some(1000));
        assert_eq!(listed(b"app:x:5", "app"), Some(5));
    }

    #[test]
    fn what_is_not_a_line_of_the_format_gives_no_number() {
        for name in ["", "ap", "broken", "odd", "high", "+nis", "nobody", "#", "x"] {
            assert_eq!(listed(PASSWD, name), None, "{name}");
        }
        assert_eq!(listed(b"", "app"), None);
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
        assert_eq!(problems, [Problem::UnknownUser(user), Problem::UnknownGroup(group)]);
    }

    #[test]
    fn a_list_of_accounts_that_is_not_there_is_told_as_such() {
        let absent = number(&Account::Name("app".into()), "/nonexistent/passwd", Problem::UnknownUser);
        assert_eq!(absent, Err(Problem::Accounts("/nonexistent/passwd", "No such file or directory")));
    }

    #[test]
    fn owner_and_mode_are_final_before_the_first_byte() {
        let directory = crate::deliver::testing::Directory::new();
        let path = directory.path("empty");
        std::fs::write(&path, "").unwrap();
        // Nothing can be written here, so what the file has now it had before.
        let mut unwritable = File::open(&path).unwrap();
        let access = Access { user: None, group: None, mode: Mode::from_bits_truncate(0o461) };
        let refused = access.fill(&mut unwritable, &SecretValue::new("value"));
        assert_eq!(refused, Err(Step::Write.refused(Errno::EBADF)));
        assert_eq!(unwritable.metadata().unwrap().mode() & 0o7777, 0o461);
    }
}
