//! `secrets-exec policy`: prints the IAM policy that a launch needs, without any request.

use std::collections::BTreeSet;

use super::prepare::{BackendConfig, Prepared, Scope, prepare};
use super::runtime::run;
use crate::backend::agent::{Agent, AgentSettings};
use crate::backend::aws::{self, Reader, Settings, apply_profile};
use crate::input::cli::Inputs;
use crate::model::answer::Fetched;
use crate::model::inherited::Inherited;
use crate::model::options::{OptionConflict, Options, PolicyOptions};
use crate::model::plan::Plan;
use crate::model::reference::Locator;
use crate::report::{self, Failure, Report, terminal};
use crate::resolve::unsupported;

/// Prints the policy as JSON, and notices about it on standard error.
///
/// # Errors
/// Every error in the inputs, and every reference that the agent cannot read.
pub fn policy(inputs: Inputs, policy_options: &PolicyOptions, inherited: &Inherited) -> Result<(), Report> {
    let Prepared { options, plan, backend, .. } = prepare(inputs, Scope::Everything, inherited)?;
    let (mut settings, agent) = match backend {
        BackendConfig::Aws(settings) => (*settings, None),
        BackendConfig::Agent(settings, agent) => (*settings, Some(agent)),
        BackendConfig::Local { .. } => {
            let why = "a launch with a local file makes no request and needs no permission";
            return Err(Failure::Options(OptionConflict::Together { options: ["policy", "--local"], why }).into());
        }
    };
    let reader = if agent.is_some() { Reader::Agent } else { Reader::Launch };
    let locators = plan.locators();
    complete(&mut settings, agent, &plan, &locators, &options, inherited)?;
    let policy = aws::policy(&settings, &locators, reader, policy_options);
    let (text, notices) = policy.map_err(Failure::UnknownRole)?;
    terminal::print(&text).map_err(Failure::Output)?;
    if options.verbose {
        terminal::print_lines(settings.unreachable_files.iter().map(report::unreachable_file));
    }
    if !options.quiet {
        terminal::print_lines(report::scheme_warnings(&plan));
        terminal::print_lines(notices.iter().map(report::policy_notice));
    }
    Ok(())
}

/// Completes `settings` with those of the profile, in files that may be on a file system that hangs.
///
/// # Errors
/// When the files or the profile are invalid, or the agent can never read some of `locators`.
fn complete(
    settings: &mut Settings,
    agent: Option<AgentSettings>,
    plan: &Plan,
    locators: &BTreeSet<&Locator>,
    options: &Options,
    inherited: &Inherited,
) -> Result<(), Report> {
    let refused: Fetched = run(options, inherited, async |deadline| {
        apply_profile(settings).await.map_err(Failure::Setup)?;
        let Some(agent) = agent else { return Ok(Fetched::default()) };
        let mut agent = Agent::new(agent, settings.clone(), deadline);
        Ok(agent.unsupported(locators).await.map_err(Failure::Setup)?.into_iter().collect())
    })?;
    Report::of_unsupported(unsupported(plan, &refused).errors, plan, "no policy was printed").check()
}
