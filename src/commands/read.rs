//! Resolution of a plan: everything that it names is fetched at once, and resolved in one pass.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::ManuallyDrop;
use std::time::{Duration, Instant};

use super::prepare::BackendConfig;
use super::wait::{Surroundings, run};
use crate::backend::Backend;
use crate::backend::agent::Agent;
use crate::backend::aws::Aws;
use crate::backend::cached::{CacheDirectory, Cached};
use crate::backend::local_file::LocalFile;
use crate::input::local_file;
use crate::model::answer::{Asked, Caller, DescribedSecret, FetchFailure, Fetched};
use crate::model::options::{CacheOptions, Options};
use crate::model::plan::Plan;
use crate::model::problem::Problem;
use crate::model::reference::Locator;
use crate::report::cache::cache_warnings;
use crate::report::{self, Report, terminal};
use crate::resolve::{Resolution, resolve};
use crate::time::deadline::Deadline;

/// The longest pause between two tries of `--wait`.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Resolves `plan` within the deadline of `options`, and adds every answer to `fetched`.
///
/// # Errors
/// When nothing can be fetched at all. The failures of single values are part of the outcome.
pub fn read(
    config: BackendConfig,
    options: &Options,
    plan: &Plan,
    surroundings: &impl Surroundings,
    fetched: &mut Fetched,
) -> Result<Resolution, Report> {
    let read = read_then(config, options, plan, surroundings, fetched, async |_, _, _| Ok(()));
    read.map(|(outcome, ())| outcome)
}

/// Does the same as [`read`], and then examines the secrets.
///
/// # Errors
/// When nothing can be fetched at all.
pub fn read_and_examine(
    config: BackendConfig,
    options: &Options,
    plan: &Plan,
    surroundings: &impl Surroundings,
    fetched: &mut Fetched,
    describe: bool,
) -> Result<(Resolution, Examined), Report> {
    read_then(config.identified(), options, plan, surroundings, fetched, async |backend, fetched, deadline| {
        let (cached, caller) = (backend.cached_ages(fetched), backend.caller());
        if !describe {
            return Ok(Examined { cached, caller, ..Examined::default() });
        }
        // Another `--timeout`: a secret that cannot be read must not leave no time for the others.
        deadline.restart();
        Ok(Examined { secrets: backend.describe(fetched).await?, cached, caller })
    })
}

/// The state of secrets that `check` reports.
#[derive(Debug, Default)]
pub struct Examined {
    /// Their descriptions, if these were asked for.
    pub secrets: Vec<DescribedSecret>,
    /// The ages of their entries in the cache.
    pub cached: BTreeMap<Locator, Duration>,
    pub caller: Option<Caller>,
}

/// Resolves `plan`, and then calls `then` with all answers.
fn read_then<T: Send>(
    config: BackendConfig,
    options: &Options,
    plan: &Plan,
    surroundings: &impl Surroundings,
    fetched: &mut Fetched,
    then: impl AsyncFnOnce(&mut Backend, &Fetched, &Deadline) -> Result<T, Problem> + Send,
) -> Result<(Resolution, T), Report> {
    let begun = Instant::now();
    let (cache_notices, outcome) = run(options, surroundings, async |deadline| {
        // Not dropped: the end of the process or execve closes the connections.
        let mut backend = ManuallyDrop::new(open(config, options.cache.as_ref(), deadline.clone())?);
        let outcome = async {
            let outcome = fetch_and_resolve(&mut backend, plan, fetched, options.wait, &deadline).await?;
            Ok((outcome, then(&mut backend, fetched, &deadline).await?))
        };
        let outcome: Result<_, Problem> = outcome.await;
        Ok((backend.take_cache_notices(), outcome))
    })?;
    if let (Some(CacheOptions { directory, .. }), false) = (&options.cache, options.quiet) {
        terminal::print_interruptibly(cache_warnings(directory, &cache_notices, fetched));
    }
    if options.trace {
        terminal::print_interruptibly([report::resolution_time(begun.elapsed())]);
    }
    Ok(outcome?)
}

/// Fetches what `plan` names, and resolves it: again and again until `--wait` is over while it lacks a value for want of credentials or a
/// network.
///
/// # Errors
/// When AWS's configuration files or the profile are invalid.
async fn fetch_and_resolve(
    backend: &mut Backend,
    plan: &Plan,
    fetched: &mut Fetched,
    wait: Option<Duration>,
    deadline: &Deadline,
) -> Result<Resolution, Problem> {
    fetched.extend(backend.unsupported(plan)?);
    if !fetched.is_empty() {
        let outcome = resolve(plan, fetched);
        if outcome.lacking.iter().any(|locator| matches!(fetched.get(locator), Some(Err(_)))) {
            return Ok(outcome);
        }
    }
    let wanted: BTreeSet<_> = plan.locators().into_iter().filter(|locator| !fetched.contains_key(locator)).collect();
    if wanted.is_empty() {
        // Neither credentials nor a profile are needed for literals.
        return Ok(resolve(plan, fetched));
    }
    let begun = Instant::now();
    loop {
        // On the heap: the future is large, and every future around would contain it.
        let answers = Box::pin(backend.fetch(&wanted, &|cached| resolve(plan, cached).lacking.is_empty())).await?;
        fetched.extend(answers);
        // Without an answer an entry would have neither a value nor an error, and the command would start without it.
        assert!(wanted.iter().all(|locator| fetched.contains_key(*locator)), "the backend left a locator out");
        let outcome = resolve(plan, fetched);
        let failures: Vec<&FetchFailure> =
            outcome.lacking.iter().filter_map(|locator| fetched.get(locator)?.as_ref().err()).collect();
        // What would fail again is told at once.
        let is_waited_for = !failures.is_empty() && failures.iter().all(|failure| failure.is_waited_for());
        let Some(wait) = wait.filter(|_| is_waited_for) else { return Ok(outcome) };
        let Some(left) = wait.checked_sub(begun.elapsed()) else {
            for failure in fetched.values_mut().filter_map(|answer| answer.as_mut().err()) {
                failure.waited = Some(wait);
            }
            return Ok(resolve(plan, fetched));
        };
        let _awaited = deadline.progress().awaits("the next try (--wait)".to_owned());
        for failure in failures {
            let Problem { text, notes, .. } = failure.error.problem(&Asked::default());
            deadline.progress().note_reason(notes.last().cloned().unwrap_or(text));
        }
        // The pause has a deadline of its own.
        deadline.restart();
        tokio::time::sleep(left.min(LONGEST_PAUSE.mul_f64(fastrand::f64()))).await;
        deadline.restart();
        backend.forget();
    }
}

/// Opens the directory of `--cache`.
///
/// # Errors
/// Each reason why it cannot hold values.
fn open_cache(aws: Aws, options: &CacheOptions) -> Result<Cached, Report> {
    let mut report = Report::default();
    let directory = report.value_of(CacheDirectory::open(&options.directory));
    directory.map(|directory| Cached::new(aws, directory, options)).ok_or(report)
}

/// Opens the backend.
///
/// # Errors
/// When the file of `--local` cannot be read, or the directory of `--cache` cannot hold values.
pub fn open(config: BackendConfig, cache: Option<&CacheOptions>, deadline: Deadline) -> Result<Backend, Report> {
    match config {
        BackendConfig::Aws(settings) => {
            let aws = Aws::new(*settings, deadline);
            Ok(match cache {
                None => Backend::Aws(Box::new(aws)),
                Some(cache) => Backend::Cached(Box::new(open_cache(aws, cache)?)),
            })
        }
        BackendConfig::Agent(settings, agent_settings) => {
            let has_fallback = agent_settings.has_fallback;
            let agent = Agent::new(agent_settings, (*settings).clone(), deadline.clone());
            let aws = has_fallback.then(|| Box::new(Aws::new(*settings, deadline)));
            Ok(Backend::Agent(Box::new(agent), aws))
        }
        BackendConfig::Local { path, is_announced } => {
            let _awaited = deadline.progress().awaits(format!("the file {} (--local)", path.display()));
            let mut failures = Report::default();
            let secrets = failures.value_of(local_file::read(&path));
            failures.check()?;
            if is_announced {
                terminal::print_records([report::local_notice(&path)]);
            }
            Ok(Backend::Local(LocalFile::new(secrets.unwrap_or_default())))
        }
    }
}
