//! Reads the values of a plan: fetches in parallel everything that the plan names, and resolves
//! every entry from the answers.
//!
//! ```text
//! plan ── locators ─▶ backend.fetch ─▶ answers ─ resolve ─▶ outcomes
//!                        ▲                          │
//!                        ├─ a value isn't in a cached or replicated document: get another
//!                        └─ --wait, and every failure may be temporary: pause, ask again
//! ```
//!
//! One pass through this picture is a *round*. A value that can't be read doesn't end the round.
//! The failure is one of the outcomes, so the report can list all failures.

use std::collections::BTreeSet;
use std::mem::ManuallyDrop;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;

use super::prepare::{Prepared, run_prepared};
use super::task::Task;
use super::worker::block_on;
use crate::backend::Backend;
use crate::backend::agent::Agent;
use crate::backend::aws::Aws;
use crate::backend::cached::{CacheDirectory, Cached};
use crate::backend::local_file::LocalFile;
use crate::exec;
use crate::input::cli::Inputs;
use crate::input::local_secrets::read_local_secrets;
use crate::model::answer::{Answer, Answers, Document};
use crate::model::environment::Inherited;
use crate::model::message::{FetchError, Placed, Problem};
use crate::model::options::{LogFormat, SourceOption};
use crate::model::outcome::{Outcomes, Values};
use crate::model::reference::Locator;
use crate::report::{self, Record, Report};
use crate::resolve::{inherited_warning, resolve, suggest_names};
use crate::time::{Deadline, Progress};

/// Makes the plan and reads its values, for a subcommand that prints them itself. If only some
/// values can't be read, the result is `Ok`.
///
/// The report has the notices about the values, and a problem for each value that can't be read or
/// used. After several problems, its last line is `consequence`, such as `nothing was printed`.
pub(super) fn read_to_print(
    inputs: Inputs,
    task: Task,
    inherited: &Inherited,
    consequence: &str,
) -> Result<(Values, Report), Report> {
    run_prepared(inputs, task, inherited, |prepared, deadline| {
        let values = read_values(&prepared, deadline)?;
        let mut report = Report::from_values(values.problems(exec::argument_limits()), consequence);
        report.notices = reading_notices(&prepared, &values);
        if prepared.options.verbose && report.is_empty() {
            report.notices.extend(report::account(&values));
        }
        Ok((values, report))
    })
}

/// Fetches and resolves everything in the plan. If only some values can't be read, the result is
/// `Ok`, and their outcomes contain the errors.
pub(super) fn read_values(prepared: &Prepared, deadline: &Deadline) -> Result<Values, Report> {
    let begun = Instant::now();
    // Never drop the backend: closing its connections takes time, and exit or execve closes them
    // anyway.
    let mut backend = ManuallyDrop::new(open_backend(prepared, deadline)?);
    block_on(async {
        let (outcomes, fetched) = fetch_and_resolve(&mut backend, prepared, deadline).await?;
        Ok(Values {
            outcomes,
            fetched,
            elapsed: deadline.progress.waited_since(begun),
            requests: deadline.progress.attempts(),
            secrets: Vec::new(),
            cache_warnings: backend.cache_warnings(),
            caller: backend.caller(),
        })
    })
}

/// The notices to print once the values have been read: about the cache, about fallback regions
/// and, if every value could be read, about probable mistakes.
pub(super) fn reading_notices(prepared: &Prepared, values: &Values) -> Vec<Record> {
    let outcomes = &values.outcomes;
    let mut warnings = report::replacement_warnings(values);
    // After an error, nothing is started, so warnings about probable mistakes would only distract
    // from the error.
    if !outcomes.problems().is_empty() {
        return warnings;
    }
    warnings.extend(report::nothing_read_note(outcomes));
    warnings.extend(report::mistake_warnings(outcomes));
    if prepared.task.is_for_command {
        warnings.extend(inherited_warning(&prepared.plan, values));
    }
    warnings
}

fn open_backend(prepared: &Prepared, deadline: &Deadline) -> Result<Backend, Report> {
    let Prepared {
        options, settings, ..
    } = prepared;
    match &options.source {
        SourceOption::Aws => {
            let aws = Aws::new(settings.clone(), deadline.clone());
            Ok(with_cache(aws, prepared)?)
        }
        SourceOption::Agent(url) => {
            let agent = Agent::new(url.clone(), settings, deadline);
            Ok(Backend::Agent(Box::new(agent)))
        }
        SourceOption::Local(file) => open_local_file(file, prepared, &deadline.progress),
    }
}

/// Reads the local file, and warns that the secrets come from it. In text, only `-q` on the command
/// line hides this warning. JSON always contains it, because an alarm may depend on it. A poll
/// doesn't repeat the warning.
fn open_local_file(
    file: &Placed<PathBuf>,
    prepared: &Prepared,
    progress: &Progress,
) -> Result<Backend, Report> {
    let Placed { value: path, place } = file;
    let shown = path.display();
    let _awaited = progress.awaits(format!("the file {shown} ({place})"));
    let secrets = read_local_secrets(file)?;
    let is_hidden = prepared.has_quiet_flag && prepared.options.log_format == LogFormat::Text;
    if !is_hidden {
        let text = format!("secrets are read from {shown}, not from AWS ({place})");
        progress.add(Record::warning(text).event("local").ignoring_quiet());
    }
    let path = path.clone();
    Ok(Backend::Local(LocalFile { path, secrets }))
}

/// A poll continues without the cache if the cache's directory can't be opened. For any other task,
/// that is an error.
fn with_cache(aws: Aws, prepared: &Prepared) -> Result<Backend, Vec<Problem>> {
    let Some(options) = prepared.options.cache.clone() else {
        return Ok(Backend::Aws(Box::new(aws)));
    };
    let uses_entries = prepared.task.uses_cache;
    let directory = match CacheDirectory::open(&options.directory) {
        Ok(directory) => directory,
        Err(_) if !uses_entries => return Ok(Backend::Aws(Box::new(aws))),
        Err(problem) => return Err(vec![problem]),
    };
    let cached = Cached::new(aws, directory, options, uses_entries);
    Ok(Backend::Cached(Box::new(cached)))
}

/// The shortest pause of `--wait`, before [`pause`] cuts off up to half of it at random.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause of `--wait`. It is short, so that a launch starts soon after its values become
/// available.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Usually runs one round. Runs several with `--wait`, or if a document from the cache or a
/// fallback region lacks something that a value needs.
async fn fetch_and_resolve(
    backend: &mut Backend,
    prepared: &Prepared,
    deadline: &Deadline,
) -> Result<(Outcomes, Answers), Problem> {
    let plan = &prepared.plan;
    let mut answers = Answers::new();
    let begun = Instant::now();
    loop {
        let mut wanted = plan.locators();
        wanted.retain(|locator| !answers.contains_key(*locator));
        if !wanted.is_empty() {
            // Box this large future, because every future that awaits it would otherwise contain
            // it.
            answers.append(&mut Box::pin(backend.fetch(&wanted)).await?);
        }
        // An entry without an answer would have neither a value nor an error, and the command would
        // start without that value.
        let is_complete = wanted.iter().all(|locator| answers.contains_key(*locator));
        assert!(is_complete, "the backend left a locator out");
        suggest_names(&mut answers, plan);
        let circumstances = backend.circumstances().with_answers(&answers);
        let outcomes = resolve(plan, &answers, &circumstances);

        if backend.replace(outcomes.lacking_documents(&answers), &mut answers) {
            continue;
        }

        let missing = outcomes.missing_documents(&answers);
        let limit = match prepared.options.wait {
            Some(limit) if may_succeed_later(&missing, &answers) => limit,
            _ => return Ok((outcomes, answers)),
        };
        let Some(left) = limit.checked_sub(begun.elapsed()) else {
            // Resolve again, so that every message says how long secrets-exec tried.
            let circumstances = circumstances.after_waiting(begun.elapsed());
            return Ok((resolve(plan, &answers, &circumstances), answers));
        };
        let failures = failures(&missing, &answers);
        pause(failures, begun.elapsed(), left, deadline).await;
        // The next round also retries failed lookups of the region and the credentials.
        backend.forget_failures();
        // Also ask again for documents that came from the cache only because AWS failed.
        answers.retain(|locator, answer| !missing.contains(locator) && !is_stale(answer));
    }
}

/// True if a request for `missing` failed, and all of these failures may be temporary.
fn may_succeed_later(missing: &BTreeSet<Locator>, answers: &Answers) -> bool {
    let mut failures = failures(missing, answers).peekable();
    failures.peek().is_some() && failures.all(FetchError::is_waited_for)
}

fn failures<'a>(
    locators: &'a BTreeSet<Locator>,
    answers: &'a Answers,
) -> impl Iterator<Item = &'a FetchError> {
    locators
        .iter()
        .filter_map(|locator| answers.get(locator)?.as_ref().err())
}

/// Sleeps as long as the rounds have taken so far, but at least [`SHORTEST_PAUSE`] and at most
/// [`LONGEST_PAUSE`], minus up to half at random. The next round gets the whole `--timeout` again.
async fn pause<'a>(
    failures: impl Iterator<Item = &'a FetchError>,
    elapsed: Duration,
    left: Duration,
    deadline: &Deadline,
) {
    let progress = &deadline.progress;
    let _awaited = progress.awaits("the next try (--wait)".to_owned());
    for failure in failures {
        progress.note_reason(failure.sentence());
    }
    let longest = elapsed.clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
    let pause = left.min(longest.mul_f64((1.0 + fastrand::f64()) / 2.0));
    // Move the deadline: otherwise, it could pass during the pause, and the main thread would end
    // the process.
    deadline.restart_after(pause);
    tokio::time::sleep(pause).await;
}

/// True if the answer came from the cache only because AWS failed.
fn is_stale(answer: &Answer) -> bool {
    matches!(answer, Ok(Document { cached: Some(cached), .. }) if cached.replaces.is_some())
}
