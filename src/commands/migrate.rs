//! `secrets-exec migrate`: prints the declaration that replaces a .env file, or the secret with its values.

use crate::exec;
use crate::input::cli::{Subcommand, UsageError};
use crate::input::env_file::{self, EnvFile, EnvFileError};
use crate::model::env_name::EnvName;
use crate::model::options::MigrateOptions;
use crate::model::reference::SecretId;
use crate::report::{self, Failure, Report, terminal};

/// Prints the declaration, or the JSON object of the secret.
///
/// # Errors
/// Every line that cannot be read, or the reason why standard output cannot be written.
pub fn migrate(own: &MigrateOptions) -> Result<(), Report> {
    if own.values && !own.reveal && terminal::is_output_terminal() {
        return Err(Failure::Usage(UsageError::ValuesOnTerminal(Subcommand::Migrate)).into());
    }
    let read = read(own).map_err(|errors| errors.into_iter().map(Failure::EnvFile).collect::<Report>());
    let EnvFile { names, object, notices } = read?;
    if !own.quiet {
        terminal::print_lines(report::env_file_notices(&own.file, &notices));
    }
    let printed = match own.values {
        true => terminal::print_whole(object.expose()),
        false => terminal::print_whole(declaration(&own.secret, &names)),
    };
    Ok(printed.map_err(Failure::Output)?)
}

fn read(own: &MigrateOptions) -> Result<EnvFile, Vec<EnvFileError>> {
    let file = env_file::open(&own.file).map_err(|error| vec![error])?;
    exec::hide_memory();
    env_file::read(&own.file, file, &own.only)
}

/// Returns a declaration with an entry for each name. A reference is in quotes unless it begins with a letter; no id has a quote or a
/// backslash.
fn declaration(secret: &SecretId, names: &[EnvName]) -> String {
    let id = secret.to_string();
    let quote = if id.starts_with(|c: char| c.is_ascii_alphabetic()) { "" } else { "\"" };
    let entries = names.iter().map(|name| format!("  {name}: {quote}{id}:{name}{quote}\n"));
    std::iter::once("env:\n".to_owned()).chain(entries).collect()
}
