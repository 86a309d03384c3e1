//! `secrets-exec credential`: answers one connection of systemd's LoadCredential= with the value of that credential, or fails it.

use std::ffi::OsString;
use std::thread;

use super::prepare::{Prepared, Scope, prepare};
use super::read::read;
use crate::input::cli::{Inputs, Subcommand};
use crate::model::answer::Fetched;
use crate::model::credential::CredentialRequest;
use crate::model::inherited::Inherited;
use crate::report::{self, CredentialFailure, Failure, Report, terminal};
use crate::resolve::Outcome;
use crate::system::connection;

/// Takes the connection from standard input, before anything is printed on it, if the command line begins with `credential`.
///
/// # Errors
/// When nothing may be printed; the connection is refused already.
pub fn take_connection(arguments: &[OsString]) -> Result<(), u8> {
    match arguments.first() {
        Some(first) if *first == *Subcommand::Credential.name() => connection::take().map_err(|_| report::TEMPORARY),
        _ => Ok(()),
    }
}

/// Fails the client, if there is one that has no value. To be called before the process ends.
pub fn refuse_unless_answered() {
    connection::refuse();
}

/// Resolves the credential that the client asks for, and sends its value.
///
/// # Errors
/// Every reason why no value was sent.
pub fn credential(inputs: Inputs, inherited: &Inherited) -> Result<(), Report> {
    let request = match request() {
        Ok(request) => request,
        Err(failure) => {
            let usage = inputs.errors.into_iter().map(Failure::Usage);
            return Err(usage.chain([Failure::Credential(failure)]).collect());
        }
    };
    end_without_client(&request);
    let Prepared { options, plan, backend, .. } = prepare(inputs, Scope::Credential(&request), inherited)?;
    let mut fetched = Fetched::default();
    let Outcome { resolved, errors } = read(backend, &options, &plan, inherited, &mut fetched)?;
    let consequence = format!("{} did not get its credential {}", request.unit, request.name);
    Report::of_values(errors, Vec::new(), &plan, consequence).check()?;
    if options.verbose {
        terminal::print_lines(report::provenance(&resolved, &fetched));
    }
    // The plan has one entry, and it is resolved.
    let Some(credential) = resolved.credentials.first() else { return Err(Report::default()) };
    if let Some(too_long) = CredentialFailure::of_value(credential) {
        return Err(Failure::Credential(too_long).into());
    }
    let sent = connection::answer(credential.value.expose());
    Ok(sent.map_err(|error| Failure::Credential(CredentialFailure::NotSent { request, error }))?)
}

/// Returns the unit and the credential of the connection, whose client must be root or the user of this process.
fn request() -> Result<CredentialRequest, CredentialFailure> {
    let peer = connection::peer().map_err(CredentialFailure::NoConnection)?;
    let request = CredentialRequest::parse(&peer.address);
    if !peer.is_trusted {
        return Err(CredentialFailure::Untrusted { user: peer.user, request });
    }
    request.ok_or(CredentialFailure::NoRequest)
}

/// Ends the process as soon as the client hangs up. Without a thread for that, it ends at its deadline.
fn end_without_client(request: &CredentialRequest) {
    let request = request.clone();
    let wait = move || {
        if connection::await_hang_up() {
            let failure = CredentialFailure::NotSent { request, error: connection::AnswerError::Closed };
            let rendered = Report::from(Failure::Credential(failure)).render();
            let lines = rendered.lines.into_iter().map(|line| line.with("status", rendered.exit_status));
            terminal::print_lines(lines);
            std::process::exit(rendered.exit_status.into());
        }
    };
    let _ = thread::Builder::new().spawn(wait);
}
