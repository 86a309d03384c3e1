//! The target's environment: what it inherits, what is taken from that, and what is added.
//!
//! In this order: inherited; `--clean-env` and `--pass`; `--unset`; `--keep-existing`; resolved.

use std::ffi::{CString, OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use glob::Pattern;
use zeroize::Zeroizing;

use crate::binding::{EnvName, Origin};
use crate::command::CommandLine;
use crate::resolved::Resolved;

/// The environment that secrets-exec was started with, byte for byte; each name once.
#[derive(Default)]
pub struct Inherited(Vec<(OsString, OsString)>);

impl Inherited {
    /// Of a name that occurs twice the first one counts, as it does for `getenv`.
    pub fn new(variables: impl Iterator<Item = (OsString, OsString)>) -> Self {
        let mut seen = std::collections::HashSet::new();
        Self(variables.filter(|(name, _)| seen.insert(name.clone())).collect())
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_os_str())
    }

    /// The value of a variable that is not empty, which for the AWS CLI counts as not set.
    pub fn filled(&self, name: &str) -> Option<&OsStr> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// What the target keeps of it. What it loses is still read by secrets-exec itself.
    pub fn retain(&self, retention: &Retention) -> Retained {
        Retained(self.0.iter().filter(|(name, _)| retention.keeps(name)).cloned().collect())
    }
}

/// Values are other people's secrets as often as not.
impl fmt::Debug for Inherited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// Which inherited variables the target gets.
#[derive(Clone, Debug, Default)]
pub struct Retention {
    /// Nothing but what a program needs to find its way, and what `pass` adds.
    pub clean: bool,
    /// Names that `clean` lets through all the same.
    pub pass: Vec<Pattern>,
    /// Names that are taken away in any case.
    pub unset: Vec<Pattern>,
}

/// What `--clean-env` leaves: the user's place in the system, and what systemd set for the service.
const CLEAN: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "TERM",
    "TZ",
    "LANG",
    "LC_*",
    "TMPDIR",
    "LISTEN_*",
    "NOTIFY_SOCKET",
    "WATCHDOG_*",
    "CREDENTIALS_DIRECTORY",
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "*_DIRECTORY",
];

/// The variables that are ours; they never reach the target by inheritance.
pub const OWN_PREFIX: &str = "SECRETS_EXEC_";

impl Retention {
    fn keeps(&self, name: &OsStr) -> bool {
        let name = name.to_string_lossy();
        let matches = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(&name));
        if name.starts_with(OWN_PREFIX) || matches(&self.unset) {
            return false;
        }
        !self.clean || is_clean(&name) || matches(&self.pass)
    }
}

fn is_clean(name: &str) -> bool {
    CLEAN.iter().any(|known| match (known.strip_prefix('*'), known.strip_suffix('*')) {
        (Some(suffix), _) => name.ends_with(suffix),
        (None, Some(prefix)) => name.starts_with(prefix),
        (None, None) => name == *known,
    })
}

/// The inherited variables that the target keeps.
#[derive(Clone, Default)]
pub struct Retained(Vec<(OsString, OsString)>);

impl Retained {
    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_os_str())
    }

    /// Whether a variable is set and not empty.
    pub fn is_filled(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| !value.is_empty())
    }
}

/// What the kernel takes at most, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// One `NAME=value` or argument, its NUL included: 32 pages.
    pub string: usize,
    /// All of them, their NULs and the pointers to them included: a quarter of the stack's limit, within bounds.
    pub total: usize,
}

/// Why a set of values cannot be an environment.
#[derive(Debug, PartialEq)]
pub enum EnvironmentError {
    /// A value has a NUL byte, which ends a variable.
    Nul {
        /// The variable.
        name: EnvName,
        /// Where it was declared.
        origin: Origin,
    },
    /// `NAME=value` is longer than the kernel takes.
    TooLong {
        /// The variable.
        name: EnvName,
        /// Where it was declared.
        origin: Origin,
        /// How long `NAME=value` is, in bytes.
        length: usize,
        /// How long it may be.
        limit: usize,
    },
    /// All variables and arguments together are more than the kernel takes.
    TotalTooLong {
        /// How much they are.
        length: usize,
        /// How much they may be.
        limit: usize,
        /// The longest variable.
        longest: String,
    },
}

/// The environment that the target gets, as execve takes it.
pub struct Environment(Vec<Zeroizing<CString>>);

impl Environment {
    /// Adds what was resolved to what is retained, and holds the result against the kernel's limits.
    ///
    /// # Errors
    /// Every variable that cannot be passed on.
    pub fn new(
        retained: Retained,
        resolved: &Resolved,
        command: &CommandLine,
        limits: Limits,
    ) -> Result<Self, Vec<EnvironmentError>> {
        let mut errors = Vec::new();
        let mut strings = Vec::new();
        for (name, value) in retained.0 {
            if resolved.get(name.to_str()).is_none() {
                // An inherited variable came through execve once and has no NUL.
                strings.extend(CString::new([name.into_vec(), value.into_vec()].join(&b'=')).ok().map(Zeroizing::new));
            }
        }
        for variable in resolved.iter() {
            let (name, origin) = (variable.name.clone(), variable.origin.clone());
            let length = name.as_str().len() + 1 + variable.value.len();
            if length + 1 > limits.string {
                errors.push(EnvironmentError::TooLong { name, origin, length, limit: limits.string - 1 });
                continue;
            }
            let mut string = Vec::with_capacity(length + 1);
            string.extend_from_slice(name.as_str().as_bytes());
            string.push(b'=');
            string.extend_from_slice(variable.value.expose());
            match CString::new(string) {
                Ok(string) => strings.push(Zeroizing::new(string)),
                Err(error) => {
                    drop(Zeroizing::new(error.into_vec()));
                    errors.push(EnvironmentError::Nul { name, origin });
                }
            }
        }
        errors.extend(total_error(&strings, command, limits));
        if errors.is_empty() { Ok(Self(strings)) } else { Err(errors) }
    }

    /// `NAME=value` strings.
    pub fn strings(&self) -> &[Zeroizing<CString>] {
        &self.0
    }

    /// The longest variable's name, which is where to look when the kernel finds it all too long.
    pub fn longest(&self) -> String {
        longest(&self.0)
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|string| name_of(string))).finish()
    }
}

fn total_error(strings: &[Zeroizing<CString>], command: &CommandLine, limits: Limits) -> Option<EnvironmentError> {
    let lengths = strings
        .iter()
        .map(|string| string.as_bytes().len())
        .chain(command.arguments().map(|argument| argument.as_bytes().len()));
    let length: usize = lengths.map(|length| length + 1 + size_of::<usize>()).sum();
    (length > limits.total).then(|| EnvironmentError::TotalTooLong {
        length,
        limit: limits.total,
        longest: longest(strings),
    })
}

fn longest(strings: &[Zeroizing<CString>]) -> String {
    strings.iter().max_by_key(|string| string.as_bytes().len()).map(|string| name_of(string)).unwrap_or_default()
}

fn name_of(string: &CString) -> String {
    let bytes = string.as_bytes();
    let end = bytes.iter().skip(1).position(|b| *b == b'=').map_or(bytes.len(), |at| at + 1);
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resolved::Variable;
    use crate::secret::SecretValue;

    const LIMITS: Limits = Limits { string: 131_072, total: 2_097_152 };

    fn inherited(variables: &[(&str, &str)]) -> Inherited {
        Inherited::new(variables.iter().map(|(name, value)| ((*name).into(), (*value).into())))
    }

    fn resolved(variables: &[(&str, &[u8])]) -> Resolved {
        variables
            .iter()
            .map(|(name, value)| Variable {
                name: EnvName::parse(name).unwrap(),
                value: SecretValue::new(*value),
                origin: Origin::Argument("--env"),
                read_from: None,
            })
            .collect()
    }

    fn command() -> CommandLine {
        CommandLine::new(vec!["app".into()]).unwrap()
    }

    fn strings(environment: &Environment) -> Vec<&[u8]> {
        environment.strings().iter().map(|string| string.as_bytes()).collect()
    }

    #[test]
    fn a_resolved_variable_takes_the_place_of_an_inherited_one() {
        let kept = inherited(&[("A", "1"), ("B", "2"), ("A", "3")]).retain(&Retention::default());
        let environment = Environment::new(kept, &resolved(&[("B", b"new")]), &command(), LIMITS).unwrap();
        assert_eq!(strings(&environment), [b"A=1".as_slice(), b"B=new"]);
        assert_eq!(format!("{environment:?}"), r#"["A", "B"]"#);
    }

    #[test]
    fn clean_keeps_what_systemd_set_and_unset_beats_pass() {
        let retention = Retention {
            clean: true,
            pass: vec![Pattern::new("APP_*").unwrap()],
            unset: vec![Pattern::new("APP_SECRET").unwrap()],
        };
        let names = [
            "PATH",
            "LC_ALL",
            "LISTEN_FDS",
            "STATE_DIRECTORY",
            "APP_MODE",
            "APP_SECRET",
            "AWS_REGION",
            "SECRETS_EXEC_FILE",
        ];
        let kept = inherited(&names.map(|name| (name, "x"))).retain(&retention);
        let kept: Vec<_> = names.into_iter().filter(|name| kept.get(name).is_some()).collect();
        assert_eq!(kept, ["PATH", "LC_ALL", "LISTEN_FDS", "STATE_DIRECTORY", "APP_MODE"]);
    }

    #[test]
    fn every_variable_that_cannot_be_passed_is_named() {
        let long = vec![b'x'; LIMITS.string - "LONG=".len()];
        let found = Environment::new(
            Retained::default(),
            &resolved(&[("NUL", b"a\0b"), ("LONG", &long), ("GOOD", b"")]),
            &command(),
            LIMITS,
        );
        let errors = found.unwrap_err();
        assert!(matches!(&errors[0], EnvironmentError::Nul { name, .. } if name.as_str() == "NUL"));
        assert!(
            matches!(&errors[1], EnvironmentError::TooLong { name, length: 131_072, limit: 131_071, .. } if name.as_str() == "LONG")
        );
        assert_eq!(errors.len(), 2);
    }

    #[test]
    fn the_longest_value_that_fits_is_accepted() {
        let longest = vec![b'x'; LIMITS.string - "LONG=".len() - 1];
        assert!(Environment::new(Retained::default(), &resolved(&[("LONG", &longest)]), &command(), LIMITS).is_ok());
    }

    #[test]
    fn all_variables_together_have_a_limit_too() {
        let limits = Limits { total: 100, ..LIMITS };
        let errors =
            Environment::new(Retained::default(), &resolved(&[("A", &[b'x'; 90])]), &command(), limits).unwrap_err();
        assert!(matches!(&errors[0], EnvironmentError::TotalTooLong { longest, .. } if longest == "A"));
    }
}
