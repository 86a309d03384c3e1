//! Merges the command line, environment variables and declarations into the options, AWS's settings
//! and the plan. The plan contains only the entries that the task needs.
//!
//! ```text
//! Inputs ── merge, which reads the declarations ─▶ Merged ── plan ─▶ Prepared, and the notices
//! ```
//!
//! Nothing here sends a request. It runs on the worker thread, because a declaration can be on a
//! file system that hangs.

use std::mem::take;

use super::task::Task;
use super::worker::{self, apply_options};
use crate::backend::aws::{Purpose, Settings, remove_empty_variables};
use crate::exec::{self, Program};
use crate::input::cli::Inputs;
use crate::input::declaration::{DeclarationChoice, Sections, alias_warning, load_declarations};
use crate::input::inherited::{
    has_unmatched_reference, inherited_layer, retention_warnings, unresolved_warnings,
};
use crate::model::environment::{CommandLine, Inherited};
use crate::model::message::{Place, Placed, Problem};
use crate::model::options::{LogFormat, Options, SourceOption};
use crate::model::plan::{Layer, Plan};
use crate::model::url::HttpUrl;
use crate::report::{
    self, Label, Record, Report,
    terminal::{self, Patience},
    value_or_add,
};
use crate::system::systemd::Notifier;
use crate::time::Deadline;

/// Everything that a task needs before its first request.
pub(super) struct Prepared {
    pub task: Task,
    pub options: Options,
    /// The settings for AWS. Empty with `--local`.
    pub settings: Settings,
    pub has_quiet_flag: bool,
    /// The host to which a declaration sends the requests, if the user should know
    /// ([`declared_host`]).
    pub declared_host: Option<Placed<HttpUrl>>,
    pub plan: Plan,
}

/// All inputs, after the declarations have been read.
struct Merged {
    options: Options,
    inputs: Inputs,
    layers: Vec<Layer>,
    /// The names of the declarations, for messages.
    declarations: Vec<String>,
    task: Task,
}

/// Prepares the inputs, and runs `work` with the result. Both happen on the worker thread
/// ([`worker::run`]), which reports a long wait to the service manager.
///
/// Empty variables that the AWS SDK would use are first removed from the environment.
pub(super) fn run_prepared<T: Send>(
    inputs: Inputs,
    task: Task,
    inherited: &Inherited,
    work: impl FnOnce(Prepared, &Deadline) -> Result<T, Report> + Send,
) -> Result<T, Report> {
    // This changes the environment of the process, so there must not be a second thread yet.
    // Looking for an empty variable first only saves time.
    if inherited.iter().any(|(_, value)| value.is_empty()) {
        remove_empty_variables(inherited);
    }
    // These options apply until `prepare` adds those in the declarations.
    let options = inputs.options.to_options(inherited);
    worker::run(&options, &Notifier::new(inherited), |deadline| {
        work(prepare(inputs, task, inherited, deadline)?, deadline)
    })
}

/// Reads the declarations, makes the plan, and prints the notices about the inputs. From here on,
/// the declarations' options apply to the deadline and to messages.
fn prepare(
    inputs: Inputs,
    task: Task,
    inherited: &Inherited,
    deadline: &Deadline,
) -> Result<Prepared, Report> {
    let _awaited = deadline.progress.awaits("the declarations".to_owned());
    let merged = merge(inputs, task, inherited);
    apply_options(&merged.options, deadline);
    let (notices, planned) = merged.plan(inherited);
    terminal::print(Patience::Usual, notices);
    planned
}

/// Collects all errors in `Merged::inputs` instead of returning the first one. [`Merged::plan`]
/// adds its own errors, and reports all of them together.
fn merge(mut inputs: Inputs, task: Task, inherited: &Inherited) -> Merged {
    let sections = if task.reads_entries {
        Sections::All
    } else {
        Sections::OptionsAndAliases
    };
    let declarations = load_declarations(&inputs.declarations, sections);
    inputs.errors.extend(declarations.errors);

    // Options on the command line and in variables override those in declarations, and a later
    // layer overrides an earlier one.
    inputs.options = take(&mut inputs.options).over(declarations.options);
    let mut options = inputs.options.to_options(inherited);
    let mut layers = declarations.layers;
    if !inputs.resolve_env.is_empty() {
        // `unset` overrides `--resolve-env`, and `--resolve-env` overrides `--clean-env`.
        let resolvable = options.retention.without_clean().retained(inherited);
        let layer = inherited_layer(&resolvable, &inputs.resolve_env);
        layers.extend(value_or_add(layer, &mut inputs.errors));
    }
    layers.push(take(&mut inputs.layer));

    inputs.errors.extend(inputs.options.unmet_requirements());
    if !task.is_for_command {
        options.rotation = None;
    }
    Merged {
        options,
        inputs,
        layers,
        declarations: declarations.names,
        task,
    }
}

impl Merged {
    /// Makes the notices about the inputs. Takes those found during parsing out of `self`.
    fn input_notices(&mut self, inherited: &Inherited) -> Vec<Record> {
        let Self {
            options,
            inputs,
            layers,
            ..
        } = self;
        let mut notices = Vec::from_iter(inputs.declarations.note(&inputs.errors));
        for notice in take(&mut inputs.options.notices) {
            // Notes about options that are turned off need `--verbose`.
            if options.verbose || notice.parts().label == Label::Warning {
                notices.push(notice);
            }
        }
        notices.append(&mut inputs.warnings);
        // After an error, warnings could be wrong: for example, an invalid pattern is missing from
        // `resolve_env`, and `--clean-env` may be missing from the options.
        if !inputs.errors.is_empty() {
            return notices;
        }
        let has_command = self.task.is_for_command;
        let patterns = &inputs.resolve_env;
        if has_command || !patterns.is_empty() {
            notices.extend(unresolved_warnings(inherited, patterns, options, layers));
        }
        // Only a command gets the inherited variables.
        if has_command {
            notices.extend(retention_warnings(
                &inputs.options,
                &options.retention,
                inherited,
                layers,
            ));
        }
        notices
    }

    /// Makes the plan, or reports all errors in the inputs and in AWS's environment variables.
    /// Either way, also returns the notices.
    fn plan(mut self, inherited: &Inherited) -> (Vec<Record>, Result<Prepared, Report>) {
        let mut notices = self.input_notices(inherited);
        let mut errors = take(&mut self.inputs.errors);
        let Self {
            options,
            inputs,
            layers,
            declarations,
            task,
        } = self;
        let retained = options.retention.retained(inherited);
        // A task without entries fails. With `--resolve-env`, only `check` and `policy` do, because
        // a general-purpose image can set `--resolve-env '*'` although no variable contains a
        // reference. But if a variable contains a reference that no pattern matches, every task
        // fails: the command would get the reference's text as its password.
        let is_warned = task.is_for_command || !inputs.resolve_env.is_empty();
        let has_reference = is_warned && has_unmatched_reference(&inputs.resolve_env, &retained);
        let needs_entries = inputs.resolve_env.is_empty() || task.needs_entries || has_reference;
        let is_empty = layers.iter().all(|layer| layer.entries.is_empty());
        if errors.is_empty() && is_empty && needs_entries {
            let problem = inputs.no_entry_problem(&declarations);
            errors.push(if has_reference {
                problem.without_help()
            } else {
                problem
            });
        }

        let aws = inputs.options.aws();
        let purpose = Purpose {
            asks_identity: task.prints_table,
            is_unattended: options.rotation.is_some() && !task.is_attended,
        };
        let settings = Settings::new(aws, &options.source, purpose, inherited);
        let settings = value_or_add(settings, &mut errors);
        let unused_aliases = if task.is_for_command {
            alias_warning(&layers, task.prints_table, inherited)
        } else {
            None
        };
        let planned = Plan::new(layers, inherited, retained, options.keep_existing);
        let plan = value_or_add(planned, &mut errors);
        if let (Some(mut settings), Some(plan)) = (settings, plan) {
            settings.set_alias_regions(plan.alias_regions());
            errors.extend(plan.useless_signal_problem(&options));
            if errors.is_empty() {
                notices.extend(settings.endpoint_note(&plan.locators()));
                let is_found = matches!(inputs.declarations, DeclarationChoice::InWorkingDirectory);
                let declared_host = declared_host(&options, &settings, is_found);
                if let Some(Placed { value, place }) = &declared_host {
                    let text = format!("secrets are requested from {} ({place})", value.text());
                    let is_hidden = inputs.has_quiet_flag && options.log_format == LogFormat::Text;
                    if !is_found {
                        notices.push(Record::note(text).event("endpoint").detail());
                    } else if !is_hidden {
                        notices.push(Record::warning(text).event("endpoint").ignoring_quiet());
                    }
                }
                // Warn about unused aliases only if there are no errors, because an entry with an
                // error may be the one that uses the alias.
                notices.extend(unused_aliases);
                // The table of `check` shows the entries that are left out.
                if !task.prints_table {
                    notices.extend(report::left_out_notes(&plan));
                }
                let prepared = Prepared {
                    task,
                    options,
                    settings,
                    has_quiet_flag: inputs.has_quiet_flag,
                    declared_host,
                    plan,
                };
                return (notices, Ok(prepared));
            }
        }
        (notices, Err(errors.into()))
    }
}

/// The host that a declaration chose, if the user should know it: any host if the declaration was
/// found in the working directory (`is_found`), because nobody named it. Otherwise, a host other
/// than this machine and AWS.
fn declared_host(
    options: &Options,
    settings: &Settings,
    is_found: bool,
) -> Option<Placed<HttpUrl>> {
    let host = match &options.source {
        SourceOption::Aws => settings.options.endpoint_url.as_ref()?,
        SourceOption::Agent(url) => url,
        SourceOption::Local(_) => return None,
    };
    let is_declared = matches!(host.place, Place::Declaration { .. });
    if !is_declared || !is_found && host.value.is_here_or_aws() {
        return None;
    }
    Some(host.clone())
}

impl Prepared {
    /// Turns a launch into a poll. A poll ignores `--wait`, because the next poll follows anyway.
    /// It also ignores fallback regions, because their values may be older than those that the
    /// command already has.
    pub fn for_poll(mut self) -> Self {
        self.task = Task::poll(self.settings.remove_fallback_regions());
        self.options.wait = None;
        self
    }

    /// Finds the program in the PATH that the command will get. This PATH is either a literal in
    /// the plan or an inherited variable, because a secret can't set PATH.
    pub fn find_program(&self, command: &CommandLine) -> Result<Program, Problem> {
        let path = self
            .plan
            .literal("PATH")
            .map(AsRef::as_ref)
            .or_else(|| self.plan.retained.get("PATH"));
        exec::find_program(command.program(), path)
    }
}
