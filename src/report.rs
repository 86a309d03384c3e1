//! Failures to lines on standard error, with what to do about them, and to an exit status; the only place that punctuates.

mod declaring;
mod fetching;
mod starting;
mod usage;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::binding::{Binding, Origin, Recipe};
use crate::cli::UsageError;
use crate::command::CommandLine;
use crate::environment::EnvironmentError;
use crate::exec::{ExecError, ProgramError};
use crate::fetched::Fetched;
use crate::manifest::ManifestError;
use crate::plan::{Plan, PlanError};
use crate::resolve::ResolveError;
use crate::resolved::Resolved;
use crate::source::{LocalError, SetupError, VariableError};

/// The command line, a reference on it, or a variable of ours or of AWS's is wrong.
const USAGE: u8 = 64;
/// A bug in secrets-exec.
pub const BUG: u8 = 70;
/// Trying later may help.
const TEMPORARY: u8 = 75;
/// No credentials, or AWS denied the request.
const DENIED: u8 = 77;
/// The declaration, a secret, a key or a value is wrong or absent.
const CONFIGURATION: u8 = 78;
/// The command cannot be executed.
const NOT_EXECUTABLE: u8 = 126;
/// The command was not found.
const NOT_FOUND: u8 = 127;

/// One reason why the command does not run.
#[derive(Debug)]
pub enum Failure {
    /// In the command line or a variable of ours.
    Usage(UsageError),
    /// In a variable of AWS's.
    Variable(VariableError),
    /// In AWS's own configuration files.
    Setup(SetupError),
    /// In a declaration.
    Manifest(ManifestError),
    /// In the file of `--local`.
    Local(LocalError),
    /// In a reference.
    Plan(PlanError),
    /// There is no such command.
    Program {
        /// As it was named.
        command: String,
        /// Why not.
        error: ProgramError,
    },
    /// The kernel did not give what an event loop needs.
    Runtime(String),
    /// Values that cannot be had, gathered by what they have in common.
    Resolve(Vec<ResolveError>, Vec<String>),
    /// A value that cannot be passed on.
    Environment(EnvironmentError),
    /// The kernel did not take the command.
    Exec {
        /// What was found.
        program: PathBuf,
        /// Why not.
        error: ExecError,
    },
}

/// Every reason why the command does not run.
#[derive(Debug)]
pub struct Report {
    failures: Vec<Failure>,
    /// Said last: what it all means.
    conclusion: Option<String>,
}

impl FromIterator<Failure> for Report {
    fn from_iter<T: IntoIterator<Item = Failure>>(failures: T) -> Self {
        Self { failures: failures.into_iter().collect(), conclusion: None }
    }
}

impl From<Failure> for Report {
    fn from(failure: Failure) -> Self {
        Self::from_iter([failure])
    }
}

impl Report {
    /// Of variables that have no value, with the plan's aliases to suggest from.
    pub fn of_resolving(errors: Vec<ResolveError>, plan: &Plan, command: &CommandLine) -> Self {
        let (count, all) = (errors.len(), plan.variables().count());
        let variables = if all == 1 { "variable has" } else { "variables have" };
        let conclusion =
            format!("{count} of {all} {variables} no value: {} was not started", command.program().to_string_lossy());
        let aliases = plan.aliases().names().map(str::to_owned).collect();
        Self { failures: vec![Failure::Resolve(errors, aliases)], conclusion: Some(conclusion) }
    }

    /// Says everything and gives the exit status.
    pub fn tell(self) -> ExitCode {
        let status = self.failures.iter().map(Failure::status).max().unwrap_or(BUG);
        say(self.failures.iter().flat_map(Failure::lines).chain(self.conclusion));
        ExitCode::from(status)
    }
}

impl Failure {
    /// The exit status when this is the only failure; of several the highest counts.
    fn status(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Variable(_) | Self::Setup(_) => USAGE,
            Self::Plan(error) => by_origin(&error.origin),
            Self::Manifest(_) | Self::Local(_) | Self::Environment(_) => CONFIGURATION,
            Self::Program { error, .. } => match error {
                ProgramError::NotFound { .. } => NOT_FOUND,
                ProgramError::NotExecutable { .. } => NOT_EXECUTABLE,
            },
            Self::Runtime(_) => TEMPORARY,
            Self::Resolve(errors, _) => errors.iter().map(fetching::status).max().unwrap_or(BUG),
            Self::Exec { .. } => NOT_EXECUTABLE,
        }
    }

    fn lines(&self) -> Vec<String> {
        match self {
            Self::Usage(error) => usage::usage(error),
            Self::Variable(error) => usage::variable(error),
            Self::Setup(error) => usage::setup(error),
            Self::Manifest(error) => vec![declaring::manifest(error)],
            Self::Local(error) => vec![declaring::local(error)],
            Self::Plan(PlanError { name, origin, written, error }) => {
                vec![format!("{name} ({origin}): {}", declaring::reference(written, error))]
            }
            Self::Program { command, error } => vec![starting::program(command, error)],
            Self::Runtime(why) => vec![format!("cannot wait for answers: {why}")],
            Self::Resolve(errors, aliases) => fetching::lines(errors, aliases),
            Self::Environment(error) => vec![starting::environment(error)],
            Self::Exec { program, error } => vec![starting::exec(program, error)],
        }
    }
}

/// What is wrong on the command line is a matter of usage; what is wrong in a file, of configuration.
fn by_origin(origin: &Origin) -> u8 {
    match origin {
        Origin::Argument(_) => USAGE,
        Origin::File { .. } => CONFIGURATION,
    }
}

/// For each variable, where its value comes from: `--verbose`.
pub fn provenance(plan: &Plan, resolved: &Resolved, fetched: &Fetched) -> Vec<String> {
    let line = |chain: &[Binding]| {
        let name = &chain.first()?.name;
        let Some(variable) = resolved.get(Some(name.as_str())) else {
            return Some(format!("{name}: not set, since it is optional and absent"));
        };
        let binding = chain.iter().find(|binding| binding.origin == variable.origin)?;
        let document = variable.read_from.as_ref().and_then(|locator| fetched.get(locator)?.as_ref().ok());
        Some(match (&binding.recipe, document) {
            (Recipe::Literal(_), _) => format!("{name}: literal ({})", binding.origin),
            (Recipe::Secret { written, .. }, None) => {
                format!("{name}: default ({}), since {written} is absent", binding.origin)
            }
            (Recipe::Secret { written, reference }, Some(document)) => {
                let version = document.version_id.as_deref().unwrap_or("without id");
                let stages = document.stages.join(", ");
                let place = document
                    .region
                    .as_ref()
                    .map_or_else(|| "local file".to_owned(), |region| format!("region {region}"));
                let secret = &reference.locator.id;
                format!(
                    "{name}: {written} ({}), secret {secret}, version {version}, stage {stages}, {place}",
                    binding.origin
                )
            }
        })
    };
    plan.variables().filter_map(line).collect()
}

/// Writes lines to standard error, each with our name before it; when nobody listens, nobody hears it.
///
/// Whatever a name, a path or a server puts into a line, it stays one line and moves no cursor.
pub fn say(lines: impl IntoIterator<Item = String>) {
    let mut text = String::new();
    for line in lines {
        text.push_str("secrets-exec: ");
        line.chars().for_each(|c| if c.is_control() { text.extend(c.escape_default()) } else { text.push(c) });
        text.push('\n');
    }
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Writes a text to standard output.
pub fn print(text: &str) {
    let mut stdout = std::io::stdout();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}
