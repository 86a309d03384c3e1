//! `secrets-exec check`: resolves every value as a launch would, and prints where each comes from, but no value.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::SystemTime;

use super::prepare::{BackendConfig, Prepared, Scope, prepare, prepare_and_find};
use super::read::{Examined, read_and_examine};
use super::values::{print_disk_notices, unusable};
use crate::backend::agent::Agent;
use crate::deliver::{DeliverError, Files, undeliverable};
use crate::exec::{self, Program};
use crate::input::cli::Inputs;
use crate::model::answer::Fetched;
use crate::model::command_line::CommandLine;
use crate::model::entry::{FileTarget, Place};
use crate::model::env_name::EnvName;
use crate::model::environment::{Environment, EnvironmentError, Limits};
use crate::model::inherited::Inherited;
use crate::model::options::{CheckOptions, Options};
use crate::model::plan::Plan;
use crate::model::resolved::{FileValue, Resolved};
use crate::report::check::{
    CheckedCommand, CheckedSource, Findings, Values, alias_warnings, description_warnings, json, override_notes,
    overrides, rows, text,
};
use crate::report::{self, CredentialFailure, Failure, Report, terminal};
use crate::resolve::{Outcome, resolve_offline, unsupported};
use crate::time::deadline::Deadline;

/// Prints a table of the variables and files, or JSON.
///
/// # Errors
/// Every reason why a launch would not run.
pub fn check(
    inputs: Inputs,
    command: Option<&CommandLine>,
    checked: CheckOptions,
    inherited: &Inherited,
) -> Result<(), Report> {
    let mut findings = Findings::new(SystemTime::now());
    let mut report = Report::default();
    let (prepared, program) = match command {
        None => (prepare(inputs, Scope::Everything, inherited), None),
        Some(command) => {
            let (prepared, found) = prepare_and_find(inputs, command, inherited);
            findings.command = Some(CheckedCommand::new(command, &found));
            let found = found.map_err(|error| report.append(Failure::program(command, error).into()));
            (prepared, found.ok())
        }
    };
    match prepared {
        Ok(prepared) => Check { command, program, checked, inherited }.run(prepared, &mut findings, &mut report),
        Err(wrong) => report.append(wrong),
    }
    let printed = if checked.json {
        let rendered = report.render();
        let exit_status = if report.is_empty() { 0 } else { rendered.exit_status };
        json(&findings, &rendered.lines, exit_status)
    } else {
        text(&findings, terminal::is_output_coloured())
    };
    report.extend(terminal::print(&printed).err(), Failure::Output);
    report.check()
}

struct Check<'a> {
    command: Option<&'a CommandLine>,
    /// `None` if it was not found, or if there is no command.
    program: Option<Program>,
    checked: CheckOptions,
    inherited: &'a Inherited,
}

impl Check<'_> {
    /// Resolves the values, and adds what it finds to `findings` and every failure to `report`.
    fn run(&self, prepared: Prepared, findings: &mut Findings, report: &mut Report) {
        let Prepared { options, retained, backend, plan } = prepared;
        let (mut fetched, mut cached) = (Fetched::default(), BTreeMap::new());
        let mut outcome = if self.checked.offline {
            offline(backend, &options, &plan)
        } else {
            findings.source = source(&backend);
            let read = self.read(backend, &options, &plan, &mut fetched);
            let (outcome, examined) = read.map_err(|failed| report.append(failed)).unwrap_or_default();
            findings.secrets = examined.secrets;
            cached = examined.cached;
            findings.has_cache = options.cache.is_some();
            outcome
        };
        let limits = exec::limits();
        let unusable = unusable(&outcome.resolved, limits);
        let files = std::mem::take(&mut outcome.resolved.files);
        let paths: Vec<_> = files.iter().filter_map(|file| variable_and_path(&file.target)).collect();
        let undeliverable = self.undeliverable(files, &options);
        findings.overrides = overrides(&plan, &outcome.resolved);
        findings.rows = rows(&Values {
            plan: &plan,
            outcome: &outcome,
            fetched: &fetched,
            cached: &cached,
            overrides: &findings.overrides,
            unusable: &unusable,
            undeliverable: &undeliverable,
        });
        self.print_notes(&options, &plan, &outcome.resolved, &fetched, findings);
        let program = self.command.map_or("the command".into(), |command| command.program().to_string_lossy());
        let Outcome { resolved, errors } = outcome;
        let unusable = unusable.into_iter().map(|(_, error)| error).collect();
        report.append(Report::of_values(errors, unusable, &plan, format!("{program} would not be started")));
        report.extend(undeliverable, Failure::Deliver);
        report.extend(resolved.credentials.iter().filter_map(CredentialFailure::of_value), Failure::Credential);
        if report.is_empty() {
            let paths = paths.iter().map(|(name, path)| (name, path.as_path()));
            let environment = Environment::new(retained, &resolved.variables, paths);
            report.extend(self.check_size(&environment, limits).err(), Failure::Environment);
        }
    }

    fn read(
        &self,
        backend: BackendConfig,
        options: &Options,
        plan: &Plan,
        fetched: &mut Fetched,
    ) -> Result<(Outcome, Examined), Report> {
        let describe = self.checked.describe;
        if let (true, Some(option), false) = (describe, describes_nothing(&backend), options.quiet) {
            terminal::print_lines([report::not_described(option)]);
        }
        read_and_examine(backend, options, plan, self.inherited, fetched, describe)
    }

    /// Returns the reasons, known without writing any file, why the files cannot be delivered here.
    fn undeliverable(&self, files: Vec<FileValue>, options: &Options) -> Vec<DeliverError> {
        if self.checked.offline {
            return Vec::new();
        }
        let files = Files::find(files);
        print_disk_notices(&files, options);
        undeliverable(files)
    }

    fn print_notes(&self, options: &Options, plan: &Plan, resolved: &Resolved, fetched: &Fetched, findings: &Findings) {
        if options.verbose {
            terminal::print_lines(report::provenance(resolved, fetched));
            terminal::print_lines(override_notes(&findings.overrides));
        }
        if !options.quiet {
            terminal::print_lines(description_warnings(&findings.secrets));
        }
        if !options.quiet && self.checked.offline {
            terminal::print_lines(alias_warnings(plan));
        }
    }

    fn check_size(&self, environment: &Environment, limits: Limits) -> Result<(), EnvironmentError> {
        match (self.command, &self.program) {
            (Some(command), Some(program)) => environment.check(command, program.as_path(), limits),
            (_, _) => environment.check_alone(limits),
        }
    }
}

/// Resolves what needs no request, and fails what the agent can never read.
fn offline(backend: BackendConfig, options: &Options, plan: &Plan) -> Outcome {
    let mut outcome = resolve_offline(plan);
    if let BackendConfig::Agent(settings, agent_settings) = backend {
        let agent = Agent::new(agent_settings, *settings, Deadline::new(options.timeout, None));
        let answers = agent.unsupported_offline(&plan.locators()).into_iter().collect();
        outcome.errors.extend(unsupported(plan, &answers).errors);
    }
    outcome
}

fn source(backend: &BackendConfig) -> CheckedSource {
    match backend {
        BackendConfig::Aws(_) => CheckedSource::Aws,
        BackendConfig::Agent(..) => CheckedSource::Agent,
        BackendConfig::Local { .. } => CheckedSource::Local,
    }
}

/// Returns the option with which no secret can be described.
fn describes_nothing(backend: &BackendConfig) -> Option<&'static str> {
    match backend {
        BackendConfig::Agent(_, settings) if !settings.has_fallback => Some("--agent"),
        BackendConfig::Aws(_) | BackendConfig::Agent(..) => None,
        BackendConfig::Local { .. } => Some("--local"),
    }
}

/// Returns the variable that would hold the path of a file; the number of a descriptor has three digits.
fn variable_and_path(FileTarget { env, place, .. }: &FileTarget) -> Option<(EnvName, PathBuf)> {
    let path = match place {
        Place::Memory => PathBuf::from("/proc/self/fd/100"),
        Place::Path(path) => path.clone(),
    };
    Some((env.clone()?, path))
}
