//! `secrets-exec policy`: prints the IAM policy that a launch needs, without any request.

use super::prepare::{BackendConfig, Prepared, prepare};
use super::scope::EntryScope;
use super::worker::run;
use crate::backend::agent::Agent;
use crate::backend::aws::{self, PolicyOptions, apply_profile, apply_settings};
use crate::input::cli::{Inputs, PolicyArguments};
use crate::model::answer::Fetched;
use crate::model::inherited::Inherited;
use crate::model::problem::Problem;
use crate::report::{Record, Report, terminal};
use crate::resolve::failed_references;
use crate::system::systemd::Notifier;

/// Prints the policy as JSON, and notices about it on standard error.
///
/// # Errors
/// Every error in the inputs, and every reference that the agent cannot read.
pub fn policy(
    inputs: Inputs,
    arguments: PolicyArguments,
    inherited: &Inherited,
) -> Result<(), Report> {
    let Prepared {
        options,
        plan,
        backend,
        ..
    } = prepare(inputs, EntryScope::Everything, inherited)?;
    let BackendConfig::Aws(mut settings, agent) = backend else {
        let text =
            "policy and --local exclude each other: a launch with a local file needs no permission";
        return Err(Problem::usage(text).into());
    };
    let PolicyArguments {
        account,
        for_role,
        kms_keys,
        describe,
        metadata,
    } = arguments;
    // `check --metadata` asks past the agent.
    let agent = agent.filter(|_| !metadata);
    let policy_options = PolicyOptions {
        is_for_agent: agent.is_some(),
        account,
        for_role,
        kms_keys,
        describe,
        metadata,
    };
    let locators = plan.locators();
    // The profile's files may be on a file system that hangs.
    let (chain, refused) = run(&options, &Notifier::new(inherited), |deadline| {
        let Some(agent) = agent else {
            let chain = apply_profile(&mut settings, deadline.progress())?;
            settings.check_regions(&locators)?;
            return Ok((chain, Fetched::default()));
        };
        apply_settings(&mut settings, deadline.progress())?;
        let agent = Agent::new(agent, (*settings).clone(), deadline.clone());
        Ok((None, agent.unsupported(&locators).into_iter().collect()))
    })?;
    Report::of_values(failed_references(&plan, &refused), "no policy was printed").into_result()?;
    let policy = aws::policy(&settings, chain.as_ref(), &locators, &policy_options)?;
    terminal::output(&policy.text)?;
    terminal::print_notices(policy.warnings.into_iter().map(Record::warning));
    terminal::print_notices(policy.notes.into_iter().map(Record::note));
    Ok(())
}
