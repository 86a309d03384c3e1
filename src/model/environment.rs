//! The command line and the environment of the command, and the kernel's limits for both.
//!
//! A value that the kernel would refuse is found here, before execve, so that the error can name
//! the variable.

use std::collections::HashSet;
use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use zeroize::Zeroizing;

use super::entry::{MAX_CREDENTIAL_LENGTH, Target};
use super::env_variables::{EnvName, Inherited};
use super::outcome::{Outcomes, Variable};
use super::plan::EntryId;
use super::problem::{Impact, Problem};
use super::shown::shown_program;

/// The words after `--`: the program and its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine(Vec<OsString>);

impl CommandLine {
    /// Creates a command line from the words after `--`. Returns `None` if there aren't any.
    pub fn new(words: Vec<OsString>) -> Option<Self> {
        (!words.is_empty()).then_some(Self(words))
    }

    /// Returns the program as written: a path if it contains a slash, and otherwise a name to look
    /// up in PATH.
    pub fn program(&self) -> &OsStr {
        self.0.first().map_or(OsStr::new(""), OsString::as_os_str)
    }

    /// Returns the program for messages and tables.
    pub fn shown_program(&self) -> String {
        shown_program(&self.program().to_string_lossy())
    }

    /// Returns the program for messages, in quotes.
    pub fn quoted_program(&self) -> String {
        format!("\"{}\"", self.shown_program())
    }

    /// Returns all words, which become argv. The program is the first one.
    pub fn arguments(&self) -> impl Iterator<Item = &OsStr> {
        self.0.iter().map(OsString::as_os_str)
    }
}

/// The limits of execve(2) on arguments and environment, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The limit of one argument or one `NAME=value`, with its final NUL: MAX_ARG_STRLEN, which is
    /// 32 pages.
    pub string: usize,
    /// The limit of all strings together, with their NULs and with the pointers to them: a quarter
    /// of RLIMIT_STACK, but at least 128 KiB and at most 6 MiB.
    pub total: usize,
}

/// Returns the problem for a value that can't be in the environment, because it contains a NUL or
/// is too long. The result is `None` if the value can be there.
pub fn variable_problem(variable: Variable<'_>, limits: Limits) -> Option<Problem> {
    /// The remedy for every such value.
    const AS_FILE: &str = "deliver it as a file (--as-file)";
    let length = variable.name.as_str().len() + 1 + variable.value.len();
    let most = limits.string - 1;
    let problem = if variable.value.contains(&0) {
        Problem::configuration("the value contains a NUL byte, so it can't be put into a variable")
            .code("nul-byte")
            .help(format!("{AS_FILE}, or write \"encode: base64\""))
    } else if length > most {
        let text = format!(
            "the variable is {length} bytes long with its name, but the kernel allows at most {most}"
        );
        Problem::configuration(text).code("too-long").help(AS_FILE)
    } else {
        return None;
    };
    Some(problem.for_entry(variable.subject.clone(), Impact::Undelivered))
}

/// Returns a problem for each variable and each systemd credential that can't have its value, with
/// the id of its outcome. Values that are missing anyway aren't checked.
pub fn delivery_problems(outcomes: &Outcomes, limits: Limits) -> Vec<(EntryId, Problem)> {
    let mut problems = Vec::new();
    for (outcome, value) in outcomes.values() {
        let length = value.len();
        if let Some(variable) = outcome.variable() {
            let problem = variable_problem(variable, limits);
            problems.extend(problem.map(|problem| (outcome.id, problem)));
        } else if length > MAX_CREDENTIAL_LENGTH && matches!(outcome.target, Target::Credential(_))
        {
            let text = format!(
                "the value is {length} bytes long, but a credential can have at most {MAX_CREDENTIAL_LENGTH}"
            );
            let problem = Problem::configuration(text).code("too-long");
            let subject = outcome.subject.clone();
            problems.push((outcome.id, problem.for_entry(subject, Impact::Undelivered)));
        }
    }
    problems
}

/// The environment of the command as execve(2) needs it: a list of `NAME=value`.
pub struct Environment(pub Vec<Zeroizing<CString>>);

impl Environment {
    /// Creates the environment from the inherited variables that the command keeps and from
    /// `variables`. One of `variables` replaces an inherited variable with the same name.
    ///
    /// The caller must have checked each of `variables` by [`variable_problem`]. A string with a
    /// NUL would be left out.
    pub fn new<'a>(
        retained: &Inherited,
        variables: impl Iterator<Item = (&'a EnvName, &'a [u8])>,
    ) -> Self {
        let set = variables.map(|(name, value)| (name.as_str().as_bytes(), value));
        let set: Vec<(&[u8], &[u8])> = set.collect();
        let names: HashSet<&[u8]> = set.iter().map(|(name, _)| *name).collect();
        let inherited = retained.iter();
        let inherited = inherited.map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let others = inherited.filter(|(name, _)| !names.contains(name));

        let mut strings = Vec::new();
        for (name, value) in others.chain(set) {
            // `ok` doesn't drop anything, because none of the strings contains a NUL: the inherited
            // variables came through execve, and the others have been checked.
            let string = CString::from_vec_with_nul([name, b"=", value, b"\0"].concat()).ok();
            strings.extend(string.map(Zeroizing::new));
        }
        Self(strings)
    }

    /// Checks that all strings together don't exceed the limit: the environment and, if `command`
    /// is given, the command line and the path of its program.
    ///
    /// # Errors
    /// If the strings are too long together. The error names the longest variable, but not its
    /// value.
    pub fn expect_fit(
        &self,
        command: Option<(&CommandLine, &Path)>,
        limits: Limits,
    ) -> Result<(), Problem> {
        // The kernel needs the text of a string, its NUL and the pointer to it.
        let size = |text: &[u8]| text.len() + 1 + size_of::<usize>();
        let mut length: usize = self.0.iter().map(|string| size(string.as_bytes())).sum();
        if let Some((command, program)) = command {
            for argument in command.arguments() {
                length += size(argument.as_bytes());
            }
            // The kernel also copies the path of the program (AT_EXECFN).
            length += program.as_os_str().len() + 1;
        }
        if length <= limits.total {
            return Ok(());
        }

        let limit = limits.total;
        let strings = self.0.iter().map(|string| string.to_string_lossy());
        let longest = strings.max_by_key(|string| string.len());
        let longest = longest.unwrap_or_default();
        let name = longest.split('=').next().unwrap_or_default();
        Err(Problem::configuration(format!(
            "the variables and arguments of the command are {length} bytes long, but the kernel allows at most {limit}"
        ))
        .note(format!("the longest variable is {name}"))
        .help("pass on fewer variables with --clean-env or --unset, or raise the stack limit (ulimit -s)"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_that_is_too_large_for_the_kernel_is_an_error_that_names_the_longest_variable()
    {
        let name = EnvName::parse("A").unwrap();
        let environment = Environment::new(
            &Inherited::default(),
            [(&name, [b'x'; 90].as_slice())].into_iter(),
        );
        let command = CommandLine::new(vec!["app".into()]).unwrap();
        let check = |total| {
            environment.expect_fit(
                Some((&command, Path::new("/bin/app"))),
                Limits {
                    string: 131_072,
                    total,
                },
            )
        };
        let needed =
            "A=".len() + 90 + 1 + "app".len() + 1 + 2 * size_of::<usize>() + "/bin/app".len() + 1;
        assert_eq!(check(needed), Ok(()));
        assert!(
            check(needed - 1)
                .unwrap_err()
                .notes
                .contains(&"the longest variable is A".to_owned())
        );
    }
}
