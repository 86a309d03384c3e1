//! Messages about variables that cannot be exported, or that mean something else to a shell.

use std::collections::BTreeMap;

use crate::deliver::export::{ExportError, ExportProblem, Unfit};
use crate::model::entry::{Place, Subject};
use crate::model::environment::EnvironmentError;
use crate::model::options::ExportFormat;
use crate::model::resolved::FileValue;
use crate::report::line::{Line, list};

pub fn line(error: &ExportError) -> String {
    let (entry, reason) = entry_and_reason(error);
    format!("{entry}: {reason}")
}

pub fn entry_and_reason(error: &ExportError) -> (String, String) {
    let ExportError { subject, problem } = error;
    let reason = match problem {
        ExportProblem::FileInMemory => {
            "a file in memory ends with the process that made it, so its path cannot be exported; give the entry a `path`, \
             or set the variable to the value"
                .to_owned()
        }
        ExportProblem::Environment(EnvironmentError::Nul(_)) => {
            "the value has a NUL byte, which a variable cannot hold; declare it under `env` with `encode: base64`".to_owned()
        }
        ExportProblem::Environment(
            EnvironmentError::TooLong { length, limit, .. } | EnvironmentError::TotalTooLong { length, limit, .. },
        ) => format!("with its name the variable has {length} bytes, and the kernel allows a launch {limit}"),
        &ExportProblem::Unfit(format, unfit) => format!("{}; {}", unfit_reason(format, unfit), remedy(unfit)),
    };
    (subject.to_string(), reason)
}

fn unfit_reason(format: ExportFormat, unfit: Unfit) -> String {
    let readers = match format {
        ExportFormat::Shell => "a shell",
        ExportFormat::Dotenv => "a .env file",
        ExportFormat::Json => "JSON",
        ExportFormat::Docker => "Docker's --env-file",
    };
    match unfit {
        Unfit::NotUtf8 => format!("the value is not UTF-8, as {readers} must be"),
        Unfit::NotANumber => "shells keep this name for a number, and the value is none".to_owned(),
        Unfit::Expanded => "the value has `${`, which python-dotenv expands in any quotes".to_owned(),
        Unfit::NoCommonQuotes => {
            "the value has quotes, backslashes or blanks that python-dotenv and Node's dotenv read differently"
                .to_owned()
        }
        Unfit::LineFeed => format!("the value has a line feed, and {readers} has one line for each variable"),
        Unfit::FinalCarriageReturn => format!("the value ends with a carriage return, which {readers} drops"),
        Unfit::TooLong { length, limit } => {
            format!("with its name the variable has {length} bytes, and {readers} allows {limit}")
        }
    }
}

/// Names the formats that hold the value.
fn remedy(unfit: Unfit) -> &'static str {
    match unfit {
        Unfit::NotUtf8 => "use --format shell, or `encode: base64`",
        Unfit::NotANumber => "use another name, or --format dotenv, json or docker",
        Unfit::Expanded
        | Unfit::NoCommonQuotes
        | Unfit::LineFeed
        | Unfit::FinalCarriageReturn
        | Unfit::TooLong { .. } => "use --format shell or json",
    }
}

/// The warnings about names that shells reserve, one for all names of the same shells.
pub fn reserved_names(reserved: &[(Subject, Vec<&'static str>)]) -> Vec<Line> {
    let mut names: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (Subject { label, .. }, shells) in reserved {
        names.entry(list(shells)).or_default().push(label);
    }
    let line = |(shells, names): (String, Vec<&str>)| {
        let (is, name) = if names.len() == 1 { ("is", "its name is") } else { ("are", "these names are") };
        Line::warning(format!(
            "{} {is} not set in {shells}, where {name} read-only or has a meaning of the shell's own",
            names.join(", ")
        ))
    };
    names.into_iter().map(line).collect()
}

/// The warnings about files, which a launch writes and `export` does not.
pub fn unwritten_files(files: &[FileValue]) -> Vec<Line> {
    let line = |file: &FileValue| match &file.target.place {
        Place::Path(path) => Some(Line::warning(format!(
            "{} ({}): not written, since only a launch writes files",
            path.display(),
            file.origin
        ))),
        Place::Memory => None,
    };
    files.iter().filter_map(line).collect()
}
