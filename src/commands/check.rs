//! `secrets-exec check`: resolves every value as a launch would, and prints where each comes from, but no value.

use std::mem::ManuallyDrop;
use std::time::{Instant, SystemTime};

use super::prepare::{BackendConfig, Prepared, run_prepared};
use super::read::{Inspection, Pass, read_plan};
use super::scope::EntryScope;
use super::worker::block_on;
use crate::backend::agent::Agent;
use crate::backend::aws::{Aws, Purpose};
use crate::deliver::Files;
use crate::exec;
use crate::input::cli::{CheckArguments, Inputs};
use crate::model::answer::Fetched;
use crate::model::environment::{CommandLine, Environment, unusable};
use crate::model::inherited::Inherited;
use crate::model::outcome::Outcomes;
use crate::model::plan::EntryId;
use crate::model::problem::Problem;
use crate::report::check::{
    CheckDepth, CheckedCaller, CheckedCommand, CheckedValues, Findings, SecretRow, alias_warnings,
    by_outcome, description_warnings, override_note, override_object, text,
};
use crate::report::layout::objects;
use crate::report::{self, Report, terminal};
use crate::resolve::{failed_references, resolve, suggest_aliases, unknown_template_names};
use crate::time::Deadline;

/// Prints a table of the variables and files, or JSON.
///
/// # Errors
/// Every reason why a launch would not run.
pub fn check(
    inputs: Inputs,
    command: Option<&CommandLine>,
    arguments: CheckArguments,
    inherited: &Inherited,
) -> Result<(), Report> {
    let read = run_prepared(
        inputs,
        EntryScope::Everything,
        inherited,
        |prepared, deadline| Ok(Checked::read(prepared, &arguments, deadline)),
    );

    let mut report = Report::default();
    let mut checked_command = None;
    let mut program = None;
    if let Some(command) = command {
        let found = match &read {
            Ok((checked, _)) => checked.prepared.find(command),
            Err(_) => exec::find(command.program(), inherited.get("PATH")),
        };
        checked_command = Some(CheckedCommand::new(command, &found));
        program = found.map_err(|error| report.append(error.into())).ok();
    }

    let mut findings = match read {
        Ok((checked, failed)) => {
            report.append(failed);
            let files = Files::find(checked.outcomes.files());
            let problems = checked.problems(&files);
            checked.print_notices(&files);
            if let Some(command) = command {
                let warnings = report::unexpanded_arguments(&checked.outcomes, command);
                terminal::print_notices(warnings);
            }
            let findings = checked.findings(&problems);

            let name = command.map_or("the command".to_owned(), |command| {
                format!("the command {}", command.quoted_program())
            });
            let consequence = format!("{name} would not be started");
            report.append(Report::of_values(problems, consequence));
            if report.is_empty() {
                let launched = command.zip(program.as_ref().map(exec::Program::as_path));
                report.extend(
                    checked
                        .environment()
                        .expect_fit(launched, exec::limits())
                        .err(),
                );
            }
            findings
        }
        Err(wrong) => {
            report.append(wrong);
            Findings::new()
        }
    };

    findings.command = checked_command;
    let printed = if arguments.json {
        findings.ok = report.is_empty();
        findings.exit_status = if report.is_empty() {
            0
        } else {
            report.exit_status()
        };
        findings.messages = objects(report.records());
        findings.json()
    } else {
        text(&findings)
    };
    report.extend(terminal::output(&printed).err());
    report.into_result()
}

/// A plan, and what was read for it.
struct Checked {
    prepared: Prepared,
    depth: CheckDepth,
    outcomes: Outcomes,
    fetched: Fetched,
    /// The references that the agent can never read. Only `--offline` looks for them, because a request reports them otherwise.
    unsupported: Vec<(EntryId, Problem)>,
    inspection: Inspection,
}

impl Checked {
    /// Resolves the plan, with the requests that the options allow. If nothing could be read at all, the report says why. Otherwise the report is
    /// empty.
    fn read(prepared: Prepared, arguments: &CheckArguments, deadline: &Deadline) -> (Self, Report) {
        let mut inspection = Inspection {
            describes: arguments.describe,
            ..Inspection::default()
        };
        let depth = match arguments {
            CheckArguments { offline: true, .. } => CheckDepth::Declaration,
            CheckArguments { metadata: true, .. } => CheckDepth::Metadata,
            CheckArguments { .. } => CheckDepth::Values,
        };
        let read = match depth {
            CheckDepth::Declaration => {
                Ok((resolve_offline(&prepared, deadline), Fetched::default()))
            }
            CheckDepth::Metadata => resolve_metadata(&prepared, &mut inspection, deadline),
            CheckDepth::Values => {
                read_plan(&prepared, Pass::First, deadline, Some(&mut inspection))
            }
        };
        let unsupported = match depth {
            CheckDepth::Declaration => unsupported_by_agent(&prepared, deadline),
            CheckDepth::Metadata | CheckDepth::Values => Vec::new(),
        };
        let (outcomes, fetched, report) = match read {
            Ok((outcomes, fetched)) => (outcomes, fetched, Report::default()),
            Err(report) => (Outcomes::unread(&prepared.plan), Fetched::default(), report),
        };

        // A name that may be a value is not shown by the description of a secret, either.
        for (_, reference) in prepared.plan.references() {
            if let Some(Err(failure)) = fetched.get(&reference.locator)
                && failure.hides_name(reference)
            {
                let hidden = &reference.locator.id;
                inspection.secrets.retain(|secret| secret.id != *hidden);
            }
        }
        let checked = Self {
            prepared,
            depth,
            outcomes,
            fetched,
            unsupported,
            inspection,
        };
        (checked, report)
    }

    /// Returns the problems of the entries, among them the files that could not be written.
    fn problems(&self, files: &Files<'_>) -> Vec<(EntryId, Problem)> {
        let mut problems = self.outcomes.problems();
        problems.extend(self.unsupported.iter().cloned());
        problems.extend(unusable(&self.outcomes, exec::limits()));
        if self.depth != CheckDepth::Declaration {
            problems.extend(files.undeliverable());
        }
        problems
    }

    /// Prints the warnings about files, descriptions and names, and with `--verbose` where each value comes from.
    fn print_notices(&self, files: &Files<'_>) {
        if self.depth != CheckDepth::Declaration {
            terminal::print_notices(report::disk_notices(files.persistent_files()));
        }
        if self.prepared.options.verbose {
            // The table has the values that come from no secret.
            terminal::print(report::secret_notes(&self.outcomes, &self.fetched));
            let overridden = self.outcomes.overridden();
            terminal::print(overridden.map(|(outcome, holder)| override_note(outcome, holder)));
            terminal::print(report::total_note(&self.outcomes, &self.fetched));
        }
        match self.depth {
            CheckDepth::Values => {
                terminal::print_notices(description_warnings(&self.inspection.secrets));
            }
            // A failure of --metadata is already an error of its value.
            CheckDepth::Metadata => {}
            CheckDepth::Declaration => terminal::print_notices(alias_warnings(&self.prepared.plan)),
        }
    }

    /// Returns what the table and the JSON show, apart from the command and the messages.
    fn findings(&self, problems: &[(EntryId, Problem)]) -> Findings {
        let now = SystemTime::now();
        let checked = CheckedValues {
            outcomes: &self.outcomes,
            fetched: &self.fetched,
            cached: &self.inspection.cached,
            problems: by_outcome(problems),
            now,
            depth: self.depth,
        };
        let reads_values = self.depth == CheckDepth::Values;
        let mut findings = Findings::new();
        findings.values_read = reads_values;
        findings.source = match (self.depth, &self.prepared.backend) {
            (CheckDepth::Declaration, _) => None,
            (CheckDepth::Metadata, _) | (CheckDepth::Values, BackendConfig::Aws(_, None)) => {
                Some("aws")
            }
            (CheckDepth::Values, BackendConfig::Aws(_, Some(_))) => Some("agent"),
            (CheckDepth::Values, BackendConfig::Local { .. }) => Some("local"),
        };
        findings.has_cache = reads_values && self.prepared.options.cache.is_some();
        findings.lists_literals = self.prepared.options.verbose;
        findings.caller = self.inspection.caller.clone().map(CheckedCaller::new);
        findings.values = checked.rows();
        findings.overridden = self
            .outcomes
            .overridden()
            .map(|(outcome, holder)| override_object(outcome, holder))
            .collect();
        findings.secrets = self
            .inspection
            .secrets
            .iter()
            .map(|secret| SecretRow::new(secret, now))
            .collect();
        findings
    }

    /// Returns the environment that the command would get. The variable of a file in memory has a short path, which this leaves out.
    fn environment(&self) -> Environment {
        let values = self
            .outcomes
            .variables()
            .map(|variable| (variable.name, variable.value));
        Environment::new(&self.prepared.retained, values)
    }
}

/// Asks AWS, past an agent, whether what the plan names exists, and resolves what needs no value.
///
/// # Errors
/// With `--local`, or when AWS cannot be asked at all.
fn resolve_metadata(
    Prepared { backend, plan, .. }: &Prepared,
    inspection: &mut Inspection,
    deadline: &Deadline,
) -> Result<(Outcomes, Fetched), Report> {
    let BackendConfig::Aws(settings, _) = backend else {
        let text = "check --metadata can't be used with --local, because a local file has values but no metadata";
        return Err(Problem::usage(text).into());
    };
    if let Some(refused) = unknown_template_names(plan) {
        return Ok((refused, Fetched::default()));
    }
    let begun = Instant::now();
    let purpose = Purpose {
        is_unattended: false,
        asks_identity: true,
    };
    // The end of the process closes its connections.
    let mut aws = ManuallyDrop::new(Aws::new((**settings).clone(), purpose, deadline.clone()));
    let answers;
    (answers, inspection.secrets) = block_on(async { Ok(aws.metadata(&plan.locators()).await?) })?;
    inspection.caller = aws.caller();

    let (mut fetched, found): (Fetched, Fetched) =
        answers.into_iter().partition(|(_, answer)| answer.is_err());
    suggest_aliases(&mut fetched, plan);
    let mut outcomes = resolve(plan, &fetched);
    outcomes.requests = deadline.progress().requests();
    outcomes.elapsed = begun.elapsed();
    fetched.extend(found);
    Ok((outcomes, fetched))
}

/// Resolves the entries that don't read a secret.
fn resolve_offline(Prepared { plan, .. }: &Prepared, deadline: &Deadline) -> Outcomes {
    let _awaited = deadline.progress().awaits("the templates".to_owned());
    unknown_template_names(plan).unwrap_or_else(|| resolve(plan, &Fetched::default()))
}

/// Returns an error for each reference that the agent can never read.
fn unsupported_by_agent(
    Prepared { backend, plan, .. }: &Prepared,
    deadline: &Deadline,
) -> Vec<(EntryId, Problem)> {
    let BackendConfig::Aws(settings, Some(agent_settings)) = backend else {
        return Vec::new();
    };
    let agent = Agent::new(
        agent_settings.clone(),
        (**settings).clone(),
        deadline.clone(),
    );
    let answers = agent.unsupported(&plan.locators()).into_iter().collect();
    failed_references(plan, &answers)
}
