//! `secrets-exec credential`: answers a connection of systemd's LoadCredential= with the value of
//! the credential, or makes the unit fail.
//!
//! What is written to the connection becomes the credential. So this process must not print a
//! message there, whatever the arguments are. `system::systemd` refuses the connection unless a
//! value has been sent.

use std::path::Path;

use super::prepare::Asker;
use super::read::subcommand_values;
use crate::input::cli::Inputs;
use crate::input::declaration::DeclarationChoice;
use crate::model::entry::SystemdCredential;
use crate::model::environment::Inherited;
use crate::model::outcome::EntryOutcome;
use crate::model::problem::{Impact, Problem};
use crate::report::{self, Report, terminal};
use crate::system::systemd::{self, CredentialConnection, no_connection_problem};

/// The error for a connection from systemd that isn't answered, because the arguments aren't those
/// of `secrets-exec credential`.
pub fn unanswered_request(connection: &CredentialConnection) -> Problem {
    let request = match connection.request() {
        Ok(request) => request,
        Err(problem) => return problem,
    };
    let text = format!(
        "a unit asks for its credential {request} on standard input, but only `secrets-exec credential` answers"
    );
    let help =
        "in the service, set ExecStart=/usr/bin/secrets-exec credential -f /etc/secrets-exec.yaml";
    Problem::usage(text).help(help)
}

/// Reads the credential that a unit asks for, and sends its value to systemd. If the value doesn't
/// fit into the socket's buffer, waits until systemd reads.
///
/// # Errors
/// If the value wasn't sent.
pub fn credential(mut inputs: Inputs, inherited: &Inherited) -> Result<(), Report> {
    if let DeclarationChoice::Named { files, .. } = &inputs.declarations
        && files.iter().any(|file| file == Path::new("-"))
    {
        inputs.declarations = DeclarationChoice::None;
        let text = "-f - can't be used here, because standard input is systemd's connection";
        inputs.errors.push(Problem::usage(text));
    }
    let found = systemd::CONNECTION.get().ok_or_else(no_connection_problem);
    let (connection, request) = match found.and_then(|found| Ok((found, found.request()?))) {
        Ok(requested) => requested,
        Err(problem) => return Err(inputs.errors.into_iter().chain([problem]).into()),
    };

    let SystemdCredential { unit, name } = &request;
    let consequence = format!("\"{unit}\" didn't get the credential \"{name}\"");
    let asker = Asker::Credential(request.clone());
    let (values, report) = subcommand_values(inputs, &asker, inherited, &consequence)?;
    report.into_result()?;

    // If there is no value although nothing has failed, the entry was left out, because the
    // variable that names its secret is empty.
    let Some((credential, value)) = values.outcomes.values().next() else {
        let mut text = consequence;
        if let Some(name) = values
            .outcomes
            .list
            .iter()
            .find_map(EntryOutcome::empty_variable)
        {
            text += &format!(", because {name} is empty");
        }
        return Err(Problem::configuration(text).into());
    };
    terminal::print_unless_hidden(report::value_warnings(&values.outcomes.list));
    let subject = credential.subject.clone();
    let sent = connection.answer(value.expose());
    Ok(sent.map_err(|problem| problem.for_entry(subject, Impact::Undelivered))?)
}
