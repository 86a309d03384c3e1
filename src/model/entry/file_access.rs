//! A file's permissions and owner.

/// The permission bits of a file, at most 0777.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode(u32);

impl Mode {
    /// Readable by the owner only.
    pub const PRIVATE: Self = Self(0o400);

    /// Readable and writable by the owner only.
    pub const PRIVATE_WRITABLE: Self = Self(0o600);

    /// Parses `0400` or `400`: three or four octal digits up to 0777.
    pub fn parse(text: &str) -> Option<Self> {
        let octal = text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
        let bits = u32::from_str_radix(text, 8)
            .ok()
            .filter(|bits| octal && *bits <= 0o777);
        bits.filter(|_| (3..=4).contains(&text.len())).map(Self)
    }

    pub fn bits(self) -> u32 {
        self.0
    }
}

/// The owner and group of a file; `None` leaves those of this process. At least one is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    pub user: Option<Account>,
    pub group: Option<Account>,
}

/// A user or a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Account {
    /// A uid or gid.
    Number(u32),
    /// A name in /etc/passwd or /etc/group.
    Name(String),
}

impl Owner {
    /// Parses `USER`, `USER:GROUP` or `:GROUP`, each a name or a number but 4294967295.
    pub fn parse(text: &str) -> Option<Self> {
        let (user, group) = match text.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (text, None),
        };
        let user = if user.is_empty() {
            None
        } else {
            Some(Account::parse(user)?)
        };
        let group = if let Some(group) = group {
            Some(Account::parse(group)?)
        } else {
            None
        };
        (user.is_some() || group.is_some()).then_some(Self { user, group })
    }
}

impl Account {
    fn parse(text: &str) -> Option<Self> {
        let printable = text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b':');
        if text.is_empty() || !printable {
            return None;
        }
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            // chown(2) reads -1 as "unchanged".
            return text
                .parse()
                .ok()
                .filter(|number| *number != u32::MAX)
                .map(Self::Number);
        }
        Some(Self::Name(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_a_user_a_group_or_both() {
        let name = |text: &str| Some(Account::Name(text.into()));
        assert_eq!(
            Owner::parse("app:app"),
            Some(Owner {
                user: name("app"),
                group: name("app")
            })
        );
        assert_eq!(
            Owner::parse("1000"),
            Some(Owner {
                user: Some(Account::Number(1000)),
                group: None
            })
        );
        assert_eq!(
            Owner::parse(":0"),
            Some(Owner {
                user: None,
                group: Some(Account::Number(0))
            })
        );
        // chown(2) takes -1 for no change.
        assert_eq!(Owner::parse("4294967295"), None);
    }
}
