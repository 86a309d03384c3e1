//! One failure, with its lines and its exit status.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;

use crate::backend::aws::{SetupError, UnknownRole, VariableError};
use crate::backend::cached::CacheError;
use crate::deliver::DeliverError;
use crate::deliver::export::ExportError;
use crate::exec::{ExecError, ProgramError};
use crate::input::cli::UsageError;
use crate::input::declaration::{DeclarationError, DeclarationProblem};
use crate::input::env_file::{EnvFileError, EnvFileProblem};
use crate::input::env_references::EnvReferenceError;
use crate::input::local_file::{LocalError, LocalProblem};
use crate::model::command_line::CommandLine;
use crate::model::entry::Origin;
use crate::model::environment::EnvironmentError;
use crate::model::options::OptionConflict;
use crate::model::plan::PlanError;
use crate::report::credential_errors::CredentialFailure;
use crate::report::deliver_errors::export;
use crate::report::exit_status::{BUG, CONFIGURATION, NOT_EXECUTABLE, NOT_FOUND, TEMPORARY, USAGE};
use crate::report::line::Line;
use crate::report::{
    cache, credential_errors, deliver_errors, env_file, exec_errors, input_errors, notices, reference_errors,
    resolve_errors, usage_errors,
};
use crate::resolve::ResolveError;
use crate::system::os_error;
use crate::time::progress::Status;

/// A reason that the command does not run.
#[derive(Debug)]
pub enum Failure {
    Usage(UsageError),
    Options(OptionConflict),
    /// A variable of AWS or of a proxy.
    Variable(VariableError),
    /// A profile, or the configuration files of AWS.
    Setup(SetupError),
    Declaration(DeclarationError),
    /// The file of `--local`.
    Local(LocalError),
    /// The directory of `--cache`.
    Cache(CacheError),
    EnvReference(EnvReferenceError),
    /// The file of `migrate`.
    EnvFile(EnvFileError),
    Plan(PlanError),
    /// `--for-role` of a role that is not used.
    UnknownRole(UnknownRole),
    /// The program of the command was not found or cannot be executed.
    Program {
        /// The program as named.
        command: String,
        error: ProgramError,
    },
    /// The event loop or a thread cannot be created: the reason.
    Runtime(String),
    /// A poll that was blocked at its deadline, and the things that it awaited.
    PollOverdue(Status),
    /// A bug, which a line has told already.
    PollPanicked,
    /// Values that could not be resolved, and the aliases that exist, for suggestions.
    Resolve(Vec<ResolveError>, Vec<String>),
    /// A value that no environment can hold.
    Environment(EnvironmentError),
    Deliver(DeliverError),
    /// A variable that cannot be exported.
    Export(ExportError),
    /// A credential that was not sent.
    Credential(CredentialFailure),
    /// Standard output cannot be written.
    Output(io::Error),
    /// execve failed.
    Exec {
        program: PathBuf,
        error: ExecError,
    },
}

impl Failure {
    pub fn program(command: &CommandLine, error: ProgramError) -> Self {
        Self::Program { command: command.program().to_string_lossy().into_owned(), error }
    }

    /// Returns the exit status of a launch with no other failure.
    pub fn status(&self) -> u8 {
        match self {
            Self::Setup(SetupError::Files(failure)) if failure.is_limit => TEMPORARY,
            Self::Setup(SetupError::MfaCode { .. }) => CONFIGURATION,
            Self::Usage(_) | Self::Options(_) | Self::Variable(_) | Self::Setup(_) | Self::UnknownRole(_) => USAGE,
            Self::Plan(error) => by_origin(&error.subject.origin),
            Self::Declaration(DeclarationError { problem: DeclarationProblem::Unreadable(failure), .. })
            | Self::Local(LocalError { problem: LocalProblem::Unreadable(failure), .. })
            | Self::EnvFile(EnvFileError { problem: EnvFileProblem::Unreadable(failure), .. })
                if failure.is_limit =>
            {
                TEMPORARY
            }
            Self::Cache(error) => cache::status(error),
            Self::Declaration(_) | Self::Local(_) | Self::EnvReference(_) | Self::EnvFile(_) | Self::Environment(_) => {
                CONFIGURATION
            }
            Self::Program { error, .. } => match error {
                ProgramError::NotFound { .. } => NOT_FOUND,
                ProgramError::NotExecutable { .. } => NOT_EXECUTABLE,
            },
            Self::Runtime(_) | Self::PollOverdue(_) => TEMPORARY,
            Self::PollPanicked => BUG,
            Self::Resolve(errors, _) => errors.iter().map(resolve_errors::status).max().unwrap_or(BUG),
            Self::Output(_) => CONFIGURATION,
            Self::Credential(failure) => credential_errors::status(failure),
            Self::Deliver(error) => deliver_errors::status(error),
            Self::Export(_) => CONFIGURATION,
            Self::Exec { .. } => NOT_EXECUTABLE,
        }
    }

    /// The number of entries that are not resolved.
    pub fn unresolved_values(&self) -> usize {
        let Self::Resolve(errors, _) = self else { return 0 };
        errors.iter().map(|error| error.entry).collect::<BTreeSet<_>>().len()
    }

    /// True for a value that is known, but cannot be delivered.
    pub fn is_undelivered_value(&self) -> bool {
        match self {
            Self::Environment(error) => !matches!(error, EnvironmentError::TotalTooLong { .. }),
            Self::Deliver(_) | Self::Export(_) => true,
            Self::Usage(_)
            | Self::Options(_)
            | Self::Variable(_)
            | Self::Setup(_)
            | Self::Declaration(_)
            | Self::Local(_)
            | Self::Cache(_)
            | Self::EnvReference(_)
            | Self::EnvFile(_)
            | Self::Plan(_)
            | Self::UnknownRole(_)
            | Self::Program { .. }
            | Self::Runtime(_)
            | Self::PollOverdue(_)
            | Self::PollPanicked
            | Self::Resolve(..)
            | Self::Credential(_)
            | Self::Output(_)
            | Self::Exec { .. } => false,
        }
    }

    /// Returns the entry and the reason of a failure whose reason other entries may share.
    pub fn entry_and_reason(&self) -> Option<(String, String)> {
        match self {
            Self::Plan(PlanError { subject, written, error }) => {
                let entry = format!("{} ({}, {written})", subject.label, subject.origin);
                Some((entry, reference_errors::variable(error)?))
            }
            Self::Deliver(error) => Some(deliver_errors::entry_and_reason(error)),
            Self::Export(error) => Some(export::entry_and_reason(error)),
            Self::Usage(_)
            | Self::Options(_)
            | Self::Variable(_)
            | Self::Setup(_)
            | Self::Declaration(_)
            | Self::Local(_)
            | Self::Cache(_)
            | Self::EnvReference(_)
            | Self::EnvFile(_)
            | Self::UnknownRole(_)
            | Self::Program { .. }
            | Self::Runtime(_)
            | Self::PollOverdue(_)
            | Self::PollPanicked
            | Self::Resolve(..)
            | Self::Environment(_)
            | Self::Credential(_)
            | Self::Output(_)
            | Self::Exec { .. } => None,
        }
    }

    /// Returns the lines of the message.
    pub fn lines(&self) -> Vec<Line> {
        match self {
            Self::Usage(error) => usage_errors::usage(error),
            Self::Options(conflict) => vec![Line::error(usage_errors::conflict(*conflict))],
            Self::Variable(error) => vec![usage_errors::variable(error)],
            Self::Setup(error) => usage_errors::setup(error),
            Self::UnknownRole(error) => usage_errors::unknown_role(error),
            Self::Declaration(error) => input_errors::declaration(error),
            Self::Local(error) => vec![Line::error(input_errors::local(error))],
            Self::Cache(error) => cache::lines(error),
            Self::EnvReference(error) => vec![Line::error(input_errors::env_reference(error))],
            Self::EnvFile(error) => env_file::lines(error),
            Self::Plan(PlanError { subject, written, error }) => {
                let reason = reference_errors::reference(written, error);
                vec![Line::error(format!("{} ({}): {reason}", subject.label, subject.origin))]
            }
            Self::Program { command, error } => exec_errors::program(command, error),
            Self::Runtime(why) => vec![Line::error(format!("no request can be sent: {why}"))],
            Self::PollOverdue(status) => vec![notices::blocked(status)],
            Self::PollPanicked => vec![Line::error("the poll ended by a bug in secrets-exec")],
            Self::Resolve(errors, aliases) => resolve_errors::lines(errors, aliases),
            Self::Output(error) => {
                vec![Line::error(format!("standard output cannot be written: {}", os_error::text(error)))]
            }
            Self::Credential(failure) => credential_errors::lines(failure),
            Self::Environment(error) => exec_errors::environment(error),
            Self::Deliver(error) => vec![Line::error(deliver_errors::line(error))],
            Self::Export(error) => vec![Line::error(export::line(error))],
            Self::Exec { program, error } => vec![Line::error(exec_errors::exec(program, error))],
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
