//! Warnings about the file, and what was done or is left to do.

use std::path::Path;

use super::names::{joined, located};
use crate::model::env_name::EnvName;
use crate::model::migration::{FileNotice, Left, Outcome};
use crate::model::options::MigrateOptions;
use crate::model::reference::{Locator, Region};
use crate::report::line::{Line, list};
use crate::report::resolve_errors::secret;

/// The warnings about the file.
pub fn file_notices(path: &Path, notices: &[FileNotice]) -> Vec<Line> {
    notices.iter().map(|notice| Line::warning(file_notice(path, notice))).collect()
}

fn file_notice(path: &Path, notice: &FileNotice) -> String {
    let at = |line: &usize| format!("{}:{line}", path.display());
    match notice {
        FileNotice::Illegal(line) => format!("{}: python-dotenv cannot read this, and it is left out", at(line)),
        FileNotice::NoValue(line) => format!("{}: a name without a value is left out", at(line)),
        FileNotice::TakenBack { name, line, earlier } => format!(
            "{}: {name} has no value here, so it is left out with its value of line {earlier}; Docker's --env-file reads it otherwise",
            at(line)
        ),
        FileNotice::Twice(name, line) => format!("{}: {name} is set again; the last value applies", at(line)),
        FileNotice::LeftOut(left, names) => {
            let (why, is) = (why(*left), if names.len() == 1 { "is" } else { "are" });
            format!("{} {is} left out: {why}", located(path, names))
        }
        FileNotice::Docker(names) => format!(
            "Docker's --env-file reads {} otherwise, since it knows no quotes, escapes, `export` and comments after a value",
            located(path, names)
        ),
        FileNotice::Dollar(names) => {
            let (value, has) = if names.len() == 1 { ("value", "has") } else { ("values", "have") };
            format!(
                "the {value} of {} {has} a `$`, which other readers of .env files expand; it is kept as it is",
                located(path, names)
            )
        }
    }
}

fn why(left: Left) -> &'static str {
    match left {
        Left::Aws => {
            "a launch reads the secret with the AWS variables that it inherits; give the role of its host or task"
        }
        Left::Path => "the command is looked up in PATH before any request; declare it by `value`",
        Left::Own => "these are options of secrets-exec, and no command gets them",
    }
}

/// The warning about options that a secret which exists makes no use of.
pub fn without_effect(options: &MigrateOptions) -> Option<Line> {
    let given = [("--kms-key", options.kms_key.is_some()), ("--tag", !options.tags.is_empty())];
    let given: Vec<&str> = given.into_iter().filter(|(_, is_given)| *is_given).map(|(option, _)| option).collect();
    let text = || format!("{}: no effect on a secret that exists, which keeps its key and its tags", list(&given));
    (!given.is_empty()).then(|| Line::warning(text()))
}

/// The line about the secret: what was changed, or without `--apply` what would be.
pub fn outcome(locator: &Locator, region: Option<&Region>, outcome: &Outcome, is_applied: bool) -> Line {
    let secret = secret(locator, region);
    let Outcome { is_new, added, changed, unchanged, version_id } = outcome;
    let version = version_id.as_ref().map(|id| format!(", version {id}, read back")).unwrap_or_default();
    let was = if is_applied { "was" } else { "would be" };
    let parts = [("added", added), ("changed", changed), ("already as in the file", unchanged)];
    let parts = parts.into_iter().filter(|(_, names)| !names.is_empty());
    let parts: Vec<String> = parts.map(|(what, names)| format!("{} {what}: {}", keys(names), joined(names))).collect();
    Line::note(match (is_new, added.is_empty() && changed.is_empty()) {
        (true, _) => format!("{secret}: {was} created{version}; {}", parts.join("; ")),
        (false, true) => format!("{secret}: nothing to change; {}", parts.join("; ")),
        (false, false) => format!("{secret}: {was} changed{version}; {}", parts.join("; ")),
    })
}

fn keys(names: &[EnvName]) -> String {
    match names.len() {
        1 => "1 key".to_owned(),
        count => format!("{count} keys"),
    }
}

/// The last line. `rest` has the lines of the file that are not moved, `access` the options that chose where the secret is.
pub fn left_to_do(options: &MigrateOptions, rest: &[usize], access: &[&str]) -> Line {
    if !options.apply {
        return Line::note("nothing was changed; left to do: run this again with --apply".to_owned());
    }
    let (save, declaration) = match &options.output {
        Some(output) => ("", output.display().to_string()),
        None => ("save the declaration, ", "DECLARATION".to_owned()),
    };
    let file = options.file.display();
    let access = match access {
        [] => String::new(),
        chosen => format!(" in the account and region that {} chose", list(chosen)),
    };
    let rest = match rest {
        [] => String::new(),
        lines => format!(", declare what is not moved ({file}:{})", numbers(lines)),
    };
    Line::note(format!(
        "left to do: {save}launch with secrets-exec -f {declaration} -- COMMAND{access}{rest}, then remove {file}, which is unchanged, \
         and rotate what was in it"
    ))
}

/// Joins numbers of lines; of many only the first.
fn numbers(lines: &[usize]) -> String {
    const LISTED: usize = 8;
    let mut shown: Vec<String> = lines.iter().take(LISTED).map(usize::to_string).collect();
    if let Some(others) = lines.len().checked_sub(LISTED).filter(|others| *others > 0) {
        shown.push(format!("{others} more"));
    }
    list(&shown.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The line after a declaration that could not be written.
pub fn not_declared() -> Line {
    Line::note("the secret is written, and the declaration is not; run this again with --update".to_owned())
}
