//! `secrets-exec check`: resolves every value as a launch would, and prints where each comes from, but no value.

use std::mem::ManuallyDrop;
use std::time::{Instant, SystemTime};

use super::prepare::{BackendConfig, Prepared, prepare};
use super::read::{Inspection, Pass, read_plan};
use super::scope::EntryScope;
use super::worker::{block_on, run};
use crate::backend::agent::Agent;
use crate::backend::aws::{Aws, Purpose};
use crate::deliver::Files;
use crate::exec::{self, Program};
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
use crate::system::systemd::Notifier;

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
    let mut findings = Findings::new();
    let mut report = Report::default();
    let prepared = prepare(inputs, EntryScope::Everything, inherited);
    let mut program = None;
    if let Some(command) = command {
        let found = match &prepared {
            Ok(prepared) => prepared.find(command),
            Err(_) => exec::find(command.program(), inherited.get("PATH")),
        };
        findings.command = Some(CheckedCommand::new(command, &found));
        program = found.map_err(|error| report.append(error.into())).ok();
    }
    match prepared {
        Ok(prepared) => Check {
            command,
            program,
            arguments,
            inherited,
        }
        .run(&prepared, &mut findings, &mut report),
        Err(wrong) => report.append(wrong),
    }
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

struct Check<'a> {
    command: Option<&'a CommandLine>,
    /// `None` if it was not found, or if there is no command.
    program: Option<Program>,
    arguments: CheckArguments,
    inherited: &'a Inherited,
}

impl Check<'_> {
    /// Resolves the values, and adds what it finds to `findings` and every failure to `report`.
    fn run(&self, prepared: &Prepared, findings: &mut Findings, report: &mut Report) {
        let Prepared {
            options,
            retained,
            backend,
            plan,
        } = prepared;
        let mut inspection = Inspection {
            describes: self.arguments.describe,
            ..Inspection::default()
        };
        let depth = match self.arguments {
            CheckArguments { offline: true, .. } => CheckDepth::Declaration,
            CheckArguments { metadata: true, .. } => CheckDepth::Metadata,
            CheckArguments { .. } => CheckDepth::Values,
        };
        let mut unsupported = Vec::new();
        let read = match depth {
            CheckDepth::Declaration => {
                let resolved = self.resolve_offline(prepared);
                resolved.map(|(outcomes, refused)| {
                    unsupported = refused;
                    (outcomes, Fetched::default())
                })
            }
            CheckDepth::Metadata => {
                findings.source = Some("aws");
                self.resolve_metadata(prepared, &mut inspection)
            }
            CheckDepth::Values => {
                findings.values_read = true;
                findings.source = Some(match backend {
                    BackendConfig::Aws(_, None) => "aws",
                    BackendConfig::Aws(_, Some(_)) => "agent",
                    BackendConfig::Local { .. } => "local",
                });
                findings.has_cache = options.cache.is_some();
                run(options, &Notifier::new(self.inherited), |deadline| {
                    read_plan(prepared, Pass::First, deadline, Some(&mut inspection))
                })
            }
        };
        let (outcomes, fetched) = read.unwrap_or_else(|failed| {
            report.append(failed);
            (Outcomes::unread(plan), Fetched::default())
        });
        let Inspection {
            mut secrets,
            cached,
            caller,
            ..
        } = inspection;
        let now = SystemTime::now();
        findings.caller = caller.map(CheckedCaller::new);
        let limits = exec::limits();
        let mut problems = outcomes.problems();
        problems.extend(unsupported);
        problems.extend(unusable(&outcomes, limits));
        if !self.arguments.offline {
            let files = Files::find(outcomes.files());
            terminal::print_notices(report::disk_notices(files.persistent_files()));
            problems.extend(files.undeliverable());
        }

        // A name that may be a value is not shown by the description of a secret, either.
        for (_, reference) in plan.references() {
            if let Some(Err(failure)) = fetched.get(&reference.locator)
                && failure.hides_name(reference)
            {
                secrets.retain(|secret| secret.id != reference.locator.id);
            }
        }
        findings.secrets = secrets
            .iter()
            .map(|secret| SecretRow::new(secret, now))
            .collect();
        for (outcome, holder) in outcomes.overridden() {
            findings.overridden.push(override_object(outcome, holder));
        }
        let checked = CheckedValues {
            outcomes: &outcomes,
            fetched: &fetched,
            cached: &cached,
            problems: by_outcome(&problems),
            now,
            depth,
        };
        findings.values = checked.rows();
        if options.verbose {
            terminal::print(report::provenance(&outcomes, &fetched));
            let overridden = outcomes.overridden();
            terminal::print(overridden.map(|(outcome, holder)| override_note(outcome, holder)));
        }
        // With --metadata a failure is an error of its value.
        if depth == CheckDepth::Values {
            terminal::print_notices(description_warnings(&secrets));
        }
        if self.arguments.offline {
            terminal::print_notices(alias_warnings(plan));
        }
        let program = self.command.map_or("the command".into(), |command| {
            command.program().to_string_lossy()
        });
        report.append(Report::of_values(
            problems,
            format!("{program} would not be started"),
        ));
        if report.is_empty() {
            // A file's variable has a short path.
            let values = outcomes
                .variables()
                .map(|variable| (variable.name, variable.value));
            let environment = Environment::new(retained, values);
            let launched = self
                .command
                .zip(self.program.as_ref().map(Program::as_path));
            report.extend(environment.expect_fit(launched, limits).err());
        }
    }

    /// Asks AWS, past an agent, whether what the plan names exists, and resolves what needs no value.
    fn resolve_metadata(
        &self,
        Prepared {
            options,
            backend,
            plan,
            ..
        }: &Prepared,
        inspection: &mut Inspection,
    ) -> Result<(Outcomes, Fetched), Report> {
        let BackendConfig::Aws(settings, _) = backend else {
            let text = "check --metadata and --local exclude each other: a local file has nothing but values";
            return Err(Problem::usage(text).into());
        };
        let begun = Instant::now();
        run(options, &Notifier::new(self.inherited), |deadline| {
            if let Some(refused) = unknown_template_names(plan) {
                return Ok((refused, Fetched::default()));
            }
            let purpose = Purpose {
                is_unattended: false,
                asks_identity: true,
            };
            // The end of the process closes its connections.
            let mut aws =
                ManuallyDrop::new(Aws::new((**settings).clone(), purpose, deadline.clone()));
            let answers;
            (answers, inspection.secrets) =
                block_on(async { Ok(aws.metadata(&plan.locators()).await?) })?;
            inspection.caller = aws.caller();
            let (mut fetched, found): (Fetched, Fetched) =
                answers.into_iter().partition(|(_, answer)| answer.is_err());
            suggest_aliases(&mut fetched, plan);
            let mut outcomes = resolve(plan, &fetched);
            outcomes.requests = deadline.progress().requests();
            outcomes.elapsed = begun.elapsed();
            fetched.extend(found);
            Ok((outcomes, fetched))
        })
    }

    /// Resolves the entries that don't read a secret, and returns an error for each reference that the agent can never read.
    fn resolve_offline(
        &self,
        Prepared {
            options,
            backend,
            plan,
            ..
        }: &Prepared,
    ) -> Result<(Outcomes, Vec<(EntryId, Problem)>), Report> {
        run(options, &Notifier::new(self.inherited), |deadline| {
            let _awaited = deadline.progress().awaits("the templates".to_owned());
            let outcomes =
                unknown_template_names(plan).unwrap_or_else(|| resolve(plan, &Fetched::default()));
            let mut unsupported = Vec::new();
            if let BackendConfig::Aws(settings, Some(agent_settings)) = backend {
                let agent = Agent::new(
                    agent_settings.clone(),
                    (**settings).clone(),
                    deadline.clone(),
                );
                let answers = agent.unsupported(&plan.locators()).into_iter().collect();
                unsupported = failed_references(plan, &answers);
            }
            Ok((outcomes, unsupported))
        })
    }
}
