//! `secrets-exec migrate`: prints the declaration that replaces a .env file, or the secret with its values.

use super::export::VALUES_ON_TERMINAL;
use crate::input::cli::MigrateArguments;
use crate::input::env_file::{self, EnvFile};
use crate::model::env_name::EnvName;
use crate::model::inherited::Inherited;
use crate::model::problem::Problem;
use crate::model::reference::SecretId;
use crate::report::{Record, Report, terminal};

/// Prints the declaration, or the JSON object of the secret.
///
/// # Errors
/// Every line that cannot be read, or the reason why standard output cannot be written.
pub fn migrate(arguments: &MigrateArguments, inherited: &Inherited) -> Result<(), Report> {
    if arguments.values && !arguments.reveal && terminal::is_output_terminal() {
        let remedy = "pipe the output to a program, or add --reveal to see the values";
        return Err(Problem::usage(VALUES_ON_TERMINAL).help(remedy).into());
    }
    let read = env_file::read(&arguments.file, &arguments.only);
    let EnvFile { names, object, notices } = read.map_err(Report::from_iter)?;
    let is_quiet = arguments.quiet || inherited.get("SECRETS_EXEC_QUIET").is_some_and(|value| value == "1");
    if !is_quiet {
        terminal::print_records(notices.into_iter().map(Record::warning));
    }
    let printed = match arguments.values {
        true => terminal::print_whole(object.expose()),
        false => terminal::print_whole(declaration(&arguments.secret, &names)),
    };
    Ok(printed?)
}

/// Returns a declaration with an entry for each name. A reference is in quotes unless it begins with a letter; no id has a quote or a
/// backslash.
fn declaration(secret: &SecretId, names: &[EnvName]) -> String {
    let id = secret.to_string();
    let quote = if id.starts_with(|c: char| c.is_ascii_alphabetic()) { "" } else { "\"" };
    let entries = names.iter().map(|name| format!("  {name}: {quote}{id}:{name}{quote}\n"));
    std::iter::once("env:\n".to_owned()).chain(entries).collect()
}
