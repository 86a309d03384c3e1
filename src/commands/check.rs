//! `secrets-exec check`: reads every value as a launch would, except with `--metadata` or
//! `--offline`. Prints the source of each value, but never a value.
//!
//! The table or the JSON is printed even if there are errors, so [`check`] collects all errors and
//! returns them at the end.

use std::mem::ManuallyDrop;
use std::time::SystemTime;

use tokio::time::Instant;

use super::prepare::{Prepared, prepare};
use super::read::{read_values, reading_notices};
use super::task::Task;
use super::worker::{self, block_on};
use crate::backend::aws::Aws;
use crate::deliver::Files;
use crate::exec::{self, Program};
use crate::input::cli::{CheckArguments, Inputs};
use crate::input::inherited::removed_names;
use crate::model::answer::Answers;
use crate::model::entry::EntryId;
use crate::model::environment::{CommandLine, Environment, Inherited};
use crate::model::message::{Placed, Problem};
use crate::model::options::SourceOption;
use crate::model::outcome::{Outcomes, Values};
use crate::model::shown::quoted_program;
use crate::report::account::{CheckDepth, CheckedValues};
use crate::report::check_findings::{Findings, command_row, secret_row, tables};
use crate::report::layout::objects;
use crate::report::{self, Record, Report, terminal};
use crate::resolve::{resolve, resolve_offline, suggest_names};
use crate::time::Deadline;

/// Prints the variables and files, with the sources of their values, as a table or as JSON.
///
/// Returns the warnings and notes to print afterwards.
///
/// # Errors
/// If there is a problem with the inputs, a value, a file or the command, or if the output can't be
/// written.
pub fn check(
    inputs: Inputs,
    command: Option<&CommandLine>,
    arguments: CheckArguments,
    inherited: &Inherited,
) -> Result<Vec<Record>, Report> {
    let depth = if arguments.offline {
        CheckDepth::Offline
    } else if arguments.metadata {
        CheckDepth::Metadata
    } else {
        CheckDepth::Values
    };
    let options = inputs.options.to_options(inherited);
    let read = worker::run(&options, inherited, |deadline| {
        let prepared = prepare(inputs, Task::check(depth), inherited, deadline)?;
        Ok(Checked::read(prepared, depth, deadline))
    });
    // If nothing could be read, `report` says why. Otherwise, it is empty.
    let (checked, mut report) = match read {
        Ok((checked, not_read)) => (Some(checked), not_read),
        Err(not_read) => (None, not_read),
    };
    let found_command = command.map(|line| FoundCommand {
        line,
        program: match &checked {
            Some(checked) => checked.prepared.find_program(line),
            // With invalid inputs, the PATH that the command would get isn't known. Search the
            // inherited PATH instead.
            None => exec::find_program(line.program(), inherited.get("PATH")),
        },
    });

    if let Some(FoundCommand {
        program: Err(problem),
        ..
    }) = &found_command
    {
        report.problems.insert(0, problem.clone());
    }
    let mut findings = Findings::new();
    if let Some(checked) = &checked {
        let (examined, found) = checked.examine(found_command.as_ref());
        findings = examined;
        report.problems.extend(found.problems);
        report.notices = found.notices;
        report.consequence = found.consequence;
        // The size of the environment is only known if no value is missing.
        if report.is_empty() {
            let oversize = checked.size_problem(found_command.as_ref());
            report.problems.extend(oversize);
        }
    }
    findings.command = found_command
        .map(|found| command_row(found.line, found.program.as_ref().map(Program::as_path)));

    print_findings(findings, report, arguments.json)
}

/// Prints the findings as a table or, if `as_json` is true, as JSON together with the messages and
/// the exit status of `report`. Returns the report's notices or, if it has problems, the whole
/// report.
fn print_findings(
    mut findings: Findings,
    mut report: Report,
    as_json: bool,
) -> Result<Vec<Record>, Report> {
    findings.ok = report.is_empty();
    let printed = if as_json {
        if !findings.ok {
            findings.exit_status = report.exit_status();
        }
        findings.messages = objects(report.records());
        findings.json()
    } else {
        tables(&findings, terminal::table_screen())
    };
    report.problems.extend(terminal::output(&printed).err());
    report.into_result()
}

struct FoundCommand<'a> {
    line: &'a CommandLine,
    program: Result<Program, Problem>,
}

/// The prepared inputs, and the values or metadata that `check` has read for them.
struct Checked {
    prepared: Prepared,
    depth: CheckDepth,
    values: Values,
}

impl Checked {
    /// Reads as much as `depth` allows: nothing, metadata or values. If a single value can't be
    /// read, its outcome says why. The returned report is empty unless nothing could be read at
    /// all.
    fn read(prepared: Prepared, depth: CheckDepth, deadline: &Deadline) -> (Self, Report) {
        let read = match depth {
            CheckDepth::Offline => Ok(Values {
                outcomes: resolve_offline(&prepared.plan),
                ..Values::default()
            }),
            CheckDepth::Metadata => resolve_metadata(&prepared, deadline),
            CheckDepth::Values => read_values(&prepared, deadline),
        };
        let (values, report) = match read {
            Ok(values) => (values, Report::default()),
            Err(report) => {
                let values = Values {
                    outcomes: Outcomes::unread(&prepared.plan),
                    ..Values::default()
                };
                (values, report)
            }
        };

        let checked = Self {
            prepared,
            depth,
            values,
        };
        (checked, report)
    }

    /// Collects what the table and the JSON show. Also returns a report with the entries' problems,
    /// and with the warnings and notes about values, files and the command.
    fn examine(&self, command: Option<&FoundCommand<'_>>) -> (Findings, Report) {
        let depth = self.depth;
        let files = Files::open_directories(self.values.outcomes.files());
        let mut problems = self.values.problems(exec::argument_limits());
        // With `--offline` or `--metadata`, `check` may run on a machine that doesn't have the
        // launch's users and directories.
        if depth == CheckDepth::Values {
            problems.extend(files.undeliverable());
        }
        let findings = self.findings(&problems);

        // `check --metadata` needs permissions that a launch doesn't. So if AWS denied a request,
        // the report must not claim that the command wouldn't be started.
        let is_unpermitted = self
            .values
            .fetched
            .values()
            .filter_map(|answer| answer.as_ref().err())
            .any(|failure| failure.cause().is_not_permitted());
        let consequence = match command {
            Some(FoundCommand { line, .. }) => {
                format!("the command {} wouldn't be started", quoted_program(line))
            }
            None => "your program wouldn't start".to_owned(),
        };
        let mut report = Report::from_values(problems, &consequence);
        if depth == CheckDepth::Metadata && is_unpermitted {
            report.consequence = None;
        }
        report.notices = self.notices(&files, command);
        (findings, report)
    }

    /// The error if the command's environment would be too large for the kernel. Ignores variables
    /// that contain a file's path, because paths are short.
    fn size_problem(&self, command: Option<&FoundCommand<'_>>) -> Option<Problem> {
        let launched = command.and_then(|FoundCommand { line, program }| {
            let program = program.as_ref().ok()?;
            Some((*line, program.as_path()))
        });
        let environment = Environment::new(
            &self.prepared.plan.retained,
            self.values
                .outcomes
                .variables()
                .map(|variable| (variable.name, variable.value)),
        );
        exec::expect_fit(&environment, launched, exec::argument_limits().total).err()
    }

    /// Collects the warnings about the command and, if values were read, about reading them and
    /// about files on disk. With `--verbose`, adds a note with the number of values and requests,
    /// unless `--offline` is set.
    fn notices(&self, files: &Files<'_>, command: Option<&FoundCommand<'_>>) -> Vec<Record> {
        let depth = self.depth;
        let outcomes = &self.values.outcomes;
        let mut notices = Vec::new();
        if depth == CheckDepth::Values {
            notices = reading_notices(&self.prepared, &self.values);
            notices.extend(files.disk_warnings());
        }
        if self.prepared.options.verbose && depth != CheckDepth::Offline {
            notices.push(report::total_note(&self.values));
        }
        if let Some(command) = command {
            notices.extend(report::argument_warnings(
                outcomes,
                &self.prepared.plan.retained,
                command.line,
            ));
        }
        notices
    }

    /// Collects everything that the table and the JSON show, except for the command, the messages,
    /// `ok` and the exit status, which are added later.
    fn findings(&self, problems: &[(EntryId, Problem)]) -> Findings {
        let values = &self.values;
        let depth = self.depth;
        let now = SystemTime::now();
        let checked = CheckedValues {
            values,
            problems,
            now,
            depth,
        };
        let reads_values = depth == CheckDepth::Values;
        let source = match (depth, &self.prepared.options.source) {
            (CheckDepth::Offline, _) => None,
            // `--metadata` always asks AWS, even with `--agent`.
            (CheckDepth::Metadata, _) | (CheckDepth::Values, SourceOption::Aws) => Some("aws"),
            (CheckDepth::Values, SourceOption::Agent(_)) => Some("agent"),
            (CheckDepth::Values, SourceOption::Local(_)) => Some("local"),
        };

        Findings {
            values_read: reads_values,
            source,
            is_verbose: self.prepared.options.verbose,
            caller: values.caller.clone(),
            values: checked.rows(),
            removed: removed_names(&self.prepared.options.retention.unset, &self.prepared.plan),
            secrets: values
                .secrets
                .iter()
                .map(|secret| secret_row(secret, now))
                .collect(),
            ..Findings::new()
        }
    }
}

/// Asks AWS whether the secrets in the plan exist, without reading them.
///
/// If a secret can't be described, the entries that need it fail. Entries that need nothing from
/// AWS get their values. All others stay unread.
///
/// Asks AWS even with `--agent`, because the agent can't describe secrets.
///
/// # Errors
/// If `--local` is set, because a local file has no metadata, or if the settings for AWS are
/// invalid.
fn resolve_metadata(prepared: &Prepared, deadline: &Deadline) -> Result<Values, Report> {
    let Prepared { settings, plan, .. } = prepared;
    match &prepared.options.source {
        SourceOption::Local(Placed { place, .. }) => {
            let text = format!(
                "check --metadata can't be used with {place}, because a local file has values but no metadata"
            );
            return Err(Problem::usage(text).into());
        }
        SourceOption::Aws | SourceOption::Agent(_) => {}
    }

    let begun = Instant::now();
    // Never drop the client: closing its connections would take time, and the process ends soon
    // anyway.
    let mut aws = ManuallyDrop::new(Aws::new(settings.clone(), deadline.clone()));
    let (answers, secrets) = block_on(async { Ok(aws.metadata(&plan.locators()).await?) })?;

    let (mut failures, existing): (Answers, Answers) =
        answers.into_iter().partition(|(_, answer)| answer.is_err());
    suggest_names(&mut failures, plan);

    // The values of existing secrets haven't been read, so `resolve` only gets the failures.
    let circumstances = aws.circumstances().with_answers(&failures);
    let outcomes = resolve(plan, &failures, &circumstances);
    let mut fetched = failures;
    fetched.extend(existing);
    Ok(Values {
        outcomes,
        fetched,
        elapsed: deadline.progress.waited_since(begun),
        requests: deadline.progress.attempts(),
        secrets,
        cache_warnings: Vec::new(),
        caller: aws.caller(),
    })
}
