//! Reads the values of a plan: opens the backend, lets `fetch` request every secret that the plan
//! names, and returns an outcome for each entry.
//!
//! A failure of a single value is an outcome, not an error, so that the report has all of them.

use std::collections::BTreeMap;
use std::mem::ManuallyDrop;
use std::time::{Duration, Instant};

use super::fetch::fetch_and_resolve;
use super::prepare::{BackendConfig, Prepared, prepare};
use super::scope::EntryScope;
use super::worker::{self, block_on};
use crate::backend::Backend;
use crate::backend::agent::Agent;
use crate::backend::aws::{Aws, Purpose};
use crate::backend::cached::{CacheDirectory, Cached};
use crate::backend::local_file::LocalFile;
use crate::exec;
use crate::input::cli::Inputs;
use crate::input::local_secrets::read_local_secrets;
use crate::model::answer::{Caller, DescribedSecret, Fetched};
use crate::model::env_variables::Inherited;
use crate::model::environment::delivery_problems;
use crate::model::options::{CacheOptions, Options};
use crate::model::outcome::Outcomes;
use crate::model::problem::Problem;
use crate::model::reference::Locator;
use crate::report::{self, Report, terminal};
use crate::time::Deadline;

/// The occasion on which the values are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// The first read, for a command that hasn't been started.
    First,
    /// A later read, for a command that runs with `--on-rotation`. A poll doesn't repeat warnings,
    /// doesn't wait (`--wait`), and doesn't use answers from the cache. If the directory of the
    /// cache can't be used, the poll goes on without a cache.
    #[cfg_attr(
        not(target_os = "linux"),
        allow(dead_code, reason = "only Linux has --on-rotation")
    )]
    Poll,
}

/// The facts that `check` shows in addition to the values.
#[derive(Debug, Default)]
pub struct Inspection {
    /// True with `--describe`.
    pub describes: bool,
    /// The descriptions of the secrets.
    pub secrets: Vec<DescribedSecret>,
    /// The ages of the answers that are in the cache.
    pub cached: BTreeMap<Locator, Duration>,
    /// The identity that AWS sees; `None` if AWS wasn't asked.
    pub caller: Option<Caller>,
}

/// The values of a command, and the answers that they come from.
pub struct Values {
    pub outcomes: Outcomes,
    pub fetched: Fetched,
}

/// Prepares the inputs and reads every value, for a subcommand that prints or sends the values
/// itself. With `--verbose`, prints where each value comes from.
///
/// The report has each value that can't be read, or that doesn't fit into an environment or a
/// credential. Its last line begins with `consequence`.
///
/// # Errors
/// Every error in the inputs, or the reason why nothing can be read at all.
pub fn subcommand_values(
    inputs: Inputs,
    scope: EntryScope<'_>,
    inherited: &Inherited,
    consequence: &str,
) -> Result<(Outcomes, Report), Report> {
    let (options, values, report) = worker::run(inputs, inherited, |inputs, deadline| {
        let prepared = prepare(inputs, scope, inherited, deadline)?;
        let (values, report) = read_values(&prepared, Pass::First, deadline, consequence)?;
        Ok((prepared.options, values, report))
    })?;
    let Values { outcomes, fetched } = values;
    if options.verbose && report.is_empty() {
        terminal::print_always(report::provenance_notes(&outcomes, &fetched));
    }
    Ok((outcomes, report))
}

/// Reads every value, which can take until the deadline, and checks that each one can be delivered.
/// Returns all outcomes, and a report of the values that can't be read, or that don't fit into an
/// environment or a credential. The report is empty if every value can be used. Otherwise its last
/// line begins with `consequence`.
///
/// # Errors
/// The reason why nothing can be read at all.
pub fn read_values(
    prepared: &Prepared,
    pass: Pass,
    deadline: &Deadline,
    consequence: &str,
) -> Result<(Values, Report), Report> {
    let (outcomes, fetched) = read_plan(prepared, pass, deadline, None)?;
    let mut problems = outcomes.problems();
    problems.extend(delivery_problems(&outcomes, exec::argument_limits()));
    let report = Report::from_values(problems, consequence);
    Ok((Values { outcomes, fetched }, report))
}

/// Reads the values of a plan within the deadline, and returns the outcomes and every answer.
/// Prints the warnings about the cache and the outcomes, except in a poll. If there is an
/// `inspection`, also finds out what `check` shows, and puts it there.
///
/// # Errors
/// The reason why nothing can be read at all. The failure of a single value is an outcome.
pub fn read_plan(
    prepared: &Prepared,
    pass: Pass,
    deadline: &Deadline,
    inspection: Option<&mut Inspection>,
) -> Result<(Outcomes, Fetched), Report> {
    let begun = Instant::now();
    let options = &prepared.options;
    let mut backend = open_backend(prepared, pass, inspection.is_some(), deadline)?;
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
                // The descriptions get a `--timeout` of their own. A secret that can't be read must
                // not use up their time.
                deadline.restart_after(Duration::ZERO);
                inspection.secrets = backend.describe_secrets(&fetched).await?;
            }
        }
        Ok((outcomes, fetched))
    })?;

    if let Some(cache) = &options.cache
        && pass == Pass::First
        && !options.quiet
    {
        let notices = backend.take_cache_notices();
        terminal::print_always(report::cache_warnings(&cache.directory, &notices, &fetched));
    }
    if pass == Pass::First {
        terminal::print_unless_hidden(report::outcome_warnings(&outcomes));
    }
    Ok((outcomes, fetched))
}

/// Opens the backend. Nothing drops it, because the end of the process or execve closes its
/// connections. Reads the file of `--local`, and prints the warning about it, except in a poll.
///
/// # Errors
/// If the file of `--local` can't be read, or if the directory of `--cache` is not safe for values.
fn open_backend(
    Prepared {
        options,
        backend: config,
        ..
    }: &Prepared,
    pass: Pass,
    asks_identity: bool,
    deadline: &Deadline,
) -> Result<ManuallyDrop<Backend>, Report> {
    let purpose = Purpose {
        is_unattended: options.rotation.is_some(),
        asks_identity,
    };

    let backend = match config.clone() {
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
            let secrets = read_local_secrets(&path).map_err(Report::from_iter)?;
            if is_announced && pass == Pass::First {
                terminal::print_always([report::local_warning(&path)]);
            }
            Backend::Local(LocalFile::new(path, secrets))
        }
    };
    Ok(ManuallyDrop::new(backend))
}

/// Opens the directory of `--cache`. Also returns how old a cached answer may be in this pass.
/// Returns `None` without `--cache`, and for a poll if the directory can't be used.
///
/// # Errors
/// If the directory is not safe for values.
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
            // A poll stores AWS's answers for the next launch, but doesn't use any.
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
