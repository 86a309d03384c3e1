//! Merges what a user has set on the command line, in environment variables and in declarations
//! into the options, AWS's settings and the plan. The plan contains only the entries that the
//! launch or subcommand needs.
//!
//! ```text
//! Inputs ── merge, which reads the declarations ─▶ Merged ── plan ─▶ Prepared, and the notices to print
//! ```
//!
//! No request is sent here. All of this happens on the worker thread, because a declaration can be
//! on a file system that hangs.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::mem::take;
use std::path::Path;

use glob::{MatchOptions, Pattern};

use super::worker::apply_options;
use crate::backend::aws::Settings;
use crate::exec::{self, Program};
use crate::input::cli::Inputs;
use crate::input::declaration::{
    DeclarationChoice, DeclarationsNamedBy, Sections, load_declarations, missing_declaration_help,
    replaced_declaration,
};
use crate::input::env_references::{inherited_layer, is_space_or_quote, unresolved_warnings};
use crate::model::entry::{OnMissing, Source};
use crate::model::environment::{CommandLine, Inherited, PlacedPattern, Retention, matches_any};
use crate::model::fault::is_one_letter_away;
use crate::model::options::{OnRotation, Options};
use crate::model::plan::{Layer, Plan};
use crate::model::problem::Problem;
use crate::model::reference::{Reference, optional_variable};
use crate::model::shown::{shown, some_of};
use crate::report::account::CheckDepth;
use crate::report::{self, Label, Record, Report, terminal};
use crate::time::Deadline;

/// The merged inputs of a launch or subcommand.
pub(super) struct Prepared {
    pub task: Task,
    pub options: Options,
    /// AWS's settings. They are empty with `--local`.
    pub settings: Settings,
    pub has_quiet_flag: bool,
    pub plan: Plan,
}

/// The launch or subcommand, which decides which inputs matter, and what is read and printed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Task {
    Launch,
    /// A launch in a forked process (a trial) that finds out whether secrets have changed, while the
    /// command is already running with `--on-rotation`. It doesn't repeat the warnings of the first
    /// start. It never uses a stored answer, however new it is, and only stores AWS's answers for
    /// the next launch, so it can do without the cache.
    Poll,
    /// Checks everything that a launch uses, and prints who the caller is.
    Check(CheckDepth),
    /// Covers everything that a launch uses.
    Policy,
    /// Prints the variables of a launch.
    Export,
    /// Prints only the value that its argument refers to. It uses the options and aliases of the
    /// declarations, but none of their entries, so that a mistake in one of them doesn't matter.
    Get,
}

impl Task {
    /// True for a launch, and for `check`, which checks a launch. Only a launch has a command that
    /// gets the inherited variables and can be restarted.
    fn is_for_launch(self) -> bool {
        matches!(self, Self::Launch | Self::Poll | Self::Check(_))
    }

    pub fn is_check(self) -> bool {
        matches!(self, Self::Check(_))
    }
}

/// The inputs of a launch or subcommand after the declarations have been read.
struct Merged {
    /// The options of all places.
    options: Options,
    inputs: Inputs,
    layers: Vec<Layer>,
    /// The names of the declarations that were read, for messages.
    declarations: Vec<String>,
    task: Task,
}

/// Merges the inputs, and applies the options of the declarations to the deadline and to everything
/// that is printed. Makes the plan, and prints the warnings and notes that come before the first
/// request.
///
/// # Errors
/// If the inputs have errors.
pub(super) fn prepare(
    inputs: Inputs,
    task: Task,
    inherited: &Inherited,
    deadline: &Deadline,
) -> Result<Prepared, Report> {
    let _awaited = deadline.progress.awaits("the declarations".to_owned());
    let merged = merge(inputs, task, inherited);
    apply_options(&merged.options, deadline);
    let (notices, planned) = merged.plan(inherited);
    terminal::print_unless_hidden(notices);
    planned
}

/// Reads the declarations, and merges them with the other inputs. The errors are kept in the
/// result, so that [`Merged::plan`] can report them together with its own.
fn merge(mut inputs: Inputs, task: Task, inherited: &Inherited) -> Merged {
    let sections = if task == Task::Get {
        Sections::OptionsAndAliases
    } else {
        Sections::All
    };
    let declarations = load_declarations(&inputs.declarations, sections);
    inputs.errors.extend(declarations.errors);

    // Options on the command line and in variables win over every declaration, and a later layer
    // overrides an earlier one.
    inputs.options = take(&mut inputs.options).over(declarations.options);
    let mut layers = declarations.layers;
    if !inputs.resolve_env.is_empty() {
        let layer = inherited_layer(inherited, &inputs.resolve_env);
        layers.extend(value_or_add(layer, &mut inputs.errors));
    }
    layers.push(take(&mut inputs.layer));

    inputs.errors.extend(inputs.options.unmet_requirements());
    let mut options = inputs.options.to_options(inherited);
    if !task.is_for_launch() {
        // Only a launch has a command that can be restarted.
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
    /// Makes the plan, or finds all errors in the inputs and in AWS's variables. Also returns the
    /// warnings and notes about the inputs and, without an error, about the plan.
    fn plan(self, inherited: &Inherited) -> (Vec<Record>, Result<Prepared, Report>) {
        let Self {
            options,
            mut inputs,
            layers,
            declarations,
            task,
        } = self;
        let warnings = variable_warnings(&inputs, task, &options, &layers, inherited);
        inputs.warnings.extend(warnings);
        let mut notices = input_notices(&mut inputs, options.verbose);

        let mut errors = take(&mut inputs.errors);
        let retained = inherited.retained(&options.retention);
        // `check` and `policy` always report that there is no entry. With `--resolve-env`, no other
        // subcommand does, because an image for general use can have `--resolve-env '*'`, even if
        // the variables of some tasks have no references. But if a variable has one that no pattern
        // matches, the command would get its text as the password.
        let needs_entries = inputs.resolve_env.is_empty()
            || matches!(task, Task::Check(_) | Task::Policy)
            || has_unmatched_reference(&inputs.resolve_env, &retained);
        let is_empty = layers.iter().all(|layer| layer.entries.is_empty());
        if errors.is_empty() && is_empty && needs_entries {
            let problem = no_entry_problem(&declarations, &inputs);
            errors.push(problem);
        }

        let settings = Settings::new(&options, inherited).map(|settings| Settings {
            asks_identity: task.is_check(),
            // The user of `check --metadata` can type an MFA code.
            is_unattended: options.rotation.is_some() && task != Task::Check(CheckDepth::Metadata),
            ..settings
        });
        let settings = value_or_add(settings, &mut errors);
        let unused_aliases = if task.is_for_launch() {
            alias_warning(&layers, task.is_check(), inherited)
        } else {
            None
        };
        let planned = Plan::new(layers, inherited, retained, options.keep_existing);
        let plan = value_or_add(planned, &mut errors);
        if let (Some(settings), Some(plan)) = (settings, plan) {
            errors.extend(useless_signal_problem(&options, &plan));
            if errors.is_empty() {
                notices.extend(settings.endpoint_note(&plan.locators()));
                // An entry with an error could use the alias, so this warning isn't printed next to
                // errors.
                notices.extend(unused_aliases);
                // `check` has rows for the entries that are left out.
                if !task.is_check() {
                    notices.extend(report::left_out_notes(&plan));
                } else if options.verbose {
                    let removed = matched_names(&options.retention.unset, inherited, |_| true);
                    notices.extend(removed.into_iter().map(|(place, names)| {
                        Record::note(format!("{place} removes {}", some_of(&names)))
                    }));
                }
                let prepared = Prepared {
                    task,
                    options,
                    settings,
                    has_quiet_flag: inputs.has_quiet_flag,
                    plan,
                };
                return (notices, Ok(prepared));
            }
        }
        (notices, Err(errors.into()))
    }
}

/// The warnings about references in inherited variables that stay unresolved, and about patterns of
/// `--unset` and `--pass` that have no effect.
fn variable_warnings(
    inputs: &Inputs,
    task: Task,
    options: &Options,
    layers: &[Layer],
    inherited: &Inherited,
) -> Vec<Record> {
    let mut warnings = Vec::new();
    // Don't warn after an error. The warnings could be wrong, because an invalid pattern isn't in
    // `resolve_env`, and `--clean-env` may be missing from the options.
    if !inputs.errors.is_empty() {
        return warnings;
    }
    let is_launch = task.is_for_launch();
    if is_launch || !inputs.resolve_env.is_empty() {
        warnings = unresolved_warnings(inherited, &inputs.resolve_env, options, |name| {
            is_certainly_set(name, layers)
        });
    }
    // Warn only for a launch, because nothing else passes inherited variables on.
    if is_launch {
        if inputs.options.clean_env.is_none() && !options.retention.pass.is_empty() {
            let text = "--pass has no effect without --clean-env: the command gets all variables";
            warnings.push(Record::warning(text));
        }
        let retention = &options.retention;
        warnings.extend(unmatched_warnings(retention, inherited));
        let without_clean = Retention {
            clean: false,
            ..retention.clone()
        };
        let not_passed = matched_names(&inputs.options.ignored_pass, inherited, |name| {
            without_clean.keeps(name) && !retention.keeps(name) && !is_certainly_set(name, layers)
        });
        for (place, names) in not_passed {
            let names = some_of(&names);
            warnings.push(Record::warning(format!(
                "{place} is ignored, because a place with higher precedence sets pass or clean-env, so the command doesn't get {names}; set both in the same place"
            )));
        }
    }
    warnings
}

/// The inherited variables that a pattern matches and for which `condition` is true, by the place
/// of the pattern.
fn matched_names<'p>(
    patterns: &'p [PlacedPattern],
    inherited: &Inherited,
    condition: impl Fn(&OsStr) -> bool,
) -> BTreeMap<&'p str, Vec<String>> {
    let mut names: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (name, _) in inherited.iter().filter(|(name, _)| condition(name)) {
        let name = name.to_string_lossy();
        if let Some(placed) = PlacedPattern::find(patterns, &name) {
            names.entry(&placed.place).or_default().push(shown(&name));
        }
    }
    names
}

/// Warns of the aliases that no entry uses. For `check`, these are all of them. A launch only warns
/// of a name such as API_TOKEN, if the command doesn't get such a variable, and not in a file that
/// only has aliases for other files.
fn alias_warning(layers: &[Layer], lists_all: bool, inherited: &Inherited) -> Option<Record> {
    let mut used = BTreeSet::new();
    for entry in layers.iter().flat_map(|layer| &layer.entries) {
        if matches!(entry.source, Source::Object(_)) && !lists_all {
            // One of the keys may set the variable.
            return None;
        }
        for reference in entry.source.references() {
            used.insert(&reference.secret);
        }
    }

    let mut unused = Vec::new();
    for layer in layers {
        // The last layer is the command line.
        let is_shared = layer.entries.is_empty() && layers.len() > 2;
        for name in layer.aliases.keys() {
            if used.contains(name) {
                continue;
            }
            let is_mistake = !is_shared
                && *name == name.to_uppercase()
                && inherited.get(name).is_none()
                && !is_certainly_set(name.as_ref(), layers);
            if lists_all || is_mistake {
                unused.push(shown(name));
            }
        }
    }
    let aliases = match unused.len() {
        0 => return None,
        1 => "alias",
        _ => "aliases",
    };
    let names = some_of(&unused);
    Some(Record::warning(format!(
        "no entry uses the {aliases} {names}: to set a variable, write NAME: SECRET:KEY under \"env\""
    )))
}

/// The notes about a declaration that isn't read or can't be seen, and the warnings about the
/// inputs and about ignored options. With `verbose`, also the notes about options that are turned
/// off. Takes the notices out of `inputs`.
fn input_notices(inputs: &mut Inputs, verbose: bool) -> Vec<Record> {
    let mut notices = Vec::new();
    // Don't print the note after an error, such as a missing file of `-f`, because the note
    // wouldn't help.
    if let DeclarationChoice::Named {
        files,
        by,
        has_no_file: false,
    } = &inputs.declarations
        && inputs.errors.is_empty()
        && let Some(name) = replaced_declaration(files)
    {
        let text = match by {
            DeclarationsNamedBy::Option => format!(
                "./{name} isn't read, because -f is given; to read both, use -f {name} first"
            ),
            DeclarationsNamedBy::Variable => format!(
                "./{name} isn't read, because SECRETS_EXEC_FILE is set; to read both, begin its list with {name}"
            ),
        };
        notices.push(Record::note(text));
    }
    if matches!(inputs.declarations, DeclarationChoice::InWorkingDirectory)
        && !Path::new(".").exists()
    {
        notices.push(Record::note(
            "the working directory can't be searched, so secrets-exec can't see whether it has a secrets-exec.yaml (--no-file hides this note)",
        ));
    }
    notices.append(&mut inputs.warnings);
    let mut about_options = take(&mut inputs.options.notices);
    about_options.retain(|notice| verbose || notice.label == Label::Warning);
    notices.extend(about_options);
    notices
}

const NO_ENTRY_REMEDY: &str = "add --env NAME=SECRET:KEY, or name a declaration with -f FILE";

/// The error for inputs without any entry. `declarations` has the names of the declarations that
/// were read.
fn no_entry_problem(declarations: &[String], inputs: &Inputs) -> Problem {
    if inputs.has_misplaced_option {
        let text =
            "there is nothing to read: the options come after `--`, so they belong to the command";
        return Problem::usage(text)
            .help("put the options before `--`: secrets-exec [OPTIONS] -- COMMAND");
    }
    if !declarations.is_empty() {
        let names = declarations.join(" or ");
        let text = format!(
            r#"there is nothing to read: no --env was given, and there is no entry under "env", "env-from" or "files" in {names}"#
        );
        return Problem::configuration(text).help("add an entry: env: { NAME: SECRET:KEY }");
    }
    let directory = Path::new(".").canonicalize().unwrap_or_default();
    let text = format!(
        "there is nothing to read: no --env was given, and no secrets-exec.yaml, .yml or .json was read in {}",
        directory.display()
    );
    Problem::usage(text)
        .help(NO_ENTRY_REMEDY)
        .help_if_some(missing_declaration_help())
}

/// True if the command gets a variable that no pattern matches, although its value only makes sense
/// as a reference, even in quotes or spaces.
fn has_unmatched_reference(patterns: &[Pattern], retained: &Inherited) -> bool {
    retained.iter().any(|(name, value)| {
        Reference::is_meant_by(value.to_string_lossy().trim_matches(is_space_or_quote))
            && !matches_any(patterns, &name.to_string_lossy())
    })
}

/// Takes the value out of `result`. If `result` has errors instead, adds them to `errors` and
/// returns `None`.
pub fn value_or_add<T>(result: Result<T, Vec<Problem>>, errors: &mut Vec<Problem>) -> Option<T> {
    result.map_err(|found| errors.extend(found)).ok()
}

/// The error about `--on-rotation signal=` if no new value could ever reach the running command,
/// because the plan has no file with a `path`.
fn useless_signal_problem(options: &Options, plan: &Plan) -> Option<Problem> {
    let on_rotation = options.rotation.as_ref()?.on_rotation;
    if !matches!(on_rotation, OnRotation::Signal(_)) || plan.has_path() {
        return None;
    }
    let text = "--on-rotation signal= has no effect without a file that has a `path`, because a running program can't see new values of its \
                variables or of files in memory";
    let remedy = "use --on-rotation restart, or declare a file with `path` under `files:`";
    Some(Problem::usage(text).help(remedy))
}

/// A warning for each pattern of `--unset` or `--pass` that doesn't match any variable, although a
/// variable with a similar name is set ([`similar_name`]).
fn unmatched_warnings(retention: &Retention, inherited: &Inherited) -> Vec<Record> {
    let mut warnings = Vec::new();
    for PlacedPattern { place, pattern } in retention.unset.iter().chain(&retention.pass) {
        let names: Vec<&str> = inherited
            .iter()
            .filter_map(|(name, _)| name.to_str())
            .collect();
        let is_unmatched = !names.iter().any(|name| pattern.matches(name));
        if is_unmatched && let Some(similar) = similar_name(pattern, names) {
            warnings.push(Record::warning(format!(
                "{place} {pattern} doesn't match any variable, although {similar} is set"
            )));
        }
    }
    warnings
}

/// Finds the first name that a pattern matches if case doesn't matter. Otherwise, finds the first
/// name that differs from the pattern in one letter.
///
/// Ignores the names of proxies, such as HTTP_PROXY and HTTPS_PROXY, which are similar on purpose.
/// The second search also ignores names of up to three characters, which are similar by chance.
fn similar_name<'n>(pattern: &Pattern, mut names: Vec<&'n str>) -> Option<&'n str> {
    names.retain(|name| !name.to_uppercase().ends_with("_PROXY"));
    let any_case = MatchOptions {
        case_sensitive: false,
        ..MatchOptions::default()
    };
    let same = names
        .iter()
        .find(|name| pattern.matches_with(name, any_case));
    if let Some(name) = same {
        return Some(name);
    }

    names
        .into_iter()
        .find(|name| name.len() > 3 && is_one_letter_away(pattern.as_str(), name))
}

/// True if an entry sets the variable. Entries that may be absent aren't considered, and neither
/// is `env-from`, because the names of its variables aren't known before the secret is read.
fn is_certainly_set(name: &OsStr, layers: &[Layer]) -> bool {
    layers.iter().flat_map(|layer| &layer.entries).any(|entry| {
        let is_set = entry
            .target
            .variable()
            .is_some_and(|set| *name == *set.as_str());
        let may_be_empty = matches!(&entry.source, Source::Reference(reference) if optional_variable(&reference.secret).is_some());
        is_set && entry.on_missing != OnMissing::Optional && !may_be_empty
    })
}

impl Prepared {
    /// Looks for the program of a command in the PATH that the command will get. This PATH is a
    /// literal in the plan or the inherited one, because a secret can't set PATH.
    ///
    /// # Errors
    /// If the program isn't found or can't be executed.
    pub fn find_program(&self, command: &CommandLine) -> Result<Program, Problem> {
        let path = self
            .plan
            .literal("PATH")
            .map(AsRef::as_ref)
            .or_else(|| self.plan.retained.get("PATH"));
        exec::find_program(command.program(), path)
    }
}
