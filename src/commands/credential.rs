//! `secrets-exec credential`: answers a connection of systemd's LoadCredential= with the value of
//! the credential, or makes the unit fail.
//!
//! What is written to the connection becomes the credential, and systemd treats a connection that
//! is closed without data as an empty credential. So neither a message nor an early exit may ever
//! end up there, whatever the arguments are. `system::systemd` refuses the connection unless a
//! value has been sent.

use std::ffi::OsString;
use std::path::Path;

use super::prepare::Asker;
use super::read::subcommand_values;
use crate::input::cli::{CREDENTIAL, Inputs, Invocation};
use crate::model::entry::SystemdCredential;
use crate::model::env_variables::Inherited;
use crate::model::problem::{Impact, Problem, Status};
use crate::report::Report;
use crate::system::systemd::{self, no_connection_problem};
use crate::system::waiting::hold_signals;

/// If standard input is a connection of systemd's LoadCredential=, takes the connection over, even
/// if the arguments don't ask for a credential. Otherwise the message about a mistake in the
/// arguments would become the credential.
///
/// Once the connection is taken over, termination signals are held, and standard output and error
/// no longer lead to the connection.
///
/// # Errors
/// The exit status, if the connection was refused and nothing may be printed.
pub fn take_connection(arguments: &[OsString]) -> Result<(), u8> {
    let is_expected = arguments.first().is_some_and(|first| first == CREDENTIAL);
    if !systemd::has_connection(is_expected) {
        return Ok(());
    }
    hold_signals();
    systemd::take_connection().map_err(|_| Status::Temporary as u8)
}

/// Checks that this process runs `secrets-exec credential` if it has a connection of
/// LoadCredential=.
///
/// # Errors
/// If it has such a connection and runs anything else.
pub fn refuse_others(invocation: &Invocation) -> Result<(), Report> {
    let Some(connection) = systemd::CONNECTION.get() else {
        return Ok(());
    };
    if matches!(invocation, Invocation::Credential(_)) {
        return Ok(());
    }
    let request = connection.request()?;
    let text = format!(
        "a unit asks for its credential {request} on standard input, but only `secrets-exec credential` answers"
    );
    Err(Problem::usage(text)
        .help("write in the service: ExecStart=/usr/bin/secrets-exec credential -f /etc/secrets-exec.yaml")
        .into())
}

/// Reads the credential that the client asks for, and sends its value. Waits as long as the client
/// doesn't read the value.
///
/// # Errors
/// Every reason why the value was not sent.
pub fn credential(mut inputs: Inputs, inherited: &Inherited) -> Result<(), Report> {
    if inputs.files.iter().any(|file| file == Path::new("-")) {
        let text = "-f - can't be used here, because standard input is the connection of systemd";
        inputs.errors.push(Problem::usage(text));
    }
    let found = systemd::CONNECTION.get().ok_or_else(no_connection_problem);
    let requested = found.and_then(|connection| Ok((connection, connection.request()?)));
    let (connection, request) = match requested {
        Ok(connection_and_request) => connection_and_request,
        Err(problem) => return Err(inputs.errors.into_iter().chain([problem]).into()),
    };

    let SystemdCredential { unit, name } = &request;
    let consequence = format!("\"{unit}\" didn't get the credential \"{name}\"");
    let asker = Asker::Credential(request.clone());
    let (values, report) = subcommand_values(inputs, asker, inherited, &consequence)?;
    report.into_result()?;

    // The plan has only this entry, and a report without problems means that the entry has a value.
    // So the `else` branch is never taken.
    let Some((credential, value)) = values.outcomes.values().next() else {
        return Err(Report::default());
    };
    let sent = connection.answer(value.expose());
    Ok(sent.map_err(|problem| problem.for_entry(credential.subject.clone(), Impact::Undelivered))?)
}
