//! `secrets-exec policy`: prints the IAM policy that a launch needs, without any request.

use std::collections::BTreeSet;

use super::prepare::{BackendConfig, Prepared, prepare};
use super::scope::EntryScope;
use super::wait::{ThisProcess, run};
use crate::backend::agent::{Agent, AgentSettings};
use crate::backend::aws::{self, PolicyOptions, RoleChain, Settings, apply_profile, apply_settings};
use crate::input::cli::{Inputs, PolicyArguments};
use crate::model::answer::Fetched;
use crate::model::inherited::Inherited;
use crate::model::options::Options;
use crate::model::plan::Plan;
use crate::model::problem::Problem;
use crate::model::reference::Locator;
use crate::report::{self, Report, terminal};
use crate::resolve::failed_references;
use crate::system::signals;

/// Prints the policy as JSON, and notices about it on standard error.
///
/// # Errors
/// Every error in the inputs, and every reference that the agent cannot read.
pub fn policy(inputs: Inputs, arguments: PolicyArguments, inherited: &Inherited) -> Result<(), Report> {
    let Prepared { options, plan, backend, .. } = prepare(inputs, EntryScope::Everything, inherited)?;
    let (mut settings, agent) = match backend {
        BackendConfig::Aws(settings) => (*settings, None),
        BackendConfig::Agent(settings, agent) => (*settings, Some(agent)),
        BackendConfig::Local { .. } => {
            let text = "policy and --local exclude each other: a launch with a local file needs no permission";
            return Err(Problem::usage(text).into());
        }
    };
    let PolicyArguments { account, for_role, kms_keys, describe } = arguments;
    let policy_options = PolicyOptions { is_for_agent: agent.is_some(), account, for_role, kms_keys, describe };
    let locators = plan.locators();
    let chain = complete(&mut settings, agent, &plan, &locators, &options, inherited)?;
    signals::release();
    let (text, notices) = aws::policy(&settings, chain.as_ref(), &locators, &policy_options)?;
    terminal::print(&text)?;
    if !options.quiet {
        terminal::print_records(report::scheme_warnings(&plan));
        terminal::print_records(notices.iter().map(report::policy_notice));
    }
    Ok(())
}

/// Completes `settings` with those of the profile, in files that may be on a file system that hangs, and returns the way to its credentials.
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
) -> Result<Option<RoleChain>, Report> {
    let (chain, refused) = run(options, &ThisProcess::new(inherited), async |deadline| {
        let Some(agent) = agent else { return Ok((apply_profile(settings)?, Fetched::default())) };
        apply_settings(settings)?;
        let agent = Agent::new(agent, settings.clone(), deadline);
        Ok((None, agent.unsupported(locators).into_iter().collect()))
    })?;
    Report::of_values(failed_references(plan, &refused), Vec::new(), "no policy was printed").check()?;
    Ok(chain)
}
