//! A reason why the command does not run: its lines and its exit status.

use std::path::PathBuf;

use super::exit_status::{BUG, CONFIGURATION, NOT_EXECUTABLE, NOT_FOUND, TEMPORARY, USAGE};
use super::{declaring, delivering, fetching, references, starting, usage};
use crate::backend::aws::{SetupError, VariableError};
use crate::deliver::DeliverError;
use crate::exec::{ExecError, ProgramError};
use crate::input::cli::UsageError;
use crate::input::declaration::DeclarationError;
use crate::input::env_references::EnvReferenceError;
use crate::input::local_file::LocalError;
use crate::model::entry::Origin;
use crate::model::environment::EnvironmentError;
use crate::model::options::OptionConflict;
use crate::model::plan::PlanError;
use crate::resolve::ResolveError;

/// A reason why the command does not run.
#[derive(Debug)]
pub enum Failure {
    Usage(UsageError),
    Options(OptionConflict),
    /// An environment variable of AWS's, or a proxy's.
    Variable(VariableError),
    /// AWS's configuration files.
    Setup(SetupError),
    Declaration(DeclarationError),
    /// The file of `--local`.
    Local(LocalError),
    EnvReference(EnvReferenceError),
    Plan(PlanError),
    /// The program of the command was not found or cannot be executed.
    Program {
        /// The program as it was named.
        command: String,
        error: ProgramError,
    },
    /// The kernel refused what an event loop needs.
    Runtime(String),
    /// Values that are missing, and the aliases that exist, for suggestions.
    Resolve(Vec<ResolveError>, Vec<String>),
    /// A value that no environment can hold.
    Environment(EnvironmentError),
    Deliver(DeliverError),
    /// execve failed.
    Exec {
        program: PathBuf,
        error: ExecError,
    },
}

impl Failure {
    /// The exit status, if this is the only failure. Of several the highest counts.
    pub fn status(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Options(_) | Self::Variable(_) | Self::Setup(_) => USAGE,
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

    /// The lines of the message; a line that belongs to the one before it is indented.
    pub fn lines(&self) -> Vec<String> {
        match self {
            Self::Usage(error) => usage::usage(error),
            Self::Options(conflict) => vec![usage::conflict(*conflict)],
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

/// A wrong reference on the command line is a usage error; in a file, a configuration error.
fn by_origin(origin: &Origin) -> u8 {
    match origin {
        Origin::Argument(_) => USAGE,
        Origin::File { .. } | Origin::Inherited => CONFIGURATION,
    }
}
