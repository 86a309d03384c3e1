//! `secrets-exec check`: resolves every value as a launch would, and prints where each comes from, but no value.

use std::path::PathBuf;
use std::time::SystemTime;

use super::prepare::{BackendConfig, Prepared, prepare, prepare_and_find};
use super::read::{read, read_and_describe};
use crate::deliver::{DeliverError, Files, inspect};
use crate::exec::{self, Program};
use crate::input::cli::Inputs;
use crate::model::answer::{DescribedSecret, Fetched};
use crate::model::command_line::CommandLine;
use crate::model::entry::{FileTarget, Place};
use crate::model::env_name::EnvName;
use crate::model::environment::{Environment, check_variable};
use crate::model::inherited::Inherited;
use crate::model::options::{CheckOptions, Options};
use crate::model::plan::Plan;
use crate::model::resolved::FileValue;
use crate::report::check::{
    CheckedCommand, CheckedSource, Findings, Medium, Values, description_warnings, json, override_notes, overrides,
    rows, text,
};
use crate::report::{self, Failure, Report, terminal};
use crate::resolve::{Outcome, resolve_offline};

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
        None => (prepare(inputs, inherited), None),
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
        let terminal = terminal::output_terminal();
        let is_coloured = terminal.is_some_and(|(_, wants_colours)| wants_colours);
        text(&findings, Medium { width: terminal.map(|(width, _)| width), is_coloured })
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
        let mut fetched = Fetched::default();
        let mut outcome = if self.checked.offline {
            resolve_offline(&plan)
        } else {
            findings.source = source(&backend);
            match self.read(backend, &options, &plan, &mut fetched) {
                Ok((outcome, secrets)) => {
                    findings.secrets = secrets;
                    outcome
                }
                Err(failed) => {
                    report.append(failed);
                    Outcome::default()
                }
            }
        };
        let limits = exec::limits();
        let variables = outcome.resolved.variables.iter();
        let unusable = variables.filter_map(|variable| Some((variable.entry, check_variable(variable, limits)?)));
        let unusable: Vec<_> = unusable.collect();
        let files = std::mem::take(&mut outcome.resolved.files);
        let paths: Vec<_> = files.iter().filter_map(|file| variable_and_path(&file.target)).collect();
        let undeliverable = self.inspect(files, &options);
        findings.overrides = overrides(&plan, &outcome.resolved);
        let values = Values {
            plan: &plan,
            outcome: &outcome,
            fetched: &fetched,
            overrides: &findings.overrides,
            unusable: &unusable,
            undeliverable: &undeliverable,
        };
        findings.rows = rows(&values);
        if options.verbose {
            terminal::print_lines(report::provenance(&outcome.resolved, &fetched));
            terminal::print_lines(override_notes(&findings.overrides));
        }
        if !options.quiet {
            terminal::print_lines(description_warnings(&findings.secrets));
        }
        let program = self.command.map_or("the command".into(), |command| command.program().to_string_lossy());
        let Outcome { resolved, errors } = outcome;
        let unusable = unusable.into_iter().map(|(_, error)| error).collect();
        report.append(Report::of_values(errors, unusable, &plan, &format!("{program} would not be started")));
        report.extend(undeliverable, Failure::Deliver);
        if let (Some(command), Some(program), true) = (self.command, &self.program, report.is_empty()) {
            let paths = paths.iter().map(|(name, path)| (name, path.as_path()));
            let environment = Environment::new(retained, &resolved.variables, paths);
            report.extend(environment.check(command, program.as_path(), limits).err(), Failure::Environment);
        }
    }

    fn read(
        &self,
        backend: BackendConfig,
        options: &Options,
        plan: &Plan,
        fetched: &mut Fetched,
    ) -> Result<(Outcome, Vec<DescribedSecret>), Report> {
        if !self.checked.describe {
            return read(backend, options, plan, self.inherited, fetched).map(|outcome| (outcome, Vec::new()));
        }
        if let (Some(why), false) = (undescribed(&backend), options.quiet) {
            terminal::print_lines([report::not_described(why)]);
        }
        read_and_describe(backend, options, plan, self.inherited, fetched)
    }

    /// Checks whether the files could be delivered here, without writing any.
    fn inspect(&self, files: Vec<FileValue>, options: &Options) -> Vec<DeliverError> {
        if self.checked.offline {
            return Vec::new();
        }
        let files = Files::find(files);
        if !options.quiet {
            let persistent = files.persistent_files();
            terminal::print_lines(persistent.map(|(path, origin)| report::disk_notice(path, origin)));
        }
        inspect(files)
    }
}

fn source(backend: &BackendConfig) -> CheckedSource {
    match backend {
        BackendConfig::Aws(_) => CheckedSource::Aws,
        BackendConfig::Agent(..) => CheckedSource::Agent,
        BackendConfig::Local { .. } => CheckedSource::Local,
    }
}

/// Returns the option with which no secret can be described.
fn undescribed(backend: &BackendConfig) -> Option<&'static str> {
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
