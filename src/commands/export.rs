//! `secrets-exec export`: prints the variables that a launch would set, or writes them to a file.
//!
//! If any value is missing, or can't be written in the format, nothing is printed or written.

use std::path::PathBuf;

use super::export_formats::{export as export_variables, masks, variables};
use super::output::{output_file, refuse_terminal, write_file};
use super::read::read_to_print;
use super::task::Task;
use crate::deliver::{AppendedFile, NamedBy};
use crate::exec;
use crate::input::cli::{ExportArguments, ExportFormat, Inputs};
use crate::model::entry::Mode;
use crate::model::environment::Inherited;
use crate::model::message::Problem;
use crate::model::outcome::{FileValue, Outcomes};
use crate::report::{self, Record, Report, terminal, value_or_add};

/// Where the text goes. An existing file is replaced, except for GitHub's file, to which the
/// variables are appended.
enum Destination {
    Output,
    File(PathBuf),
    /// Standard output gets only the masks (`::add-mask::`).
    GithubMasks,
    /// Standard output gets the masks, and the file gets the variables.
    Github(PathBuf, NamedBy),
}

/// Prints the variables or writes them to a file. For GitHub, also prints the masks.
///
/// The notices include a warning for every entry that is a file, because only a launch writes
/// files.
pub fn export(
    mut inputs: Inputs,
    arguments: &ExportArguments,
    inherited: &Inherited,
) -> Result<Vec<Record>, Report> {
    let found = destination(arguments, inherited);
    // The masks for GitHub contain the values, and they always go to standard output.
    let prints_values = !matches!(found, Ok(Destination::File(_)));
    if prints_values && !arguments.reveal {
        let remedy = "write the values to a file with --output FILE, pipe them to a program, or add --reveal to see them";
        inputs.errors.extend(refuse_terminal(remedy).err());
    }
    // Continue after an error, so that the report lists all errors.
    let destination = value_or_add(found.map_err(|problem| vec![problem]), &mut inputs.errors);

    let (values, mut report) =
        read_to_print(inputs, Task::EXPORT, inherited, "nothing was exported")?;
    // Wipe everything that isn't printed, because the output may wait for its reader.
    drop(values.fetched);
    let outcomes = &values.outcomes;
    let variables = variables(outcomes, exec::argument_limits());
    let exported = export_variables(&variables, arguments.format);
    let text = value_or_add(exported, &mut report.problems);
    let (Some(text), Some(destination)) = (text, destination) else {
        return Err(report);
    };
    let mut notices = report.into_result()?;

    notices.extend(report::value_warnings(
        outcomes
            .list
            .iter()
            .filter(|outcome| outcome.variable().is_some()),
    ));
    notices.extend(outcomes.files().map(unwritten_file_warning));

    match destination {
        Destination::Output => terminal::output_whole(text.expose())?,
        Destination::File(path) => write_file(path, text, Mode(0o600))?,
        Destination::GithubMasks => notices.extend(print_masks(outcomes)?),
        Destination::Github(path, named_by) => {
            // Open the file first: if that fails, no masks should be printed.
            let file = AppendedFile::open(&path, named_by)?;
            // Print the masks before appending anything: without them, GitHub would show the values
            // in the job's log.
            notices.extend(print_masks(outcomes)?);
            file.append(&text)?;
        }
    }
    Ok(notices)
}

/// Prints the masks, and makes a warning about values with lines that are too short to mask.
fn print_masks(outcomes: &Outcomes) -> Result<Option<Record>, Problem> {
    let (masks, warning) = masks(outcomes);
    terminal::output_whole(masks.expose())?;
    Ok(warning)
}

/// With `--format github`, the variables always go to a file: the one that `--output` names or,
/// without this option, the one that GITHUB_ENV names.
fn destination(arguments: &ExportArguments, inherited: &Inherited) -> Result<Destination, Problem> {
    use ExportFormat::*;
    let output = output_file(arguments.output.as_ref());
    match arguments.format {
        Github | GithubMasks => {}
        Shell | Dotenv | Json | Docker | Kubernetes => {
            return Ok(output.map_or(Destination::Output, Destination::File));
        }
    }

    let github_actions = inherited.get("GITHUB_ACTIONS");
    if github_actions.is_none_or(|value| value != "true") {
        let text = "secrets-exec isn't running in a GitHub Actions job (GITHUB_ACTIONS isn't \"true\"), so nothing would mask the printed values";
        let help = "use another format, such as --format dotenv --output FILE";
        return Err(Problem::usage(text).help(help));
    }
    if arguments.format == GithubMasks {
        return Ok(Destination::GithubMasks);
    }
    if let Some(path) = output {
        return Ok(Destination::Github(path, NamedBy::User));
    }
    if let Some(path) = inherited.non_empty("GITHUB_ENV") {
        return Ok(Destination::Github(path.into(), NamedBy::Runner));
    }
    let text = "GITHUB_ENV isn't set, so secrets-exec doesn't know where to write the variables";
    let help =
        "name the file with --output FILE, or print only the masks with --format github-masks";
    Err(Problem::usage(text).help(help))
}

fn unwritten_file_warning(file: FileValue<'_>) -> Record {
    let subject = file.subject;
    Record::warning(match &file.target.path {
        Some(path) => {
            let file = format!("the file {path} ({})", subject.origin);
            format!("export doesn't write {file}: only a launch does")
        }
        None => format!(
            "{subject} is left out, because a file in memory disappears with the process that made it"
        ),
    })
}
