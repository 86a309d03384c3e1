//! `secrets-exec check`: reads every value as a launch would, except with `--metadata` or
//! `--offline`. Prints the source of each value, but never a value.
//!
//! The table or the JSON is printed even if there are errors, so [`check`] returns the errors only
//! after printing.

use std::mem::ManuallyDrop;

use tokio::time::Instant;

use super::prepare::{Prepared, run_prepared};
use super::read::{read_values, reading_notices};
use super::task::Task;
use super::worker::block_on;
use crate::backend::aws::Aws;
use crate::deliver::Files;
use crate::exec::{self, Program};
use crate::input::cli::{CheckArguments, Inputs};
use crate::input::inherited::{matched_names, removed_notes};
use crate::model::answer::Answers;
use crate::model::entry::EntryId;
use crate::model::environment::{CommandLine, Environment, Inherited};
use crate::model::message::{Placed, Problem};
use crate::model::options::SourceOption;
use crate::model::outcome::{Outcomes, Values};
use crate::model::shown::quoted_program;
use crate::report::account::{CheckDepth, CheckedValues};
use crate::report::check_findings::{CommandRow, Findings, SecretRow, tables};
use crate::report::{self, Record, Report, terminal};
use crate::resolve::{resolve, resolve_offline, suggest_names};
use crate::time::Deadline;

/// Prints the findings as tables or as JSON, and returns the notices to print afterwards.
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
    let read = run_prepared(
        inputs,
        Task::check(depth),
        inherited,
        |prepared, deadline| Ok(Checked::read(prepared, depth, deadline)),
    );
    let command = command.map(|line| FoundCommand {
        line,
        program: match &read {
            Ok(checked) => checked.prepared.find_program(line),
            // With invalid inputs, the command's PATH isn't known, so search the inherited one.
            Err(_) => exec::find_program(line.program(), inherited.get("PATH")),
        },
    });
    let (findings, mut report) = match read {
        Ok(checked) => checked.examine(command.as_ref()),
        Err(mut report) => {
            if let Some(problem) = command.as_ref().and_then(FoundCommand::problem) {
                report.problems.insert(0, problem);
            }
            let findings = Findings {
                command: command.as_ref().map(FoundCommand::row),
                ..Findings::default()
            };
            (findings, report)
        }
    };

    let mut printed;
    if arguments.json {
        printed = findings.json(report.records(), report.exit_status());
    } else {
        let screen = terminal::table_screen();
        printed = tables(&findings, screen);
        if screen.is_some() && !report.is_empty() {
            // A blank line separates the tables from the errors printed below them.
            printed.push('\n');
        }
    }
    report.problems.extend(terminal::output(&printed).err());
    report.into_result()
}

struct FoundCommand<'a> {
    line: &'a CommandLine,
    program: Result<Program, Problem>,
}

impl FoundCommand<'_> {
    fn problem(&self) -> Option<Problem> {
        self.program.as_ref().err().cloned()
    }

    fn row(&self) -> CommandRow {
        CommandRow::new(self.line, self.program.as_ref().map(Program::as_path))
    }
}

struct Checked {
    prepared: Prepared,
    depth: CheckDepth,
    values: Values,
    /// If no value could be read at all, the errors that prevented it, such as a missing file for
    /// `--local`. Empty if only single values can't be read.
    unread: Vec<Problem>,
}

impl Checked {
    /// Reads as much as `depth` allows. If a single value can't be read, its outcome says why.
    fn read(prepared: Prepared, depth: CheckDepth, deadline: &Deadline) -> Self {
        let read = match depth {
            CheckDepth::Offline => resolve_without_requests(&prepared),
            CheckDepth::Metadata => resolve_metadata(&prepared, deadline),
            CheckDepth::Values => read_values(&prepared, deadline),
        };
        let (values, unread) = match read {
            Ok(values) => (values, Vec::new()),
            Err(report) => {
                let values = Values {
                    outcomes: Outcomes::unread(&prepared.plan),
                    ..Values::default()
                };
                (values, report.problems)
            }
        };
        Self {
            prepared,
            depth,
            values,
            unread,
        }
    }

    fn examine(self, command: Option<&FoundCommand<'_>>) -> (Findings, Report) {
        let depth = self.depth;
        let files = Files::open_directories(self.values.outcomes.files());
        let mut value_problems = self.values.problems(exec::argument_limits());
        // With `--offline` or `--metadata`, `check` may run on a machine that doesn't have the
        // launch's users and directories, so don't look for problems with files.
        if depth == CheckDepth::Values {
            value_problems.extend(files.undeliverable());
        }
        let findings = self.findings(&value_problems, command);

        let consequence = match command {
            Some(FoundCommand { line, .. }) => {
                format!("the command {} wouldn't be started", quoted_program(line))
            }
            None => "your program wouldn't start".to_owned(),
        };
        let mut problems: Vec<Problem> = command
            .and_then(FoundCommand::problem)
            .into_iter()
            .collect();
        problems.extend(self.unread.iter().cloned());
        problems.extend(value_problems.into_iter().map(|(_, problem)| problem));
        // The size of the environment is only known if no value is missing.
        if problems.is_empty() {
            problems.extend(self.size_problem(command));
        }
        let mut notices = self.notices(&files, command);
        if findings.is_verbose {
            notices.extend(removed_notes(&findings.removed));
        }
        let report = Report {
            notices,
            problems,
            consequence: (!self.lacks_permission()).then_some(consequence),
        };
        (findings, report)
    }

    /// True if AWS denied a request of `check --metadata`. These requests need permissions that a
    /// launch doesn't, so the report must not claim that the command wouldn't be started.
    fn lacks_permission(&self) -> bool {
        self.depth == CheckDepth::Metadata
            && self
                .values
                .fetched
                .values()
                .filter_map(|answer| answer.as_ref().err())
                .any(|failure| failure.cause().is_not_permitted())
    }

    /// An error if the kernel would refuse an environment of this size. Ignores variables that
    /// contain a file's path, because paths are short.
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

    fn findings(
        &self,
        problems: &[(EntryId, Problem)],
        command: Option<&FoundCommand<'_>>,
    ) -> Findings {
        let values = &self.values;
        let depth = self.depth;
        let checked = CheckedValues {
            values,
            problems,
            depth,
        };
        let source = match (depth, &self.prepared.options.source) {
            (CheckDepth::Offline, _) => None,
            // `--metadata` always asks AWS, even with `--agent`.
            (CheckDepth::Metadata, _) | (CheckDepth::Values, SourceOption::Aws) => Some("aws"),
            (CheckDepth::Values, SourceOption::Agent(_)) => Some("agent"),
            (CheckDepth::Values, SourceOption::Local(_)) => Some("local"),
        };
        let set = values.outcomes.names_set();

        Findings {
            values_read: depth == CheckDepth::Values,
            source,
            is_verbose: self.prepared.options.verbose,
            endpoint: (self.prepared.declared_host.as_ref())
                .map(|host| host.value.text().to_owned()),
            caller: values.caller.clone(),
            command: command.map(FoundCommand::row),
            values: checked.rows(),
            removed: matched_names(
                &self.prepared.options.retention.unset,
                &self.prepared.plan.inherited,
                // An entry sets the variables in `set` again.
                |name, _| !set.contains(&*name.to_string_lossy()),
            ),
            secrets: values.secrets.iter().map(SecretRow::from).collect(),
        }
    }
}

/// Resolves what needs no request. Refuses a region that AWS doesn't have, except with `--local`
/// and `--agent`.
fn resolve_without_requests(prepared: &Prepared) -> Result<Values, Report> {
    let Prepared { settings, plan, .. } = prepared;
    match &prepared.options.source {
        SourceOption::Aws => settings.check_regions(&plan.locators())?,
        SourceOption::Local(_) | SourceOption::Agent(_) => {}
    }
    Ok(Values {
        outcomes: resolve_offline(plan),
        ..Values::default()
    })
}

/// Asks AWS whether the secrets in the plan exist, without reading them. Asks AWS even with
/// `--agent`, because the agent can't describe secrets.
///
/// If a secret can't be described, the entries that need it fail. Entries that need nothing from
/// AWS get their values. All others stay unread.
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
    // Never drop the client: closing its connections takes time, and the process ends soon anyway.
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
