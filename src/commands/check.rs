//! `secrets-exec check`: resolves every value as a launch would, and prints where each comes from, but no value.

use std::path::PathBuf;
use std::time::SystemTime;

use super::prepare::{BackendConfig, Prepared, prepare, prepare_and_find};
use super::read::{Examined, read};
use super::scope::EntryScope;
use super::values::{print_disk_notices, unusable};
use super::wait::ThisProcess;
use crate::backend::agent::Agent;
use crate::deliver::Files;
use crate::exec::{self, Program};
use crate::input::cli::{CheckArguments, Inputs};
use crate::model::answer::Fetched;
use crate::model::command_line::CommandLine;
use crate::model::entry::{FilePlace, FileTarget};
use crate::model::env_name::EnvName;
use crate::model::environment::{Environment, Limits};
use crate::model::inherited::Inherited;
use crate::model::options::Options;
use crate::model::plan::Plan;
use crate::model::problem::Problem;
use crate::model::resolved::FileValue;
use crate::report::check::{
    CheckedCaller, CheckedCommand, CheckedValues, Findings, SecretRow, alias_warnings, description_warnings,
    override_notes, override_object, overrides, rows, text,
};
use crate::report::{self, Report, terminal};
use crate::resolve::{Resolution, failed_references, resolve_offline};
use crate::system::signals;
use crate::time::deadline::Deadline;

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
    let (prepared, program) = match command {
        None => (prepare(inputs, EntryScope::Everything, inherited), None),
        Some(command) => {
            let (prepared, found) = prepare_and_find(inputs, command, inherited);
            findings.command = Some(CheckedCommand::new(command, &found));
            let found = found.map_err(|error| report.append(error.into()));
            (prepared, found.ok())
        }
    };
    match prepared {
        Ok(prepared) => Check { command, program, arguments, inherited }.run(prepared, &mut findings, &mut report),
        Err(wrong) => report.append(wrong),
    }
    let printed = if arguments.json {
        let rendered = report.render();
        findings.ok = report.is_empty();
        findings.exit_status = if report.is_empty() { 0 } else { rendered.exit_status };
        findings.messages = terminal::objects(rendered.records());
        findings.json()
    } else {
        text(&findings)
    };
    signals::release();
    report.extend(terminal::print(&printed).err());
    report.check()
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
    fn run(&self, prepared: Prepared, findings: &mut Findings, report: &mut Report) {
        let Prepared { options, retained, backend, plan } = prepared;
        let mut fetched = Fetched::default();
        let mut examined = Examined { describes: self.arguments.describe, ..Examined::default() };
        let mut outcome = if self.arguments.offline {
            offline(backend, &options, &plan)
        } else {
            findings.source = Some(source(&backend));
            findings.has_cache = options.cache.is_some();
            let read = self.read(backend, &options, &plan, &mut fetched, &mut examined);
            read.map_err(|failed| report.append(failed)).unwrap_or_default()
        };
        let Examined { secrets, cached, caller, .. } = examined;
        let now = SystemTime::now();
        findings.caller = caller.map(CheckedCaller::new);
        findings.secrets = secrets.iter().map(|secret| SecretRow::new(secret, now)).collect();
        let limits = exec::limits();
        let mut undeliverable = unusable(&outcome.resolved, limits);
        let files = std::mem::take(&mut outcome.resolved.files);
        let paths: Vec<_> = files.iter().filter_map(|file| variable_and_path(&file.target)).collect();
        undeliverable.extend(self.undeliverable(files, &options));
        let overridden = overrides(&plan, &outcome.resolved);
        findings.overridden = overridden.iter().map(|entry| override_object(entry)).collect();
        let problems = [outcome.errors.clone(), undeliverable.clone()].concat();
        findings.values = rows(&CheckedValues {
            plan: &plan,
            resolved: &outcome.resolved,
            fetched: &fetched,
            cached: &cached,
            problems: &problems,
            now,
            is_offline: self.arguments.offline,
        });
        if options.verbose {
            terminal::print_records(report::provenance(&outcome.resolved, &fetched));
            terminal::print_records(override_notes(&overridden));
        }
        if !options.quiet {
            terminal::print_records(description_warnings(&secrets));
            terminal::print_records(self.arguments.offline.then(|| alias_warnings(&plan)).into_iter().flatten());
        }
        let program = self.command.map_or("the command".into(), |command| command.program().to_string_lossy());
        let Resolution { resolved, errors, .. } = outcome;
        report.append(Report::of_values(errors, undeliverable, format!("{program} would not be started")));
        if report.is_empty() {
            let paths = paths.iter().map(|(name, path)| (name, path.as_path()));
            let environment = Environment::new(retained, &resolved.variables, paths);
            report.extend(self.check_size(&environment, limits).err());
        }
    }

    fn read(
        &self,
        backend: BackendConfig,
        options: &Options,
        plan: &Plan,
        fetched: &mut Fetched,
        examined: &mut Examined,
    ) -> Result<Resolution, Report> {
        if let (true, Some(option), false) = (examined.describes, describes_nothing(&backend), options.quiet) {
            terminal::print_records([report::not_described(option)]);
        }
        read(backend, options, plan, &ThisProcess::new(self.inherited), fetched, Some(examined))
    }

    /// Returns the reasons, known without writing any file, why the files cannot be delivered here.
    fn undeliverable(&self, files: Vec<FileValue>, options: &Options) -> Vec<Problem> {
        if self.arguments.offline {
            return Vec::new();
        }
        let files = Files::find(files);
        print_disk_notices(&files, options);
        files.undeliverable()
    }

    fn check_size(&self, environment: &Environment, limits: Limits) -> Result<(), Problem> {
        environment.check(self.command.zip(self.program.as_ref().map(Program::as_path)), limits)
    }
}

/// Resolves what needs no request, and fails what the agent can never read.
fn offline(backend: BackendConfig, options: &Options, plan: &Plan) -> Resolution {
    let mut outcome = resolve_offline(plan);
    if let BackendConfig::Agent(settings, agent_settings) = backend {
        let agent = Agent::new(agent_settings, *settings, Deadline::new(options.timeout));
        let answers = agent.unsupported(&plan.locators()).into_iter().collect();
        outcome.errors.extend(failed_references(plan, &answers));
    }
    outcome
}

fn source(backend: &BackendConfig) -> &'static str {
    match backend {
        BackendConfig::Aws(_) => "aws",
        BackendConfig::Agent(..) => "agent",
        BackendConfig::Local { .. } => "local",
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
        FilePlace::Memory => PathBuf::from("/proc/self/fd/100"),
        FilePlace::Path(path) => path.clone(),
    };
    Some((env.clone()?, path))
}
