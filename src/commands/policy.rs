//! `secrets-exec policy`: prints the IAM policy that a launch needs, without any request.

use super::prepare::{BackendConfig, Prepared, run_prepared};
use super::scope::EntryScope;
use crate::backend::agent::Agent;
use crate::backend::aws::{self, Policy, PolicyOptions, apply_profile, apply_settings};
use crate::input::cli::{Inputs, PolicyArguments};
use crate::model::inherited::Inherited;
use crate::model::problem::Problem;
use crate::report::{Record, Report, terminal};
use crate::resolve::failed_references;
use crate::time::Deadline;

/// Prints the policy as JSON, and notices about it on standard error.
///
/// # Errors
/// Every error in the inputs, and every reference that the agent cannot read.
pub fn policy(
    inputs: Inputs,
    arguments: PolicyArguments,
    inherited: &Inherited,
) -> Result<(), Report> {
    // The profile's files may be on a file system that hangs, so they are read within the deadline.
    let policy = run_prepared(
        inputs,
        EntryScope::Everything,
        inherited,
        |prepared, deadline| needed_policy(prepared, arguments, deadline),
    )?;
    terminal::output(&policy.text)?;
    terminal::print_notices(policy.warnings.into_iter().map(Record::warning));
    terminal::print_notices(policy.notes.into_iter().map(Record::note));
    Ok(())
}

/// Returns the policy that allows the requests of a launch, or those of `check --metadata`.
///
/// # Errors
/// The use of `--local`, invalid settings of AWS, an invalid profile, and every reference that the agent cannot read.
fn needed_policy(
    Prepared { plan, backend, .. }: Prepared,
    arguments: PolicyArguments,
    deadline: &Deadline,
) -> Result<Policy, Report> {
    let BackendConfig::Aws(mut settings, agent) = backend else {
        let text = "policy can't be used with --local, because a launch that reads a local file needs no permissions";
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
    let options = PolicyOptions {
        is_for_agent: agent.is_some(),
        account,
        for_role,
        kms_keys,
        describe,
        metadata,
    };

    let locators = plan.locators();
    let chain = match agent {
        None => {
            let chain = apply_profile(&mut settings, deadline.progress())?;
            settings.check_regions(&locators)?;
            chain
        }
        Some(agent) => {
            apply_settings(&mut settings, deadline.progress())?;
            let agent = Agent::new(agent, (*settings).clone(), deadline.clone());
            let refused = agent.unsupported(&locators).into_iter().collect();
            let failed = failed_references(&plan, &refused);
            Report::of_values(failed, "no policy was printed").into_result()?;
            None
        }
    };
    Ok(aws::policy(&settings, chain.as_ref(), &locators, &options)?)
}
