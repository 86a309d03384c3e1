//! Makes the error about a panic, and then warnings and notes, in the order in which a launch
//! prints them.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::panic::PanicHookInfo;
use std::path::Path;

use super::account::{CheckDepth, CheckedValues};
use super::check_findings::row_records;
use super::layout::{age, counted};
use crate::model::entry::{Holder, Target};
use crate::model::environment::{CommandLine, Inherited, placeholders};
use crate::model::message::{Record, grouped};
use crate::model::outcome::{Outcome, Outcomes, Values};
use crate::model::plan::Plan;
use crate::model::reference::Locator;

/// The error about a panic, without the panic's own message, which may contain a value.
pub fn bug_error(panic: &PanicHookInfo<'_>) -> Record {
    let mut text = concat!("this is a bug in secrets-exec ", env!("CARGO_PKG_VERSION")).to_owned();
    if let Some(location) = panic.location() {
        text += &format!(" at {}:{}", location.file(), location.line());
    }
    Record::error(text + "; please report it").event("bug")
}

/// A note for each empty variable that should have named a secret, such as
/// `DB_SECRET is empty: 2 variables are left out`.
pub fn left_out_notes(plan: &Plan) -> impl Iterator<Item = Record> {
    let left_out = grouped(plan.overridden.iter().filter_map(|left| {
        let Holder::EmptyVariable(name) = &left.holder else {
            return None;
        };
        Some((name, &left.entry))
    }));
    left_out.into_iter().map(|(name, entries)| {
        let count = entries.len();
        let consequence = if entries
            .iter()
            .all(|entry| matches!(entry.target, Target::Env(_)))
        {
            counted(count, "variable is left out", "variables are left out")
        } else {
            counted(count, "entry is left out", "entries are left out")
        };
        Record::note(format!("{name} is empty: {consequence}"))
    })
}

/// A note if at least three entries have a reference, but no value comes from a secret. The region
/// or the account is probably wrong then.
pub fn nothing_read_note(outcomes: &Outcomes) -> Option<Record> {
    let mut missing = 0;
    for outcome in &outcomes.list {
        let is_overridden = matches!(outcome.result, Outcome::Overridden(_));
        if outcome.reads.is_empty() || is_overridden {
            continue;
        }
        if !matches!(outcome.result, Outcome::Default(_) | Outcome::Absent(_)) {
            return None;
        }
        missing += 1;
    }
    if missing < 3 {
        return None;
    }
    let text = format!("no value comes from a secret: all {missing} are defaults, or aren't set");
    Some(Record::note(text))
}

/// Warnings about values that come from a fallback region or the cache, because the requests in
/// their own regions failed. The warnings about cache entries come last.
pub fn replacement_warnings(values: &Values) -> Vec<Record> {
    let mut replaced = Vec::new();
    for (locator, answer) in &values.fetched {
        let Ok(document) = answer else { continue };
        let name = locator.noun_phrase();
        let (failure, source, mut note);
        if let Some(cached) = &document.cached {
            let cached_age = age(cached.age.as_secs());
            failure = cached.replaces.clone();
            source = "the cache is used".to_owned();
            note = format!("the cached value of {name} is {cached_age} old");
        } else if let Some((own, _)) = document.passed_over.first()
            && let Some(region) = &document.region
        {
            failure = document.own_failure();
            source = format!("{region} is used instead of {own}");
            note = format!("{name} was read in {region}");
        } else {
            continue;
        }
        let Some(failure) = failure else { continue };
        let reason = format!("{}, so {source}", failure.sentence());
        if let Some(id) = &document.version_id {
            note += &format!(" (version {id})");
        }
        replaced.push((reason, note));
    }
    let mut records = Vec::new();
    for (reason, notes) in grouped(replaced) {
        records.push(Record::warning(reason).notes(notes));
    }
    records.extend(values.cache_warnings.clone());
    records
}

const LITERAL: &str = "is passed on literally, because no shell interprets it: use sh -c '…'";

/// Warns about arguments that only a shell would interpret:
///
/// - each one that consists only of a variable that the command gets, such as `$DB_PASSWORD`
/// - the first shell operator, as in `app && app`
pub fn argument_warnings(
    outcomes: &Outcomes,
    retained: &Inherited,
    command: &CommandLine,
) -> Vec<Record> {
    // If a shell is among the words, it may interpret the others. Look at every word, since a
    // program such as env(1) starts the program that an argument names.
    if command
        .arguments()
        .filter_map(|word| Path::new(word).file_name()?.to_str())
        .any(|name| EXPANDERS.contains(&name))
    {
        return Vec::new();
    }

    let set_names = outcomes.names_set();
    let mut warnings = Vec::new();
    // The first word is the program.
    for argument in command.arguments().skip(1).filter_map(OsStr::to_str) {
        let name = argument.trim_matches(['$', '{', '(', '}', ')']);
        let is_placeholder = placeholders(name).iter().any(|form| form == argument);
        let is_set = set_names.contains(name) || retained.get(name).is_some();
        if !is_placeholder || !is_set {
            continue;
        }
        let mut text = format!("the argument \"{argument}\" {LITERAL}");
        // Suggest `$NAME`, because in a shell, `$(NAME)` runs a program called NAME.
        if argument.starts_with("$(") {
            text += &format!(" with ${name}");
        }
        warnings.push(Record::warning(text));
    }

    // Look only for these operators, because others, such as `;` and `>`, may be meant for the
    // command.
    let operator = command
        .arguments()
        .filter_map(OsStr::to_str)
        .find(|word| ["&&", "||", "2>&1"].contains(word));
    if let Some(word) = operator {
        warnings.push(Record::warning(format!("the argument {word:?} {LITERAL}")));
    }
    warnings
}

/// Programs that replace variables in their arguments or their input: shells and envsubst.
const EXPANDERS: [&str; 12] = [
    "ash", "bash", "busybox", "csh", "dash", "envsubst", "fish", "ksh", "mksh", "sh", "tcsh", "zsh",
];

/// The records of `--verbose`: the total and, below it, a row for each value except plain literals.
pub fn account(values: &Values) -> Vec<Record> {
    let mut rows = CheckedValues {
        values,
        problems: &[],
        depth: CheckDepth::Values,
    }
    .rows();
    rows.retain(|row| !row.is_plain_literal());
    let mut records = vec![total_note(values)];
    records.extend(row_records(&rows));
    records
}

/// The first line of `--verbose`, such as `3 values of 2 secrets in 17 ms, 2 requests`. Counts only
/// secrets that were read.
pub fn total_note(values: &Values) -> Record {
    let value_count = values.outcomes.values().count();
    let milliseconds = values.elapsed.as_millis() as u64;
    let mut secrets = BTreeSet::new();
    let mut cached = 0;
    for (locator, answer) in &values.fetched {
        let Ok(document) = answer else { continue };
        // A locator without a region and one with the default region stand for the same secret, so
        // compare the regions that answered.
        let region = document.region.clone();
        let locator = locator.clone();
        if secrets.insert(Locator { region, ..locator }) {
            cached += usize::from(document.cached.is_some());
        }
    }
    let secrets = secrets.len();

    let text = format!(
        "{} of {} in {milliseconds} ms, {}",
        counted(value_count, "value", "values"),
        counted(secrets, "secret", "secrets"),
        counted(values.requests, "request", "requests"),
    );
    Record::note(text)
        .event("resolution")
        .with("values", value_count)
        .with("secrets", secrets)
        .with("milliseconds", milliseconds)
        .with("requests", values.requests)
        .with("from_cache", cached)
}
