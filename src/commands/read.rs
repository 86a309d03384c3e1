//! Resolution of a plan: rounds of fetching and resolving until every value is known or has failed.

use std::collections::BTreeMap;
use std::mem::ManuallyDrop;
use std::time::{Duration, Instant};

use super::prepare::BackendConfig;
use super::runtime::run;
use crate::backend::Backend;
use crate::backend::agent::Agent;
use crate::backend::aws::{Aws, SetupError};
use crate::backend::cached::{CacheDirectory, Cached};
use crate::backend::local_file::LocalFile;
use crate::exec;
use crate::input::local_file;
use crate::model::answer::{DescribedSecret, Fetched};
use crate::model::inherited::Inherited;
use crate::model::options::{CacheOptions, Options};
use crate::model::plan::Plan;
use crate::model::reference::Locator;
use crate::report::cache::cache_warnings;
use crate::report::{self, Failure, Report, terminal};
use crate::resolve::{Outcome, Round, resolve, unsupported};
use crate::time::deadline::Deadline;

/// Resolves `plan` within the deadline of `options`, and adds every answer to `fetched`.
///
/// # Errors
/// When nothing can be fetched at all. The failures of single values are part of the outcome.
pub fn read(
    config: BackendConfig,
    options: &Options,
    plan: &Plan,
    inherited: &Inherited,
    fetched: &mut Fetched,
) -> Result<Outcome, Report> {
    let read = read_then(config, options, plan, inherited, fetched, async |_, _, _| Ok(()));
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
    inherited: &Inherited,
    fetched: &mut Fetched,
    describe: bool,
) -> Result<(Outcome, Examined), Report> {
    read_then(config, options, plan, inherited, fetched, async |backend, fetched, deadline| {
        let cached = backend.cached_ages(fetched).await?;
        if !describe {
            return Ok(Examined { secrets: Vec::new(), cached });
        }
        // Another `--timeout`: a secret that cannot be read must not leave no time for the others.
        deadline.restart();
        Ok(Examined { secrets: backend.describe(fetched).await?, cached })
    })
}

/// The state of secrets that `check` reports.
#[derive(Debug, Default)]
pub struct Examined {
    /// Their descriptions, if these were asked for.
    pub secrets: Vec<DescribedSecret>,
    /// The ages of their entries in the cache.
    pub cached: BTreeMap<Locator, Duration>,
}

/// Resolves `plan`, and then calls `then` with all answers.
fn read_then<T>(
    config: BackendConfig,
    options: &Options,
    plan: &Plan,
    inherited: &Inherited,
    fetched: &mut Fetched,
    then: impl AsyncFnOnce(&mut Backend, &Fetched, &Deadline) -> Result<T, SetupError>,
) -> Result<(Outcome, T), Report> {
    let begun = Instant::now();
    let (mut backend, outcome) = run(options, inherited, async |deadline| {
        // Not dropped: the end of the process or execve closes the connections.
        let mut backend = ManuallyDrop::new(open(config, options.cache.as_ref(), deadline.clone())?);
        let outcome = async {
            let outcome = fetch_and_resolve(&mut backend, plan, fetched).await?;
            Ok((outcome, then(&mut backend, fetched, &deadline).await?))
        };
        let outcome = outcome.await;
        Ok((backend, outcome))
    })?;
    if let (Some(CacheOptions { directory, .. }), false) = (&options.cache, options.quiet) {
        terminal::print_lines(cache_warnings(directory, &backend.take_cache_notices(), fetched));
    }
    if options.verbose {
        terminal::print_lines(backend.unreachable_files().iter().map(report::unreachable_file));
    }
    if options.trace {
        terminal::print_lines([report::resolution_time(begun.elapsed())]);
    }
    if options.rotation.is_some() {
        // This process goes on.
        drop(ManuallyDrop::into_inner(backend));
    }
    Ok(outcome.map_err(Failure::Setup)?)
}

/// Fetches what `plan` needs, round by round, and adds every answer to `fetched`.
///
/// # Errors
/// When AWS's configuration files or the profile are invalid.
pub async fn fetch_and_resolve(
    backend: &mut Backend,
    plan: &Plan,
    fetched: &mut Fetched,
) -> Result<Outcome, SetupError> {
    if let Some(answers) = backend.unsupported(plan).await? {
        return Ok(unsupported(plan, &answers));
    }
    loop {
        let answers = match resolve(plan, fetched) {
            Round::Done(outcome) => return Ok(outcome),
            Round::Pending(locators) => backend.fetch(&locators).await?,
        };
        fetched.extend(answers);
    }
}

/// Opens the directory of `--cache`.
///
/// # Errors
/// Each reason why it cannot hold values.
fn open_cache(aws: Aws, options: &CacheOptions) -> Result<Cached, Report> {
    let mut report = Report::default();
    let directory = report.value_of(CacheDirectory::open(&options.directory), Failure::Cache);
    directory.map(|directory| Cached::new(aws, directory, options)).ok_or(report)
}

/// Opens the backend, after making the process's memory unreadable to others.
///
/// # Errors
/// When the file of `--local` cannot be read, or the directory of `--cache` cannot hold values.
pub fn open(config: BackendConfig, cache: Option<&CacheOptions>, deadline: Deadline) -> Result<Backend, Report> {
    match config {
        BackendConfig::Aws(settings) => {
            exec::hide_memory();
            let aws = Aws::new(*settings, deadline);
            Ok(match cache {
                None => Backend::Aws(Box::new(aws)),
                Some(cache) => Backend::Cached(Box::new(open_cache(aws, cache)?)),
            })
        }
        BackendConfig::Agent(settings, agent_settings) => {
            exec::hide_memory();
            let has_fallback = agent_settings.has_fallback;
            let agent = Agent::new(agent_settings, (*settings).clone(), deadline.clone());
            Ok(if has_fallback {
                Backend::AgentThenAws(Box::new(agent), Box::new(Aws::new(*settings, deadline)))
            } else {
                Backend::Agent(Box::new(agent))
            })
        }
        BackendConfig::Local { path, is_announced } => {
            let _awaited = deadline.progress().awaits(format!("the file {} (--local)", path.display()));
            let file = local_file::open(&path).map_err(Failure::Local)?;
            exec::hide_memory();
            let mut failures = Report::default();
            let secrets = failures.value_of(local_file::read(&path, file), Failure::Local);
            failures.check()?;
            if is_announced {
                terminal::print_lines([report::local_notice(&path)]);
            }
            Ok(Backend::Local(LocalFile::new(secrets.unwrap_or_default())))
        }
    }
}
