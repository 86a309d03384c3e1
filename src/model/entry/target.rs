//! The target of an entry, such as a variable or a file.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::model::environment::{EnvName, is_name};
use crate::model::fault::{Fault, overlooked};
use crate::model::shown::not_this_value;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Env(EnvName),
    File(FileTarget),
    /// The variables of an `env-from` object. The text is their prefix.
    Variables(String),
    /// Standard output, for `get`.
    Output,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileTarget {
    /// `None` for a memfd or a pipe, which the command opens as `/proc/self/fd/N`.
    pub path: Option<DeclaredPath>,
    /// True for a pipe. A file with a path is never a pipe.
    pub once: bool,
    /// The variable that gets the file's path.
    pub env: Option<EnvName>,
    pub mode: Mode,
    /// `None` for this process's own user and group.
    pub owner: Option<Owner>,
}

impl FileTarget {
    /// Checks a path. The plan later expands its placeholders, such as `${HOME}`.
    pub fn parse_path(text: &str) -> Result<DeclaredPath, Fault> {
        if let Some(fault) = overlooked(text) {
            return Err(fault);
        }
        if text.contains("{{") {
            let fault = Fault::new("contains \"{{\", like a template");
            return Err(fault.help("a variable in a path is written ${NAME}"));
        }
        for part in text.split('/') {
            let variable = match part.strip_prefix('$') {
                Some(name) if is_name(name) => name,
                None if part == "~" && text.starts_with('~') => "HOME",
                _ => continue,
            };
            let corrected = text.replacen(part, &format!("${{{variable}}}"), 1);
            let fault = Fault::new(format!("contains {part:?}, which only a shell expands"));
            return Err(fault.help(format!("write {corrected:?}")));
        }
        let is_directory = matches!(text.rsplit('/').next(), None | Some("" | "." | ".."));
        if is_directory || text.contains('\0') {
            let refused = not_this_value(text);
            return Err(format!("must be the path of a file{refused}").into());
        }
        Ok(DeclaredPath::new(Path::new(text)))
    }
}

/// Messages show the path as written, because the expanded path may contain a password from a
/// variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredPath {
    pub written: String,
    /// The same as `written`, until the plan replaces placeholders such as `${HOME}`.
    pub expanded: PathBuf,
}

impl DeclaredPath {
    pub fn new(path: &Path) -> Self {
        Self {
            written: path.display().to_string(),
            expanded: path.to_owned(),
        }
    }
}

impl fmt::Display for DeclaredPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// The permission bits of a file, at most 0777.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode(pub u32);

/// Only the owner can read the file, and nobody can write to it.
impl Default for Mode {
    fn default() -> Self {
        Self(0o400)
    }
}

impl Mode {
    /// Parses three octal digits, with or without a zero before them.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text
            .strip_prefix('0')
            .filter(|rest| rest.len() == 3)
            .unwrap_or(text);
        // `from_str_radix` also accepts a plus sign.
        if digits.len() != 3 || digits.starts_with('+') {
            return None;
        }
        Some(Self(u32::from_str_radix(digits, 8).ok()?))
    }
}

/// The owner of a file. `None` means the user or group of this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    pub user: Option<Account>,
    pub group: Option<Account>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Account {
    /// A uid or gid.
    Number(u32),
    /// A name in /etc/passwd or /etc/group.
    Name(String),
}

impl Owner {
    /// Parses `USER`, `USER:GROUP` or `:GROUP`.
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
    fn parse(text: &str) -> Option<Self> {
        let is_legal = text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b':');
        if text.is_empty() || !is_legal {
            return None;
        }

        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return text
                .parse()
                .ok()
                .filter(|number| *number != u32::MAX)
                .map(Self::Number);
        }
        Some(Self::Name(text.to_owned()))
    }
}

impl Target {
    /// True for a file with a path on disk.
    pub fn has_path(&self) -> bool {
        matches!(self, Self::File(file) if file.path.is_some())
    }

    /// The variable that gets the value or, for a file, the path.
    pub fn variable(&self) -> Option<&EnvName> {
        match self {
            Self::Env(name) => Some(name),
            Self::File(file) => file.env.as_ref(),
            Self::Variables(_) | Self::Output => None,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "{name}"),
            Self::File(file) => match (&file.env, &file.path) {
                (Some(name), _) => write!(f, "{name}"),
                (None, Some(path)) => write!(f, "{path}"),
                (None, None) => f.write_str("a file in memory"),
            },
            Self::Variables(prefix) => write!(f, "{prefix}*"),
            Self::Output => f.write_str("the value"),
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
        assert_eq!(Owner::parse("4294967295"), None);
    }
}
