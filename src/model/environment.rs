//! The environment of the command, and the kernel's limits on it.

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

/// The limits of execve(2) on arguments and environment, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The limit of one argument or `NAME=value`, its NUL included: MAX_ARG_STRLEN, 32 pages.
    pub string: usize,
    /// The limit of all strings together, with their NULs and the pointers to them: about a quarter of RLIMIT_STACK.
    pub total: usize,
}

/// The reason that the kernel would not accept an environment. Lengths are in bytes.
#[derive(Debug, PartialEq)]
pub enum EnvironmentError {
    /// A value with a NUL byte, which would end the variable.
    Nul(Subject),
    /// A `NAME=value` over the limit of one string; neither length counts the NUL.
    TooLong { subject: Subject, length: usize, limit: usize },
    /// Variables and arguments over the limit of all strings.
    TotalTooLong {
        length: usize,
        limit: usize,
        /// The name of the longest variable.
        longest: String,
    },
}

/// Returns the reason that a value cannot be in an environment.
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

/// The environment of the command, in the form of execve(2).
pub struct Environment(Vec<Zeroizing<CString>>);

impl Environment {
    /// Adds resolved variables and the paths of delivered files to the retained variables, and replaces those of the
    /// same name.
    ///
    /// Each of `variables` has passed [`check_variable`].
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
                // `ok` drops none: a variable that came through execve has no NUL.
                strings.extend(CString::new([name.into_vec(), value.into_vec()].join(&b'=')).ok().map(Zeroizing::new));
            }
        }
        for ResolvedVariable { name, value, .. } in variables {
            // With capacity for the NUL, `CString::new` does not reallocate, which would leave a copy of the value.
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

    /// Checks the limit of all strings together, the arguments of `command` included.
    ///
    /// # Errors
    /// [`EnvironmentError::TotalTooLong`].
    pub fn check(&self, command: &CommandLine, program: &Path, limits: Limits) -> Result<(), EnvironmentError> {
        let words: usize = command.arguments().map(|argument| pointed(argument.as_bytes().len())).sum();
        // The kernel also keeps the program's path (AT_EXECFN).
        self.check_total(words + program.as_os_str().len() + 1, limits)
    }

    /// Checks the limit of all strings together, for a command without arguments.
    ///
    /// # Errors
    /// [`EnvironmentError::TotalTooLong`].
    pub fn check_alone(&self, limits: Limits) -> Result<(), EnvironmentError> {
        self.check_total(0, limits)
    }

    fn check_total(&self, beside: usize, limits: Limits) -> Result<(), EnvironmentError> {
        let length = self.0.iter().map(|string| pointed(string.as_bytes().len())).sum::<usize>() + beside;
        if length > limits.total {
            return Err(EnvironmentError::TotalTooLong { length, limit: limits.total, longest: self.longest() });
        }
        Ok(())
    }

    /// The `NAME=value` strings.
    pub fn strings(&self) -> &[Zeroizing<CString>] {
        &self.0
    }

    /// Returns the name of the longest variable, for messages about an environment that is too long.
    pub fn longest(&self) -> String {
        let longest = self.0.iter().max_by_key(|string| string.as_bytes().len());
        longest.map(|string| name_of(string)).unwrap_or_default()
    }
}

/// Returns the bytes that a string of this length takes, with its NUL and the pointer to it.
fn pointed(length: usize) -> usize {
    length + 1 + size_of::<usize>()
}

/// Lists the names only, since values are secrets.
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
    use crate::model::entry::{Origin, SubjectKind};
    use crate::model::plan::EntryId;
    use crate::model::retention::Retention;
    use crate::model::secret_value::SecretValue;

    const LIMITS: Limits = Limits { string: 131_072, total: 2_097_152 };

    fn inherited(variables: &[(&str, &str)]) -> Inherited {
        Inherited::new(variables.iter().map(|(name, value)| ((*name).into(), (*value).into())))
    }

    fn variable(name: &str, value: &[u8]) -> ResolvedVariable {
        ResolvedVariable {
            name: EnvName::parse(name).unwrap(),
            value: SecretValue::new(value),
            entry: EntryId(0),
            subject: Subject {
                label: name.into(),
                origin: Origin::Argument("--env"),
                kind: SubjectKind::Entry,
                written: None,
            },
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
    fn a_long_value_and_one_with_a_nul_cannot_be_variables() {
        let longest = vec![b'x'; LIMITS.string - "LONG=".len() - 1];
        assert_eq!(check_variable(&variable("LONG", &longest), LIMITS), None);
        let long = variable("LONG", &[longest, vec![b'x']].concat());
        assert!(matches!(
            check_variable(&long, LIMITS),
            Some(EnvironmentError::TooLong { length: 131_072, limit: 131_071, .. })
        ));
        let nul = check_variable(&variable("NUL", b"a\0b"), LIMITS);
        assert!(matches!(nul, Some(EnvironmentError::Nul(subject)) if subject.label == "NUL"));
    }

    #[test]
    fn variables_and_arguments_together_have_a_limit() {
        let environment = Environment::new(Retained::default(), &[variable("A", &[b'x'; 90])], std::iter::empty());
        let check = |total| environment.check(&command(), Path::new("/bin/app"), Limits { total, ..LIMITS });
        let needed = "A=".len() + 90 + 1 + "app".len() + 1 + 2 * size_of::<usize>() + "/bin/app".len() + 1;
        assert_eq!(check(needed), Ok(()));
        assert!(matches!(check(needed - 1), Err(EnvironmentError::TotalTooLong { longest, .. }) if longest == "A"));
    }
}
