//! Reads the values of a plan: opens the backend, fetches in parallel everything that the plan
//! names, and resolves every entry from the answers.
//!
//! ```text
//! plan ── locators ─▶ backend.fetch ─▶ answers ─ resolve ─▶ outcomes
//!                        ▲                          │
//!                        ├─ a cached value doesn't match its pattern: ask AWS for these answers
//!                        └─ --wait, and every failure may be temporary: pause, and ask for the rest
//! ```
//!
//! One pass through this picture is a *round*. The failure of a single value is an outcome, not an
//! error, so that the report has every failure.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::ManuallyDrop;
use std::path::Path;
use std::time::{Duration, Instant};

use super::prepare::{Asker, Prepared, prepare};
use super::worker::{self, block_on};
use crate::backend::Backend;
use crate::backend::agent::Agent;
use crate::backend::aws::{Aws, Settings};
use crate::backend::cached::{CacheDirectory, Cached};
use crate::backend::local_file::LocalFile;
use crate::exec;
use crate::input::cli::Inputs;
use crate::input::find_local_file;
use crate::input::local_secrets::read_local_secrets;
use crate::model::answer::{Answer, Answers, Cause, Document, FetchFailure, Missing, Unsigned};
use crate::model::entry::Origin;
use crate::model::environment::Inherited;
use crate::model::options::{LogFormat, SourceOption};
use crate::model::outcome::{Outcomes, Values};
use crate::model::plan::Plan;
use crate::model::problem::Problem;
use crate::model::reference::Locator;
use crate::report::{self, Report, terminal};
use crate::resolve::{invalid_template_outcomes, resolve, suggest_names, text_warnings};
use crate::time::Deadline;

/// Prepares the inputs and reads every value, for a subcommand that prints or sends the values
/// itself. With `--verbose`, prints the source of each value, unless there are errors.
///
/// The report that is returned with the values has a problem for each value that can't be used. Its
/// last line begins with `consequence`, as in `nothing was printed`.
pub(super) fn subcommand_values(
    inputs: Inputs,
    asker: Asker,
    inherited: &Inherited,
    consequence: &str,
) -> Result<(Values, Report), Report> {
    let (options, values) = worker::run(inputs, inherited, |inputs, deadline| {
        let prepared = prepare(inputs, asker, inherited, deadline)?;
        let values = read_values(&prepared, deadline)?;
        Ok((prepared.options, values))
    })?;
    let report = Report::from_values(values.problems(exec::argument_limits()), consequence);
    if options.verbose && report.is_empty() {
        terminal::print_always(report::provenance_notes(&values));
    }
    Ok((values, report))
}

/// Reads the values of a plan. The result has the outcome of each entry, every answer and, for
/// `check`, what only `check` prints ([`add_check_facts`]). Prints warnings about `--local`, the
/// cache and the outcomes, but not in a poll, because the first start has already printed them.
pub(super) fn read_values(prepared: &Prepared, deadline: &Deadline) -> Result<Values, Report> {
    let begun = Instant::now();
    // Never drop the backend. Closing its connections would take time, and the end of the process,
    // or execve, closes them anyway.
    let mut backend = ManuallyDrop::new(open_backend(prepared, deadline)?);
    let mut values = block_on(async {
        let mut values = fetch_and_resolve(&mut backend, prepared, deadline).await?;
        values.outcomes.requests = deadline.progress.attempts();
        values.outcomes.elapsed = begun.elapsed();
        if let Asker::Check { describes, .. } = prepared.asker {
            add_check_facts(&mut values, &mut backend, describes, deadline).await?;
        }
        Ok(values)
    })?;

    if prepared.is_poll() {
        return Ok(values);
    }
    if let Backend::Cached(cached) = &*backend {
        let directory = &cached.options.directory;
        let warnings = report::cache_warnings(directory, &cached.notices, &values.fetched);
        terminal::print_unless_hidden(warnings);
    }
    // A region that an option or a declaration names is the intended one.
    let may_be_wrong_region = prepared.settings.options.region.is_none();
    if may_be_wrong_region && backend.aws().is_some_and(|aws| !aws.has_endpoint()) {
        terminal::print_unless_hidden(report::none_found_warning(&values));
    }
    let warnings = text_warnings(&prepared.plan, &values.fetched, &values.outcomes);
    values.outcomes.warnings.extend(warnings);
    // After an error, nothing starts with a mistake.
    if values.outcomes.problems().is_empty() {
        terminal::print_unless_hidden(report::mistake_warnings(&values.outcomes));
        terminal::print_unless_hidden(report::namesake_warnings(
            &values.outcomes,
            &prepared.plan,
            |name| prepared.settings.uses_variable(name),
        ));
    }
    Ok(values)
}

/// Adds what only `check` prints: the ages of the answers in the cache, the caller and, with
/// `--describe`, the descriptions of the secrets. A backend without AWS has none of them.
async fn add_check_facts(
    values: &mut Values,
    backend: &mut Backend,
    describes: bool,
    deadline: &Deadline,
) -> Result<(), Problem> {
    if let Backend::Cached(cached) = backend {
        values.cached = cached.ages(values.fetched.keys());
    }
    values.caller = backend.caller();
    if describes && let Some(aws) = backend.aws() {
        // The descriptions get a `--timeout` of their own, because a secret that can't be read may
        // have used up the time.
        deadline.restart_after(Duration::ZERO);
        values.secrets = aws.describe_secrets(&values.fetched).await?;
    }
    Ok(())
}

/// Opens the backend. With `--local`, reads the file with the secrets and, except in a poll, prints
/// a warning that the secrets come from this file. `-q` on the command line hides the warning in
/// text output, but not in JSON, because an alarm can depend on it.
fn open_backend(prepared: &Prepared, deadline: &Deadline) -> Result<Backend, Report> {
    let options = &prepared.options;
    let settings = &prepared.settings;
    if let SourceOption::Local(path) = &options.source {
        let name = format!("the file {} (--local)", path.display());
        let _awaited = deadline.progress.awaits(name);
        let secrets = read_local_secrets(path)?;
        let is_hidden = prepared.has_quiet_flag && options.log_format == LogFormat::Text;
        if !is_hidden && !prepared.is_poll() {
            terminal::print_always([report::local_warning(path)]);
        }
        let path = path.clone();
        return Ok(Backend::Local(LocalFile { path, secrets }));
    }

    let aws = Aws::new(settings.clone(), deadline.clone());
    if let Some(agent) = configured_agent(&options.source, settings, deadline) {
        let fallback = if agent.has_fallback {
            Some(Box::new(aws))
        } else {
            None
        };
        return Ok(Backend::Agent(Box::new(agent), fallback));
    }
    Ok(with_cache(aws, prepared)?)
}

pub(super) fn configured_agent(
    source: &SourceOption,
    settings: &Settings,
    deadline: &Deadline,
) -> Option<Agent> {
    let SourceOption::Agent { url, fallback } = source else {
        return None;
    };
    Some(Agent::new(url.clone(), *fallback, settings, deadline))
}

/// Opens the directory of `--cache` and returns the backend that keeps AWS's answers there. Without
/// `--cache`, and in a poll if the directory can't be opened, returns the backend for AWS itself.
fn with_cache(aws: Aws, prepared: &Prepared) -> Result<Backend, Vec<Problem>> {
    let Some(mut options) = prepared.options.cache.clone() else {
        return Ok(Backend::Aws(Box::new(aws)));
    };
    let directory = match CacheDirectory::open(&options.directory) {
        Ok(directory) => directory,
        Err(_) if prepared.is_poll() => return Ok(Backend::Aws(Box::new(aws))),
        Err(problem) => return Err(vec![problem]),
    };
    if prepared.is_poll() {
        // A poll never uses a stored answer, however new it is. It only stores AWS's answers for
        // the next launch.
        options.ttl = Duration::ZERO;
        options.stale = Duration::ZERO;
    }
    Ok(Backend::Cached(Box::new(Cached {
        aws,
        directory,
        options,
        notices: BTreeSet::new(),
    })))
}

/// The shortest pause between two rounds (`--wait`), before [`Fetching::pause`] shortens it at
/// random.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause between two rounds, so that a launch starts soon after its values can be read.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Fetches everything that the plan names, and resolves the plan, in one or more rounds.
async fn fetch_and_resolve(
    backend: &mut Backend,
    prepared: &Prepared,
    deadline: &Deadline,
) -> Result<Values, Problem> {
    let plan = &prepared.plan;
    let mut fetching = match preflight(plan, backend.prepared_agent(plan)?) {
        Preflight::Decided(values) => return Ok(values),
        Preflight::Undecided(fetching) => fetching,
    };

    // `--wait` doesn't apply to a poll, because the next poll follows anyway.
    let wait = if prepared.is_poll() {
        None
    } else {
        prepared.options.wait
    };
    loop {
        let outcomes = fetching.next_round(backend, prepared).await?;

        let mismatched = outcomes.mismatched_in_cache(&fetching.fetched);
        if !mismatched.is_empty() {
            // Some cached values don't match the `pattern` of their entries, but AWS may have newer
            // values that do.
            fetching.request_again(|locator, _| mismatched.contains(locator));
            fetching.not_from_cache.extend(mismatched);
            continue;
        }

        let missing = outcomes.missing_documents(&fetching.fetched);
        let limit = match wait {
            Some(limit) if fetching.may_succeed_later(&missing) => limit,
            Some(_) | None => return Ok(Values::new(outcomes, fetching.fetched)),
        };
        let Some(left) = limit.checked_sub(fetching.begun.elapsed()) else {
            return Ok(fetching.give_up());
        };
        fetching.pause(&missing, left, deadline).await;
        // Let the next round also repeat failed lookups of the region and of credentials.
        backend.forget_failures();
        // Besides the missing documents, request those again that came from the cache because AWS
        // had failed. AWS may answer now.
        fetching.request_again(|locator, answer| missing.contains(locator) || is_stale(answer));
    }
}

/// What is known about a plan before the first request.
pub(super) enum Preflight<'a> {
    /// No request is needed, or requests would be useless, so these are the final values.
    Decided(Values),
    /// Requests are needed. So far, the only answers are the failures of the locators that the
    /// Secrets Manager Agent can never read.
    Undecided(Fetching<'a>),
}

/// Finds out what can be known about a plan without a request, so that mistakes are found without
/// credentials or a network. What the AWS Secrets Manager Agent (`--agent`) can read depends on its
/// region. If the region may come from a profile, call [`Agent::read_profile`] first.
///
/// No request is needed if the plan doesn't read secrets, or if a template has a filter, test or
/// function that doesn't exist. If the agent can never read a required value that isn't overridden,
/// requests for the other values would be useless. The plan is resolved to find out which values
/// are required.
pub(super) fn preflight<'a>(plan: &'a Plan, agent: Option<&Agent>) -> Preflight<'a> {
    if let Some(outcomes) = invalid_template_outcomes(plan) {
        return Preflight::Decided(Values::new(outcomes, Answers::default()));
    }

    let mut locators = plan.locators();
    let mut unsupported = Answers::default();
    if let Some(agent) = agent {
        unsupported.extend(agent.unsupported(&locators));
    }
    let is_unsupported = |locator: &Locator| unsupported.contains_key(locator);
    locators.retain(|locator| !is_unsupported(locator));
    let needs_requests = !locators.is_empty();
    let may_be_decided = !needs_requests || !unsupported.is_empty();
    if may_be_decided {
        let outcomes = resolve(plan, &unsupported);
        let missing = outcomes.missing_documents(&unsupported);
        let requests_are_useless = missing.iter().any(is_unsupported);
        if !needs_requests || requests_are_useless {
            return Preflight::Decided(Values::new(outcomes, unsupported));
        }
    }
    Preflight::Undecided(Fetching {
        plan,
        begun: Instant::now(),
        requested: locators.clone(),
        supported: locators,
        not_from_cache: BTreeSet::new(),
        fetched: unsupported,
    })
}

/// The answers for a plan so far, and what the next round has to request.
pub(super) struct Fetching<'a> {
    plan: &'a Plan,
    begun: Instant,
    /// The locators that the backend can read.
    supported: BTreeSet<&'a Locator>,
    requested: BTreeSet<&'a Locator>,
    /// The locators whose cached answers must not be used, because these answers gave values that
    /// don't match the `pattern` of an entry.
    not_from_cache: BTreeSet<Locator>,
    /// The latest answer for each locator.
    fetched: Answers,
}

impl Fetching<'_> {
    /// Sends the requests of a round, waits for the answers, adds suggestions to the failures, and
    /// resolves the plan with all answers so far.
    async fn next_round(
        &mut self,
        backend: &mut Backend,
        prepared: &Prepared,
    ) -> Result<Outcomes, Problem> {
        // The cache calls this closure to find out whether its documents are enough for the plan.
        let suffices = |cached: &Answers| {
            let outcomes = resolve(self.plan, cached);
            outcomes.missing_documents(cached).is_empty()
        };
        let is_lost = |answers: &Answers| resolve(self.plan, answers).are_lost();
        let is_lost = prepared
            .may_give_up_requests()
            .then_some(&is_lost as &dyn Fn(&Answers) -> bool);
        // The future is boxed, because it is large, and every future that awaits it would contain
        // it.
        let fetch =
            Box::pin(backend.fetch(&self.requested, is_lost, &suffices, &self.not_from_cache));
        self.fetched.extend(fetch.await?);
        // Check that there is an answer for each locator. An entry without an answer would have
        // neither a value nor an error, and the command would start without its value.
        let is_complete = self
            .supported
            .iter()
            .all(|locator| self.fetched.contains_key(*locator));
        assert!(is_complete, "the backend left a locator out");
        note_that_none_is_found(&mut self.fetched);
        suggest_names(&mut self.fetched, self.plan);
        if prepared.settings.may_be_developers() {
            suggest_local_file(&mut self.fetched, self.plan);
        }
        Ok(resolve(self.plan, &self.fetched))
    }

    fn failures(&self, missing: &BTreeSet<Locator>) -> Vec<&FetchFailure> {
        missing
            .iter()
            .filter_map(|locator| self.fetched.get(locator)?.as_ref().err())
            .collect()
    }

    /// True if requests for the locators in `missing` have failed, and every failure may be
    /// temporary.
    fn may_succeed_later(&self, missing: &BTreeSet<Locator>) -> bool {
        let failures = self.failures(missing);
        !failures.is_empty() && failures.iter().all(|failure| failure.is_waited_for())
    }

    /// Pauses before the next round, for at most `left`. During the pause, messages show why
    /// requests have failed. After the pause, the next round has a whole `--timeout` again.
    ///
    /// The pause is as long as all earlier rounds and pauses together, but at least
    /// [`SHORTEST_PAUSE`] and at most [`LONGEST_PAUSE`]. Then it is shortened at random, by up to
    /// half.
    async fn pause(&self, missing: &BTreeSet<Locator>, left: Duration, deadline: &Deadline) {
        let progress = &deadline.progress;
        let _awaited = progress.awaits("the next try (--wait)".to_owned());
        for failure in self.failures(missing) {
            progress.note_reason(failure.error.sentence());
        }
        let longest = self.begun.elapsed().clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
        let pause = left.min(longest.mul_f64((1.0 + fastrand::f64()) / 2.0));
        // Move the deadline beyond the pause. Otherwise, the main thread could end the process
        // during the pause.
        deadline.restart_after(pause);
        tokio::time::sleep(pause).await;
    }

    /// Lets the next round request only the locators for which `is_wanted` returns true.
    fn request_again(&mut self, is_wanted: impl Fn(&Locator, &Answer) -> bool) {
        self.requested.clone_from(&self.supported);
        self.requested.retain(|locator| {
            let answer = self.fetched.get(*locator);
            answer.is_some_and(|answer| is_wanted(locator, answer))
        });
    }

    pub fn values(self) -> Values {
        Values::new(resolve(self.plan, &self.fetched), self.fetched)
    }

    /// The values of the last round, after the time of `--wait` is over. The message about each
    /// failure says how long secrets-exec has tried.
    fn give_up(mut self) -> Values {
        let waited = Duration::from_secs_f64(self.begun.elapsed().as_secs_f64().round());
        for failure in failures_mut(&mut self.fetched) {
            failure.waited = Some(waited);
        }
        self.values()
    }
}

fn failures_mut(fetched: &mut Answers) -> impl Iterator<Item = &mut FetchFailure> {
    fetched
        .values_mut()
        .filter_map(|answer| answer.as_mut().err())
}

/// Marks all failures if more than two secrets were requested, all in one region and account, and
/// none of them exists. In this case, the region or the account is probably wrong.
pub(super) fn note_that_none_is_found(fetched: &mut Answers) {
    let mut places = BTreeSet::new();
    for (locator, answer) in &*fetched {
        let Err(failure) = answer else {
            return;
        };
        let is_elsewhere = locator.id.arn().is_some() || failure.local_file.is_some();
        if is_elsewhere || failure.error.cause != Cause::Absent(Missing::Secret) {
            return;
        }
        places.insert((locator.store, &failure.region, &locator.role));
    }
    if fetched.len() > 2 && places.len() == 1 {
        for failure in failures_mut(fetched) {
            failure.is_none_found = true;
        }
    }
}

/// If a failure is due to a missing region or missing credentials, looks for a file for `--local`
/// next to the latest declaration that has an entry, or in the working directory if there is no
/// such declaration. If it finds a file, each of these failures suggests using the file.
fn suggest_local_file(fetched: &mut Answers, plan: &Plan) {
    let mut unconfigured = Vec::new();
    for failure in failures_mut(fetched) {
        let cause = failure.error.cause;
        if cause == Cause::NoRegion || cause == Cause::NoCredentials(Unsigned::Unconfigured) {
            unconfigured.push(failure);
        }
    }
    if unconfigured.is_empty() {
        return;
    }

    // Sort the entries by id, because those of the latest layer have the smallest ids.
    let mut subjects = BTreeMap::new();
    for entry in &plan.entries {
        subjects.insert(entry.id, &entry.subject);
    }
    for (entry, _) in &plan.overridden {
        subjects.insert(entry.id, &entry.subject);
    }
    let directory = subjects.values().find_map(|subject| match &subject.origin {
        Origin::File { path, .. } => path.parent(),
        Origin::Argument(_) | Origin::Inherited => None,
    });
    if let Some(file) = find_local_file(directory.unwrap_or(Path::new(""))) {
        for failure in unconfigured {
            failure.local_file_nearby = Some(file.clone());
        }
    }
}

/// True for a cached answer that was only used because AWS failed.
fn is_stale(answer: &Answer) -> bool {
    matches!(answer, Ok(Document { cached: Some(cached), .. }) if cached.replaces.is_some())
}
