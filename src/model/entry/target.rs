//! The target of an entry: a variable, a file and the variable with its path, the variables of `env-from`, a credential of a unit, or the
//! output of `get`. A file has permissions and an owner.

use std::fmt;
use std::path::PathBuf;

use crate::model::credential::Credential;
use crate::model::env_name::EnvName;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Env(EnvName),
    File(FileTarget),
    /// Variables that the keys of an object give, by the beginning of their names.
    Variables(String),
    Credential(Credential),
    /// Standard output, for `get`.
    Output,
}

/// A file that holds a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileTarget {
    pub place: FilePlace,
    /// The variable for the path.
    pub env: Option<EnvName>,
    pub mode: Mode,
    /// `None` for the user and group of this process.
    pub owner: Option<Owner>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilePlace {
    /// A memfd, with the path `/proc/self/fd/N`.
    Memory,
    Path(PathBuf),
}

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

/// A variable, a path or a credential that an entry sets.
///
/// Two entries of one layer must not share a claim. An entry overrides those of earlier layers that share one with it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Claim {
    Variable(EnvName),
    Path(PathBuf),
    Credential(Credential),
}

impl Target {
    pub fn claims(&self) -> Vec<Claim> {
        match self {
            Self::Env(name) => vec![Claim::Variable(name.clone())],
            Self::File(FileTarget { place, env, .. }) => {
                let path = match place {
                    FilePlace::Memory => None,
                    FilePlace::Path(path) => Some(Claim::Path(path.clone())),
                };
                env.clone()
                    .map(Claim::Variable)
                    .into_iter()
                    .chain(path)
                    .collect()
            }
            // Each key claims its variable once it is known.
            Self::Variables(_) => Vec::new(),
            Self::Credential(credential) => vec![Claim::Credential(credential.clone())],
            Self::Output => Vec::new(),
        }
    }

    /// True if both set the same variable, path or credential.
    pub fn overlaps(&self, other: &Self) -> bool {
        let claims = other.claims();
        self.claims().iter().any(|claim| claims.contains(claim))
    }

    /// Returns the variable that is set to the value, or to the path of the file.
    pub fn variable(&self) -> Option<&EnvName> {
        match self {
            Self::Env(name) => Some(name),
            Self::File(file) => file.env.as_ref(),
            Self::Variables(_) | Self::Credential(_) | Self::Output => None,
        }
    }
}

/// Writes the variable, or the path of a file without a variable, or the unit and the credential, or the pattern of several variables.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name)
            | Self::File(FileTarget {
                env: Some(name), ..
            }) => write!(f, "{name}"),
            Self::File(FileTarget {
                place: FilePlace::Path(path),
                ..
            }) => write!(f, "{}", path.display()),
            Self::File(FileTarget {
                place: FilePlace::Memory,
                ..
            }) => f.write_str("a file in memory"),
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
