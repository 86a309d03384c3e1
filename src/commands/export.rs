//! `secrets-exec export`: prints the variables that a launch would set, or writes them to a file.

use std::path::PathBuf;

use super::read::read_values;
use super::scope::EntryScope;
use crate::deliver::{AppendedFile, Delivery, Files};
use crate::exec;
use crate::input::cli::{ExportArguments, ExportFormat, Inputs};
use crate::model::entry::{FilePlace, FileTarget, Mode, Origin, Subject};
use crate::model::inherited::Inherited;
use crate::model::outcome::FileValue;
use crate::model::plan::EntryId;
use crate::model::problem::Problem;
use crate::model::secret_value::SecretValue;
use crate::report::export::{export as export_variables, shell_warning, variables};
use crate::report::github::masks;
use crate::report::{Record, Report, terminal};

/// Refuses to print values on a terminal without `--reveal`.
///
/// # Errors
/// The problem, with the remedy.
pub fn refuse_terminal(reveal: bool, remedy: &str) -> Result<(), Problem> {
    if reveal || !terminal::is_output_terminal() {
        return Ok(());
    }
    Err(Problem::usage(
        "standard output is a terminal, so everyone who looks at it would see the values",
    )
    .help(remedy))
}

/// The place that exported variables go to.
enum Destination {
    Output,
    File(PathBuf),
    /// Standard output for the masks and, unless only masks are wanted, the file to which the variables are appended.
    Github(Option<PathBuf>),
}

/// Prints the variables, or writes them to a file.
///
/// # Errors
/// Every reason why a value cannot be exported, or why standard output or the file cannot be written.
pub fn export(
    mut inputs: Inputs,
    arguments: &ExportArguments,
    inherited: &Inherited,
) -> Result<(), Report> {
    let destination = destination(arguments, inherited);
    if !matches!(destination, Ok(Destination::File(_))) {
        let remedy = "write the values to a file with --output FILE, pipe them to a program, or add --reveal to see them";
        let refused = refuse_terminal(arguments.reveal, remedy);
        inputs.errors.extend(refused.err());
    }
    let destination = destination
        .map_err(|problem| inputs.errors.push(problem))
        .ok();

    let consequence = "nothing was exported";
    let (outcomes, mut report) = read_values(inputs, EntryScope::Launch, inherited, consequence)?;
    let variables = variables(&outcomes, exec::limits());
    let exported = report.value_of(export_variables(&variables, arguments.format));
    let (Some(text), Some(destination), true) = (exported, destination, report.is_empty()) else {
        return Err(report);
    };

    if arguments.format == ExportFormat::Shell {
        let warnings = variables.iter().copied().filter_map(shell_warning);
        terminal::print_notices(warnings.map(Record::warning));
    }
    terminal::print_notices(outcomes.files().map(unwritten));
    match destination {
        Destination::Output => Ok(terminal::output_whole(text.expose())?),
        Destination::File(path) => write(path, text),
        Destination::Github(file) => {
            let (masks, warning) = masks(&outcomes);
            terminal::print_notices(warning);
            let file = file.map(|path| AppendedFile::open(&path)).transpose()?;
            terminal::output_whole(masks.expose())?;
            Ok(file.map_or(Ok(()), |file| file.append(&text))?)
        }
    }
}

/// Returns the place that the variables go to.
///
/// # Errors
/// When a format is for GitHub's runner, and this process isn't a step of a job, or no file is known.
fn destination(arguments: &ExportArguments, inherited: &Inherited) -> Result<Destination, Problem> {
    let output = arguments
        .output
        .clone()
        .filter(|path| path.as_os_str() != "-");
    let is_step = inherited
        .get("GITHUB_ACTIONS")
        .is_some_and(|value| value == "true");
    match (arguments.format, output) {
        (ExportFormat::Github | ExportFormat::GithubMasks, _) if !is_step => Err(Problem::usage(
            "this is not a step of a GitHub job (GITHUB_ACTIONS is not \"true\"), so nothing would hide the values that are printed",
        )
        .help("use another format, such as --format dotenv --output FILE")),
        (ExportFormat::GithubMasks, _) => Ok(Destination::Github(None)),
        (ExportFormat::Github, Some(path)) => Ok(Destination::Github(Some(path))),
        (ExportFormat::Github, None) => match inherited.filled("GITHUB_ENV") {
            Some(path) => Ok(Destination::Github(Some(path.into()))),
            None => Err(Problem::usage(
                "GITHUB_ENV is not set, so there is no file for the variables",
            )
            .help("name the file with --output FILE, or print only the masks with --format github-masks")),
        },
        (_, Some(path)) => Ok(Destination::File(path)),
        (_, None) => Ok(Destination::Output),
    }
}

/// Returns the warning about a file, which a launch writes and `export` does not.
fn unwritten(
    FileValue {
        target, subject, ..
    }: FileValue<'_>,
) -> Record {
    Record::warning(match &target.place {
        FilePlace::Path(path) => {
            format!(
                "the file {} ({}) is not written, because only a launch writes files",
                path.display(),
                subject.origin
            )
        }
        FilePlace::Memory => format!(
            "{subject} is left out, because a file in memory disappears with the process that made it"
        ),
    })
}

/// Writes a file that only its owner can read, as a launch delivers one: complete or not at all. A `.env` file belongs in a project,
/// so one on a disk is not warned of.
fn write(path: PathBuf, value: SecretValue) -> Result<(), Report> {
    let subject = Subject::of_path(&path, Origin::Argument("--output"));
    let target = FileTarget {
        place: FilePlace::Path(path),
        env: None,
        mode: Mode::PRIVATE_WRITABLE,
        owner: None,
    };
    let files = Files::find([FileValue {
        id: EntryId::default(),
        target: &target,
        value: &value,
        subject: &subject,
    }]);
    Delivery::stage(files)
        .map_err(Report::from_iter)?
        .place()?
        .keep();
    Ok(())
}
