//! `secrets-exec credential`: answers one connection of systemd's LoadCredential= with the value of that credential, or fails it.

use std::ffi::OsString;
use std::path::Path;

use super::prepare::{Prepared, prepare};
use super::read::read;
use super::scope::EntryScope;
use super::values::unusable;
use super::wait::ThisProcess;
use crate::exec;
use crate::input::cli::{CREDENTIAL, Inputs};
use crate::model::answer::Fetched;
use crate::model::inherited::Inherited;
use crate::model::problem::{Lacks, Problem, Status};
use crate::report::{self, Report, terminal};
use crate::resolve::Resolution;
use crate::system::connection;

/// Takes the connection from standard input, before anything is printed on it, if the command line begins with `credential`.
///
/// # Errors
/// When nothing may be printed; the connection is refused already.
pub fn take_connection(arguments: &[OsString]) -> Result<(), u8> {
    match arguments.first() {
        Some(first) if first == CREDENTIAL => connection::take().map_err(|_| Status::Temporary as u8),
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
pub fn credential(mut inputs: Inputs, inherited: &Inherited) -> Result<(), Report> {
    if inputs.files.iter().any(|file| file == Path::new("-")) {
        let text = "-f -: standard input is the connection of systemd, not a declaration";
        inputs.errors.push(Problem::usage(text));
    }
    let request = match connection::request() {
        Ok(request) => request,
        Err(problem) => {
            let usage = inputs.errors.into_iter();
            return Err(usage.chain([problem]).collect());
        }
    };
    let Prepared { options, plan, backend, .. } = prepare(inputs, EntryScope::Credential(&request), inherited)?;
    let mut fetched = Fetched::default();
    let Resolution { resolved, errors, .. } =
        read(backend, &options, &plan, &ThisProcess::new(inherited), &mut fetched, None)?;
    let consequence = format!("{} did not get its credential {}", request.unit, request.name);
    let unusable = unusable(&resolved, exec::limits());
    Report::of_values(errors, unusable, consequence).check()?;
    if options.verbose {
        terminal::print_records(report::provenance(&resolved, &fetched));
    }
    // The plan has one entry, and it is resolved.
    let Some(credential) = resolved.credentials.first() else { return Err(Report::default()) };
    let sent = connection::answer(credential.value.expose());
    Ok(sent.map_err(|problem| problem.of(credential.subject.clone(), Lacks::Delivery))?)
}
