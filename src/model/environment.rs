//! The target's environment: what it inherits, what is taken from that, and what is added.
//!
//! In this order: inherited; `--clean-env` and `--pass`; `--unset`; `--keep-existing`; resolved.

use std::ffi::{CString, OsStr};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use zeroize::Zeroizing;

use super::command_line::CommandLine;
use super::entry::Subject;
use super::env_name::EnvName;
use super::resolved::ResolvedVariable;
use super::retention::Retained;

/// What the kernel takes at most, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// One `NAME=value` or argument, its NUL included: 32 pages.
    pub string: usize,
    /// All of them, their NULs and the pointers to them included: a quarter of the stack's limit, within bounds.
    pub total: usize,
}

/// Why values cannot be passed on.
#[derive(Debug, PartialEq)]
pub enum EnvironmentError {
    /// A value has a NUL byte, which ends a variable.
    Nul(Subject),
    /// `NAME=value` is longer than the kernel takes.
    TooLong {
        /// The variable.
        subject: Subject,
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

/// Why a value cannot be a variable.
pub fn check_variable(variable: &ResolvedVariable, limits: Limits) -> Option<EnvironmentError> {
    let subject = || variable.subject.clone();
    let length = variable.name.as_str().len() + 1 + variable.value.len();
    if variable.value.expose().contains(&0) {
        Some(EnvironmentError::Nul(subject()))
    } else if length + 1 > limits.string {
        Some(EnvironmentError::TooLong { subject: subject(), length, limit: limits.string - 1 })
    } else {
        None
    }
}

/// The environment that the target gets, as execve takes it.
pub struct Environment(Vec<Zeroizing<CString>>);

impl Environment {
    /// What is retained, and in its place or beside it what was resolved, none of it [`unfit`].
    ///
    /// `paths` are those of files, in the variables that are to hold them.
    pub fn new<'a>(
        retained: Retained,
        variables: &[ResolvedVariable],
        paths: impl Iterator<Item = (&'a EnvName, &'a Path)>,
    ) -> Self {
        let paths: Vec<_> = paths.collect();
        let is_set = |name: &OsStr| {
            let resolved = variables.iter().map(|variable| &variable.name);
            resolved.chain(paths.iter().map(|(name, _)| *name)).any(|other| name == other.as_str())
        };
        let mut strings = Vec::new();
        for (name, value) in retained.0 {
            if !is_set(&name) {
                // An inherited variable came through execve once and has no NUL.
                strings.extend(CString::new([name.into_vec(), value.into_vec()].join(&b'=')).ok().map(Zeroizing::new));
            }
        }
        for ResolvedVariable { name, value, .. } in variables {
            // Of the size that CString needs, so that no copy is left behind in a smaller one.
            let mut string = Vec::with_capacity(name.as_str().len() + value.len() + 2);
            string.extend_from_slice(name.as_str().as_bytes());
            string.push(b'=');
            string.extend_from_slice(value.expose());
            strings.extend(CString::new(string).ok().map(Zeroizing::new));
        }
        for (name, path) in paths {
            let string = [name.as_str().as_bytes(), path.as_os_str().as_bytes()].join(&b'=');
            strings.extend(CString::new(string).ok().map(Zeroizing::new));
        }
        Self(strings)
    }

    /// Whether the kernel takes all of it together with the command.
    ///
    /// # Errors
    /// When it does not.
    pub fn check(&self, command: &CommandLine, program: &Path, limits: Limits) -> Result<(), EnvironmentError> {
        let words = command.arguments().map(|argument| argument.as_bytes().len());
        let strings = self.0.iter().map(|string| string.as_bytes().len()).chain(words);
        let pointed: usize = strings.map(|length| length + 1 + size_of::<usize>()).sum();
        // The kernel keeps the program's path, too.
        let length = pointed + program.as_os_str().len() + 1;
        if length > limits.total {
            return Err(EnvironmentError::TotalTooLong { length, limit: limits.total, longest: self.longest() });
        }
        Ok(())
    }

    /// `NAME=value` strings.
    pub fn strings(&self) -> &[Zeroizing<CString>] {
        &self.0
    }

    /// The longest variable's name, which is where to look when the kernel finds it all too long.
    pub fn longest(&self) -> String {
        let longest = self.0.iter().max_by_key(|string| string.as_bytes().len());
        longest.map(|string| name_of(string)).unwrap_or_default()
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|string| name_of(string))).finish()
    }
}

fn name_of(string: &CString) -> String {
    let bytes = string.as_bytes();
    let end = bytes.iter().skip(1).position(|b| *b == b'=').map_or(bytes.len(), |at| at + 1);
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Inherited;
    use crate::model::entry::Origin;
    use crate::model::retention::Retention;
    use crate::model::secret_value::SecretValue;
    use glob::Pattern;

    const LIMITS: Limits = Limits { string: 131_072, total: 2_097_152 };

    fn inherited(variables: &[(&str, &str)]) -> Inherited {
        Inherited::new(variables.iter().map(|(name, value)| ((*name).into(), (*value).into())))
    }

    fn variable(name: &str, value: &[u8]) -> ResolvedVariable {
        ResolvedVariable {
            name: EnvName::parse(name).unwrap(),
            value: SecretValue::new(value),
            subject: Subject { label: name.into(), origin: Origin::Argument("--env"), written: None },
        }
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
        let environment = Environment::new(kept, &[variable("B", b"new")], std::iter::empty());
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
    fn what_no_variable_can_hold_is_unfit() {
        let longest = vec![b'x'; LIMITS.string - "LONG=".len() - 1];
        assert_eq!(check_variable(&variable("LONG", &longest), LIMITS), None);
        let long = variable("LONG", &[longest, vec![b'x']].concat());
        assert!(matches!(
            check_variable(&long, LIMITS),
            Some(EnvironmentError::TooLong { length: 131_072, limit: 131_071, .. })
        ));
        assert!(
            matches!(check_variable(&variable("NUL", b"a\0b"), LIMITS), Some(EnvironmentError::Nul(subject)) if subject.label == "NUL")
        );
    }

    #[test]
    fn all_variables_together_have_a_limit_too() {
        let environment = Environment::new(Retained::default(), &[variable("A", &[b'x'; 90])], std::iter::empty());
        let check = |total| environment.check(&command(), Path::new("/bin/app"), Limits { total, ..LIMITS });
        let needed = "A=".len() + 90 + 1 + "app".len() + 1 + 2 * size_of::<usize>() + "/bin/app".len() + 1;
        assert_eq!(check(needed), Ok(()));
        assert!(matches!(check(needed - 1), Err(EnvironmentError::TotalTooLong { longest, .. }) if longest == "A"));
    }
}
