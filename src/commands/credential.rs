//! `secrets-exec credential`: answers one connection of systemd's LoadCredential= with the value of that credential, or fails it.

use std::ffi::OsString;
use std::path::Path;

use super::read::read_values;
use super::scope::EntryScope;
use crate::input::cli::{CREDENTIAL, Inputs, Invocation};
use crate::model::inherited::Inherited;
use crate::model::problem::{Impact, Problem, Status};
use crate::report::Report;
use crate::system::systemd::{self, no_connection};

/// Takes a connection of systemd's LoadCredential= from standard input, whatever the arguments are: a slip in them must not become the
/// credential.
///
/// # Errors
/// When nothing may be printed; the connection is refused already.
pub fn take_connection(arguments: &[OsString]) -> Result<(), u8> {
    let is_expected = arguments.first().is_some_and(|first| first == CREDENTIAL);
    systemd::take(is_expected).map_err(|_| Status::Temporary as u8)
}

/// Refuses any other command that was started for a connection of LoadCredential=.
///
/// # Errors
/// The slip in the arguments.
pub fn refuse_others(invocation: &Invocation) -> Result<(), Report> {
    let Some(connection) = systemd::taken() else {
        return Ok(());
    };
    if matches!(invocation, Invocation::Credential { .. }) {
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

/// Resolves the credential that the client asks for, and sends its value.
///
/// # Errors
/// Every reason why no value was sent.
pub fn credential(mut inputs: Inputs, inherited: &Inherited) -> Result<(), Report> {
    if inputs.files.iter().any(|file| file == Path::new("-")) {
        let text = "-f - can't be used here, because standard input is the connection of systemd";
        inputs.errors.push(Problem::usage(text));
    }
    let connection = systemd::taken().ok_or_else(no_connection);
    let (connection, request) =
        match connection.and_then(|connection| Ok((connection, connection.request()?))) {
            Ok(answerable) => answerable,
            Err(problem) => {
                let usage = inputs.errors.into_iter();
                return Err(usage.chain([problem]).collect());
            }
        };
    let consequence = format!(
        "\"{}\" did not get the credential \"{}\"",
        request.unit, request.name
    );
    let scope = EntryScope::Credential(&request);
    let (outcomes, report) = read_values(inputs, scope, inherited, &consequence)?;
    report.into_result()?;
    // The plan has one entry, and it is resolved.
    let Some((credential, value)) = outcomes.values().next() else {
        return Err(Report::default());
    };
    let sent = connection.answer(value.expose());
    Ok(sent.map_err(|problem| problem.of(credential.subject.clone(), Impact::Undelivered))?)
}
