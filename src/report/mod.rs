//! Failures to lines on standard error, with what to do about them, and to an exit status; the only place that punctuates.

mod declaring;
mod delivering;
mod exit_status;
mod extracting;
mod fetch_errors;
mod fetching;
mod notices;
mod references;
mod starting;
mod terminal;
mod usage;

pub use exit_status::BUG;
pub use notices::{disk_notice, local_notice, overdue, provenance, waiting};
pub use terminal::{print, say};

use std::path::PathBuf;
use std::process::ExitCode;

use crate::backend::aws::{SetupError, VariableError};
use crate::deliver::DeliverError;
use crate::exec::{ExecError, ProgramError};
use crate::input::cli::UsageError;
use crate::input::declaration::DeclarationError;
use crate::input::env_references::EnvReferenceError;
use crate::input::local_file::LocalError;
use crate::model::command_line::CommandLine;
use crate::model::entry::Origin;
use crate::model::environment::EnvironmentError;
use crate::model::plan::{Plan, PlanError};
use crate::resolve::ResolveError;
use exit_status::{CONFIGURATION, NOT_EXECUTABLE, NOT_FOUND, TEMPORARY, USAGE};

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
    Declaration(DeclarationError),
    /// In the file of `--local`.
    Local(LocalError),
    /// In an inherited variable that has references in it.
    EnvReference(EnvReferenceError),
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
    /// A file that cannot be delivered, or taken back.
    Deliver(DeliverError),
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
    /// Of values that cannot be had or passed on, with the plan's aliases to suggest from; empty when there are none.
    pub fn of_resolving(
        errors: Vec<ResolveError>,
        check_variable: Vec<EnvironmentError>,
        plan: &Plan,
        command: &CommandLine,
    ) -> Self {
        let missing = match errors.len() + check_variable.len() {
            0 => return Self::from_iter([]),
            1 => "1 value is missing".to_owned(),
            count => format!("{count} values are missing"),
        };
        let conclusion = format!("{missing}: {} was not started", command.program().to_string_lossy());
        let aliases = plan.aliases().names().map(str::to_owned).collect();
        let resolve = (!errors.is_empty()).then_some(Failure::Resolve(errors, aliases));
        let failures = resolve.into_iter().chain(check_variable.into_iter().map(Failure::Environment)).collect();
        Self { failures, conclusion: Some(conclusion) }
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.failures.is_empty()
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
            Self::Plan(error) => by_origin(&error.subject.origin),
            Self::Declaration(_) | Self::Local(_) | Self::EnvReference(_) | Self::Environment(_) => CONFIGURATION,
            Self::Program { error, .. } => match error {
                ProgramError::NotFound { .. } => NOT_FOUND,
                ProgramError::NotExecutable { .. } => NOT_EXECUTABLE,
            },
            Self::Runtime(_) => TEMPORARY,
            Self::Resolve(errors, _) => errors.iter().map(fetching::status).max().unwrap_or(BUG),
            Self::Deliver(error) => delivering::status(error),
            Self::Exec { .. } => NOT_EXECUTABLE,
        }
    }

    /// What is said of it, a line each; a line that belongs to the one before it is indented.
    pub fn lines(&self) -> Vec<String> {
        match self {
            Self::Usage(error) => usage::usage(error),
            Self::Variable(error) => usage::variable(error),
            Self::Setup(error) => usage::setup(error),
            Self::Declaration(error) => vec![declaring::declaration(error)],
            Self::Local(error) => vec![declaring::local(error)],
            Self::EnvReference(error) => vec![declaring::inherited(error)],
            Self::Plan(PlanError { subject, written, error }) => {
                vec![format!("{} ({}): {}", subject.label, subject.origin, references::reference(written, error))]
            }
            Self::Program { command, error } => vec![starting::program(command, error)],
            Self::Runtime(why) => vec![format!("cannot wait for answers: {why}")],
            Self::Resolve(errors, aliases) => fetching::lines(errors, aliases),
            Self::Environment(error) => vec![starting::environment(error)],
            Self::Deliver(error) => vec![delivering::line(error)],
            Self::Exec { program, error } => vec![starting::exec(program, error)],
        }
    }
}

/// What is wrong on the command line is a matter of usage; what is wrong in a file, of configuration.
fn by_origin(origin: &Origin) -> u8 {
    match origin {
        Origin::Argument(_) => USAGE,
        Origin::File { .. } | Origin::Inherited => CONFIGURATION,
    }
}
