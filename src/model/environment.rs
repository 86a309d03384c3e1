//! The command line and the environment that replace this process, and the kernel's limits on both.

use std::collections::HashSet;
use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use zeroize::Zeroizing;

use super::credential::MAX_LENGTH;
use super::entry::Target;
use super::env_name::{EnvName, assigned_name};
use super::inherited::Inherited;
use super::outcome::{Outcomes, Variable};
use super::plan::EntryId;
use super::problem::{Impact, Problem};

/// A command line of at least one word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine(Vec<OsString>);

impl CommandLine {
    /// Returns `None` for no words.
    pub fn new(words: Vec<OsString>) -> Option<Self> {
        if words.is_empty() {
            None
        } else {
            Some(Self(words))
        }
    }

    /// The program as written. It is a path if it contains a slash. Otherwise it is a name to look up in PATH.
    pub fn program(&self) -> &OsStr {
        self.0.first().map_or(OsStr::new(""), OsString::as_os_str)
    }

    /// The program as messages and tables show it: `NAME=…` instead of a value that may be a password.
    pub fn shown_program(&self) -> String {
        let program = self.program().to_string_lossy();
        match assigned_name(&program) {
            Some(name) => format!("{name}=…"),
            None => program.into_owned(),
        }
    }

    /// The program in quotes, for messages.
    pub fn quoted_program(&self) -> String {
        format!("\"{}\"", self.shown_program())
    }

    /// All words, the program first: argv.
    pub fn arguments(&self) -> impl Iterator<Item = &OsStr> {
        self.0.iter().map(OsString::as_os_str)
    }
}

/// The limits of execve(2) on arguments and environment, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The limit of one argument or `NAME=value`, its NUL included: MAX_ARG_STRLEN, 32 pages.
    pub string: usize,
    /// The limit of all strings together, with their NULs and the pointers to them: about a quarter of RLIMIT_STACK.
    pub total: usize,
}

/// Returns the reason that a value cannot be in an environment.
pub fn variable_problem(
    Variable {
        name,
        value,
        subject,
    }: Variable<'_>,
    limits: Limits,
) -> Option<Problem> {
    /// The remedy that suits every value.
    const AS_FILE: &str = "deliver it as a file, with --as-file or under \"files\"";
    let length = name.as_str().len() + 1 + value.len();
    let most = limits.string - 1;
    let problem = if value.contains(&0) {
        Problem::configuration("the value contains a NUL byte, so it cannot be a variable")
            .code("nul-byte")
            .help(format!("{AS_FILE}, or encode it with \"encode: base64\""))
    } else if length > most {
        let text = format!(
            "the variable is {length} bytes long with its name, but the kernel allows at most {most}"
        );
        Problem::configuration(text).code("too-long").help(AS_FILE)
    } else {
        return None;
    };
    Some(problem.of(subject.clone(), Impact::Undelivered))
}

/// Returns the reason of each variable and then of each credential that cannot have its value, with the id of its outcome.
pub fn unusable(outcomes: &Outcomes, limits: Limits) -> Vec<(EntryId, Problem)> {
    let mut problems = Vec::new();
    for outcome in &outcomes.list {
        let variable = outcome.variable();
        if let Some(problem) = variable.and_then(|variable| variable_problem(variable, limits)) {
            problems.push((outcome.id, problem));
        }
    }
    for (outcome, value) in outcomes.values() {
        if matches!(outcome.target, Target::Credential(_)) && value.len() > MAX_LENGTH {
            let text = format!(
                "the value is {} bytes long, but a credential can have at most {MAX_LENGTH}",
                value.len()
            );
            let problem = Problem::configuration(text).code("too-long");
            let problem = problem.of(outcome.subject.clone(), Impact::Undelivered);
            problems.push((outcome.id, problem));
        }
    }
    problems
}

/// The environment of the command, in the form of execve(2).
///
/// Each is a `NAME=value`.
pub struct Environment(pub Vec<Zeroizing<CString>>);

impl Environment {
    /// Adds variables to the retained ones, and replaces those of the same name.
    ///
    /// Each of `variables` has passed [`variable_problem`].
    pub fn new<'a>(
        retained: &Inherited,
        variables: impl Iterator<Item = (&'a EnvName, &'a [u8])>,
    ) -> Self {
        let variables: Vec<_> = variables.collect();
        let names: HashSet<&OsStr> = variables
            .iter()
            .map(|(name, _)| OsStr::new(name.as_str()))
            .collect();
        let others = retained.iter().filter(|(name, _)| !names.contains(name));
        let others = others.map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let set = variables
            .iter()
            .map(|(name, value)| (name.as_str().as_bytes(), *value));

        let mut strings = Vec::new();
        for (name, value) in others.chain(set) {
            // `ok` drops nothing, because no string has a NUL: the inherited variables came through execve, and the others were checked.
            let string = CString::new([name, value].join(&b'=')).ok();
            strings.extend(string.map(Zeroizing::new));
        }
        Self(strings)
    }

    /// Checks the limit of all strings together, with the arguments of a command and the path of its program.
    ///
    /// # Errors
    /// When they are too long.
    pub fn expect_fit(
        &self,
        command: Option<(&CommandLine, &Path)>,
        limits: Limits,
    ) -> Result<(), Problem> {
        let mut length: usize = self
            .0
            .iter()
            .map(|string| size_in_kernel(string.as_bytes()))
            .sum();
        if let Some((command, program)) = command {
            length += command
                .arguments()
                .map(|argument| size_in_kernel(argument.as_bytes()))
                .sum::<usize>();
            // The kernel also keeps the program's path (AT_EXECFN).
            length += program.as_os_str().len() + 1;
        }
        if length <= limits.total {
            return Ok(());
        }
        let (limit, longest) = (limits.total, self.longest());
        Err(Problem::configuration(format!(
            "the variables and arguments of the command are {length} bytes long, but the kernel allows at most {limit}"
        ))
        .note(format!("the longest variable is {longest}"))
        .help("pass on fewer variables with --clean-env or --unset, or raise the stack limit (ulimit -s)"))
    }

    /// Returns the name of the longest variable, for messages about an environment that is too long.
    pub fn longest(&self) -> String {
        let strings = self.0.iter().map(|string| string.as_bytes());
        let longest = strings.max_by_key(|string| string.len());
        let name = longest.and_then(|string| string.split(|byte| *byte == b'=').next());
        String::from_utf8_lossy(name.unwrap_or_default()).into_owned()
    }
}

/// Returns the bytes that a string takes, with its NUL and the pointer to it.
fn size_in_kernel(string: &[u8]) -> usize {
    string.len() + 1 + size_of::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_and_arguments_together_have_a_limit() {
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
