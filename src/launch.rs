//! `secrets-exec -- COMMAND`: resolve everything, then become the command.

use std::collections::BTreeSet;
use std::convert::Infallible;

use crate::cli::{Invocation, UsageError};
use crate::command::CommandLine;
use crate::environment::{Environment, Inherited, Retained, Retention};
use crate::exec::{self, Program};
use crate::fetched::Fetched;
use crate::manifest::{self, DEFAULT_NAMES};
use crate::options::Options;
use crate::plan::Plan;
use crate::report::{self, Failure, Report};
use crate::resolve::{outstanding, resolve};
use crate::source::{LocalFile, SecretsManager, Settings, Source};

/// Everything is there before anything is started, or nothing is started.
///
/// # Errors
/// Every reason why the command does not run.
pub fn launch(invocation: Invocation, inherited: &Inherited) -> Result<Infallible, Report> {
    let command = invocation.command.clone();
    let (options, plan, retained) = plan(invocation, inherited)?;
    // Found before any request, since not finding it costs nothing.
    let program = find(&command, &plan, &retained)?;
    let fetched = fetch(&options, &plan, inherited)?;
    let resolved = resolve(&plan, &fetched).map_err(|errors| Report::of_resolving(errors, &plan, &command))?;
    let environment =
        Environment::new(retained, &resolved, &command, exec::limits()).map_err(gather(Failure::Environment))?;
    if options.verbose == Some(true) {
        report::say(report::provenance(&plan, &resolved, &fetched));
    }
    exec::exec(&program, &command, &environment)
        .map_err(|error| Report::from(Failure::Exec { program: program.as_path().to_owned(), error }))
}

/// Command line and declarations, merged; what the target keeps of what it inherits.
fn plan(invocation: Invocation, inherited: &Inherited) -> Result<(Options, Plan, Retained), Report> {
    let Invocation { options, layer, files, find_file, command: _ } = invocation;
    let declarations = manifest::load(&files, find_file).map_err(gather(Failure::Manifest))?;
    let mut defaults = Options::default();
    let mut layers = Vec::new();
    for declaration in declarations {
        defaults = declaration.options.over(defaults);
        layers.push(declaration.layer);
    }
    layers.push(layer);
    let options = options.over(defaults);
    if options.external_id.is_some() && options.role_arn.is_none() {
        return Err(Failure::Usage(UsageError::ExternalIdAlone).into());
    }
    if layers.iter().all(|layer| layer.entries.is_empty()) {
        let looked_for = if find_file { DEFAULT_NAMES } else { &[] };
        return Err(Failure::Usage(UsageError::NothingToResolve(looked_for)).into());
    }
    let retention = Retention {
        clean: options.clean_env == Some(true),
        pass: options.pass.clone().unwrap_or_default(),
        unset: options.unset.clone().unwrap_or_default(),
    };
    let retained = inherited.retain(&retention);
    let kept = (options.keep_existing == Some(true)).then_some(&retained);
    let plan = Plan::new(layers, inherited, kept).map_err(gather(Failure::Plan))?;
    Ok((options, plan, retained))
}

fn find(command: &CommandLine, plan: &Plan, retained: &Retained) -> Result<Program, Report> {
    let path = plan.literal("PATH").map(AsRef::as_ref).or_else(|| retained.get("PATH"));
    exec::find(command.program(), path)
        .map_err(|error| Failure::Program { command: command.program().to_string_lossy().into_owned(), error }.into())
}

fn fetch(options: &Options, plan: &Plan, inherited: &Inherited) -> Result<Fetched, Report> {
    match &options.local {
        Some(path) => {
            let file = LocalFile::open(path).map_err(Failure::Local)?;
            exec::hide_memory();
            let mut local = LocalFile::read(path, file).map_err(gather(Failure::Local))?;
            if options.quiet != Some(true) {
                report::say([format!("secrets are read from {}, not from AWS (--local)", path.display())]);
            }
            fetch_from(&mut local, plan, |never| match never {})
        }
        None => {
            let settings = Settings::new(options, inherited).map_err(gather(Failure::Variable))?;
            exec::hide_memory();
            fetch_from(&mut SecretsManager::new(settings), plan, Failure::Setup)
        }
    }
}

/// Asks until nothing is outstanding. The runtime lives here and nowhere else.
fn fetch_from<S: Source>(
    source: &mut S,
    plan: &Plan,
    failure: impl Fn(S::Error) -> Failure,
) -> Result<Fetched, Report> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Runtime(error.to_string()))?;
    let mut fetched = Fetched::default();
    let done = runtime.block_on(async {
        loop {
            let wanted: BTreeSet<_> = outstanding(plan, &fetched);
            if wanted.is_empty() {
                return Ok(());
            }
            fetched.extend(source.fetch(&wanted).await?);
        }
    });
    // Dropping the runtime would wait for a name that may never be resolved.
    runtime.shutdown_background();
    done.map_err(failure)?;
    Ok(fetched)
}

fn gather<E>(failure: fn(E) -> Failure) -> impl Fn(Vec<E>) -> Report {
    move |errors| errors.into_iter().map(failure).collect()
}
