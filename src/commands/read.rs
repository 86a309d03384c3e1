//! Resolution of a plan: everything that it names is fetched at once, and resolved in one pass.

use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet};
use std::mem::ManuallyDrop;
use std::time::{Duration, Instant};

use super::prepare::{BackendConfig, Prepared, run_prepared};
use super::scope::EntryScope;
use super::worker::block_on;
use crate::backend::Backend;
use crate::backend::agent::Agent;
use crate::backend::aws::{Aws, Purpose};
use crate::backend::cached::{CacheDirectory, Cached};
use crate::backend::local_file::LocalFile;
use crate::exec;
use crate::input::cli::Inputs;
use crate::input::local_file;
use crate::model::answer::{Answer, Caller, DescribedSecret, FetchFailure, Fetched};
use crate::model::environment::unusable;
use crate::model::inherited::Inherited;
use crate::model::options::{CacheOptions, Options};
use crate::model::outcome::Outcomes;
use crate::model::plan::Plan;
use crate::model::problem::Problem;
use crate::model::reference::Locator;
use crate::report::cache::cache_warnings;
use crate::report::{self, Report, terminal};
use crate::resolve::{resolve, suggest_aliases, unknown_template_names};
use crate::time::Deadline;

/// The longest pause between two tries of `--wait`.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The passes over the values of a launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    First,
    /// A later read of the same values, for a command that runs. It repeats no warning, does not wait, uses nothing that is in the cache, and
    /// does without a cache whose directory cannot be used.
    #[cfg_attr(
        not(target_os = "linux"),
        allow(dead_code, reason = "only Linux has --on-rotation")
    )]
    Poll,
}

/// The facts that `check` needs in addition to the values.
#[derive(Debug, Default)]
pub struct Inspection {
    /// True if descriptions are asked for.
    pub describes: bool,
    pub secrets: Vec<DescribedSecret>,
    /// The ages of their entries in the cache.
    pub cached: BTreeMap<Locator, Duration>,
    pub caller: Option<Caller>,
}

/// The values of a command, and the answers from which they come.
pub struct ReadValues {
    pub outcomes: Outcomes,
    pub fetched: Fetched,
}

/// Prepares the inputs, and resolves every value for a command that passes it on itself. Prints where each comes from with `--verbose`. The
/// report has each value that cannot be read, or that no environment or credential can hold, and the consequence.
///
/// # Errors
/// Every error in the inputs, or when nothing can be fetched at all.
pub fn read_values(
    inputs: Inputs,
    scope: EntryScope<'_>,
    inherited: &Inherited,
    consequence: &str,
) -> Result<(Outcomes, Report), Report> {
    let (options, values, report) =
        run_prepared(inputs, scope, inherited, |prepared, deadline| {
            let (values, report) = read_usable(&prepared, Pass::First, deadline, consequence)?;
            Ok((prepared.options, values, report))
        })?;
    let ReadValues { outcomes, fetched } = values;
    if options.verbose && report.is_empty() {
        terminal::print(report::provenance(&outcomes, &fetched));
    }
    Ok((outcomes, report))
}

/// Resolves every value. The report has each value that cannot be read, or that no environment or credential can hold, and the
/// consequence.
///
/// # Errors
/// When nothing can be fetched at all.
pub fn read_usable(
    prepared: &Prepared,
    pass: Pass,
    deadline: &Deadline,
    consequence: &str,
) -> Result<(ReadValues, Report), Report> {
    let (outcomes, fetched) = read_plan(prepared, pass, deadline, None)?;
    let mut problems = outcomes.problems();
    problems.extend(unusable(&outcomes, exec::limits()));
    let report = Report::of_values(problems, consequence);
    Ok((ReadValues { outcomes, fetched }, report))
}

/// Resolves the plan within the deadline, and then fills the inspection of `check`. Also returns every answer. Prints the warnings about the
/// cache.
///
/// # Errors
/// When nothing can be fetched at all. The failures of single values are outcomes.
pub fn read_plan(
    prepared: &Prepared,
    pass: Pass,
    deadline: &Deadline,
    inspection: Option<&mut Inspection>,
) -> Result<(Outcomes, Fetched), Report> {
    let begun = Instant::now();
    let options = &prepared.options;
    let mut backend = open(prepared, pass, inspection.is_some(), deadline)?;
    let wait = match pass {
        Pass::First => options.wait,
        Pass::Poll => None,
    };
    let (outcomes, fetched) = block_on(async {
        let (mut outcomes, fetched) =
            fetch_and_resolve(&mut backend, &prepared.plan, wait, deadline).await?;
        outcomes.requests = deadline.progress().requests();
        outcomes.elapsed = begun.elapsed();
        if let Some(inspection) = inspection {
            inspection.cached = backend.cached_ages(&fetched);
            inspection.caller = backend.caller();
            if inspection.describes {
                // Another `--timeout`: a secret that cannot be read must not leave no time for the others.
                deadline.restart();
                inspection.secrets = backend.describe(&fetched).await?;
            }
        }
        Ok((outcomes, fetched))
    })?;
    if let Some(cache) = &options.cache
        && pass == Pass::First
        && !options.quiet
    {
        let notices = backend.take_cache_notices();
        terminal::print(cache_warnings(&cache.directory, &notices, &fetched));
    }
    Ok((outcomes, fetched))
}

/// Fetches what `plan` names, and resolves it. If credentials or the network are not there yet, it fetches what is missing
/// again and again, until `--wait` is over.
///
/// # Errors
/// When AWS's configuration files or the profile are invalid.
async fn fetch_and_resolve(
    backend: &mut Backend,
    plan: &Plan,
    wait: Option<Duration>,
    deadline: &Deadline,
) -> Result<(Outcomes, Fetched), Problem> {
    if let Some(refused) = unknown_template_names(plan) {
        return Ok((refused, Fetched::default()));
    }
    let mut fetched = Fetched::from_iter(backend.unsupported(plan)?);
    let wanted: BTreeSet<_> = plan
        .locators()
        .into_iter()
        .filter(|locator| !fetched.contains_key(locator))
        .collect();
    if wanted.is_empty() || !fetched.is_empty() {
        // Neither credentials nor a profile are needed for literals, and no request if the agent can never read one of the values.
        let outcomes = resolve(plan, &fetched);
        let lacking = outcomes.lacking(&fetched);
        if wanted.is_empty() || lacking.iter().any(|locator| fetched.contains_key(locator)) {
            return Ok((outcomes, fetched));
        }
    }
    let begun = Instant::now();
    // What this try asks for: of all that is wanted, what earlier tries did not read from AWS.
    let mut asked = wanted.clone();
    // The answers of the cache that gave a value which doesn't match its pattern.
    let mut refused = BTreeSet::new();
    loop {
        // On the heap: the future is large, and every future around would contain it.
        let suffices = |cached: &Fetched| resolve(plan, cached).lacking(cached).is_empty();
        let mut answers = Box::pin(backend.fetch(&asked, &suffices, &refused)).await?;
        // Only a failure looks for the file.
        let remedy = LazyCell::new(|| {
            plan.references()
                .find_map(|(entry, _)| local_file::remedy(&entry.subject.origin))
        });
        for (_, answer) in &mut answers {
            if let Err(failure) = answer {
                failure.remedies.extend(remedy.clone());
            }
        }
        fetched.extend(answers);
        // Without an answer an entry would have neither a value nor an error, and the command would start without it.
        assert!(
            wanted.iter().all(|locator| fetched.contains_key(*locator)),
            "the backend left a locator out"
        );
        suggest_aliases(&mut fetched, plan);
        let outcomes = resolve(plan, &fetched);
        // AWS may have a value that matches by now.
        let mismatched = outcomes.mismatched_in_cache(&fetched);
        if !mismatched.is_empty() {
            asked.clone_from(&wanted);
            asked.retain(|locator| mismatched.contains(*locator));
            refused.extend(mismatched);
            continue;
        }
        let lacking = outcomes.lacking(&fetched);
        let failures: Vec<&FetchFailure> = lacking
            .iter()
            .filter_map(|locator| fetched.get(locator)?.as_ref().err())
            .collect();
        // A failure that would come again is reported at once.
        let is_waited_for =
            !failures.is_empty() && failures.iter().all(|failure| failure.is_waited_for());
        let Some(wait) = wait.filter(|_| is_waited_for) else {
            return Ok((outcomes, fetched));
        };
        let Some(left) = wait.checked_sub(begun.elapsed()) else {
            for failure in fetched
                .values_mut()
                .filter_map(|answer| answer.as_mut().err())
            {
                failure.waited = Some(Duration::from_secs(begun.elapsed().as_secs()));
            }
            return Ok((resolve(plan, &fetched), fetched));
        };
        let _awaited = deadline
            .progress()
            .awaits("the next try (--wait)".to_owned());
        for failure in failures {
            deadline.progress().note_reason(failure.error.text());
        }
        // The pause has a deadline of its own.
        deadline.restart();
        tokio::time::sleep(left.min(LONGEST_PAUSE.mul_f64(fastrand::f64()))).await;
        deadline.restart();
        backend.forget();
        asked.clone_from(&wanted);
        asked.retain(|locator| {
            lacking.contains(*locator) || fetched.get(*locator).is_some_and(is_stale)
        });
    }
}

/// True for an answer of the cache that covers a failure, for which AWS may have a newer value once it answers.
fn is_stale(answer: &Answer) -> bool {
    let cached = answer
        .as_ref()
        .ok()
        .and_then(|document| document.cached.as_ref());
    cached.is_some_and(|cached| cached.covers.is_some())
}

/// Opens the backend, which is never dropped: the end of the process or execve closes its connections.
///
/// # Errors
/// When the file of `--local` cannot be read, or the directory of `--cache` cannot hold values.
fn open(
    Prepared {
        options, backend, ..
    }: &Prepared,
    pass: Pass,
    asks_identity: bool,
    deadline: &Deadline,
) -> Result<ManuallyDrop<Backend>, Report> {
    let purpose = Purpose {
        is_unattended: options.rotation.is_some(),
        asks_identity,
    };
    let backend = match backend.clone() {
        BackendConfig::Aws(settings, None) => {
            let aws = Aws::new(*settings, purpose, deadline.clone());
            match open_cache(options, pass).map_err(Report::from_iter)? {
                None => Backend::Aws(Box::new(aws)),
                Some((directory, cache)) => {
                    Backend::Cached(Box::new(Cached::new(aws, directory, &cache)))
                }
            }
        }
        BackendConfig::Aws(settings, Some(agent_settings)) => {
            let has_fallback = agent_settings.has_fallback;
            let agent = Agent::new(agent_settings, (*settings).clone(), deadline.clone());
            let aws =
                has_fallback.then(|| Box::new(Aws::new(*settings, purpose, deadline.clone())));
            Backend::Agent(Box::new(agent), aws)
        }
        BackendConfig::Local { path, is_announced } => {
            let _awaited = deadline
                .progress()
                .awaits(format!("the file {} (--local)", path.display()));
            let secrets = local_file::read_secrets(&path).map_err(Report::from_iter)?;
            if is_announced && pass == Pass::First {
                terminal::print([report::local_notice(&path)]);
            }
            Backend::Local(LocalFile::new(secrets))
        }
    };
    Ok(ManuallyDrop::new(backend))
}

/// Opens the directory of `--cache`, and returns it with the ages of answers that a pass uses. `None` without `--cache`, and for a poll
/// without a directory that can be used.
///
/// # Errors
/// When the directory cannot hold values.
fn open_cache(
    options: &Options,
    pass: Pass,
) -> Result<Option<(CacheDirectory, CacheOptions)>, Vec<Problem>> {
    let Some(cache) = &options.cache else {
        return Ok(None);
    };
    match (CacheDirectory::open(&cache.directory), pass) {
        (directory, Pass::First) => Ok(Some((directory?, cache.clone()))),
        (Ok(directory), Pass::Poll) => {
            // AWS's answers are kept for the next launch, and none is used.
            let unused = CacheOptions {
                ttl: Duration::ZERO,
                stale: Duration::ZERO,
                ..cache.clone()
            };
            Ok(Some((directory, unused)))
        }
        (Err(_), Pass::Poll) => Ok(None),
    }
}
