//! The target of an entry: a variable, a file (and the variable that gets its path), the variables
//! of `env-from`, a credential of a systemd unit, or the output of `get`.

use std::fmt;
use std::path::PathBuf;

use crate::model::env_variables::EnvName;
use crate::model::systemd_credential::Credential;

/// Something that an entry sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Env(EnvName),
    File(FileTarget),
    /// The variables that the keys of an object set. The text is the beginning of their names.
    Variables(String),
    Credential(Credential),
    /// Standard output, for `get`.
    Output,
}

/// A file that holds a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileTarget {
    /// `None` for a file in memory, a memfd. A process opens it as `/proc/self/fd/N`.
    pub path: Option<PathBuf>,
    /// The variable that gets the path.
    pub env: Option<EnvName>,
    pub mode: Mode,
    /// `None` for the user and group of this process.
    pub owner: Option<Owner>,
}

/// The permission bits of a file, at most 0777.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode(u32);

impl Mode {
    /// Only the owner can read the file.
    pub const PRIVATE: Self = Self(0o400);

    /// Only the owner can read and write the file.
    pub const PRIVATE_WRITABLE: Self = Self(0o600);

    /// Parses a mode such as `0400` or `400`: three or four octal digits, up to 0777. Returns
    /// `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let is_octal = text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
        if !is_octal || !(3..=4).contains(&text.len()) {
            return None;
        }
        let bits = u32::from_str_radix(text, 8).ok()?;
        (bits <= 0o777).then_some(Self(bits))
    }

    /// Returns the mode as chmod(2) takes it.
    pub fn bits(self) -> u32 {
        self.0
    }
}

/// The owner and the group of a file, at least one of them. `None` means that of this process.
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
    /// Parses `USER`, `USER:GROUP` or `:GROUP`. Returns `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let (user, group) = match text.split_once(':') {
            Some(("", group)) => (None, Some(Account::parse(group)?)),
            Some((user, group)) => (Some(Account::parse(user)?), Some(Account::parse(group)?)),
            None => (Some(Account::parse(text)?), None),
        };
        Some(Self { user, group })
    }
}

impl Account {
    /// Parses a name, or a number. Returns `None` for any other text, and for 4294967295, which
    /// chown(2) reads as "unchanged".
    fn parse(text: &str) -> Option<Self> {
        let is_printable = text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b':');
        if text.is_empty() || !is_printable {
            return None;
        }

        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            let number = text.parse().ok().filter(|number| *number != u32::MAX);
            return number.map(Self::Number);
        }
        Some(Self::Name(text.to_owned()))
    }
}

/// A variable, a path or a credential that an entry sets.
///
/// Two entries of one layer must not have the same claim. If entries of different layers have the
/// same claim, the entry of the later layer overrides the other one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Claim {
    Variable(EnvName),
    Path(PathBuf),
    Credential(Credential),
}

impl Target {
    /// Returns the variables, paths and credentials that an entry with this target sets. The
    /// variables of `env-from` aren't among them: each key claims its variable when it is known.
    pub fn claims(&self) -> Vec<Claim> {
        match self {
            Self::Env(name) => vec![Claim::Variable(name.clone())],
            Self::File(FileTarget { path, env, .. }) => {
                let variable = env.clone().map(Claim::Variable);
                let path = path.clone().map(Claim::Path);
                variable.into_iter().chain(path).collect()
            }
            Self::Variables(_) => Vec::new(),
            Self::Credential(credential) => vec![Claim::Credential(credential.clone())],
            Self::Output => Vec::new(),
        }
    }

    /// True if both targets set the same variable, path or credential.
    pub fn overlaps(&self, other: &Self) -> bool {
        let claims = other.claims();
        self.claims().iter().any(|claim| claims.contains(claim))
    }

    /// Returns the variable that gets the value, or the path of the file. Returns `None` for any
    /// other target, and for a file without a variable.
    pub fn variable(&self) -> Option<&EnvName> {
        match self {
            Self::Env(name) => Some(name),
            Self::File(file) => file.env.as_ref(),
            Self::Variables(_) | Self::Credential(_) | Self::Output => None,
        }
    }
}

/// Writes the label of messages: the variable, the path of a file without a variable, the unit and
/// the credential, or `PREFIX*`.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "{name}"),
            Self::File(file) => match (&file.env, &file.path) {
                (Some(name), _) => write!(f, "{name}"),
                (None, Some(path)) => write!(f, "{}", path.display()),
                (None, None) => f.write_str("a file in memory"),
            },
            Self::Variables(prefix) => write!(f, "{prefix}*"),
            Self::Credential(credential) => write!(f, "{credential}"),
            Self::Output => f.write_str("the value"),
        }
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => write!(f, "the variable {name}"),
            Self::Path(path) => write!(f, "the file {}", path.display()),
            Self::Credential(Credential { unit, name }) => {
                write!(f, "the credential {name} of {unit}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_of_a_file_can_be_a_user_or_a_group_or_both() {
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
        // chown(2) reads -1, which is the same number, as "unchanged".
        assert_eq!(Owner::parse("4294967295"), None);
    }
}
