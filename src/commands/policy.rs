//! `secrets-exec policy`: prints the IAM policy that a launch needs, without sending a request.

use super::prepare::{Prepared, run_prepared};
use super::task::Task;
use crate::backend::aws::{self, Policy, PolicyRequest, apply_profile, apply_settings};
use crate::input::cli::{Inputs, PolicyArguments};
use crate::model::environment::Inherited;
use crate::model::message::{Placed, Problem};
use crate::model::options::SourceOption;
use crate::report::{Record, Report, terminal};
use crate::time::Deadline;

/// Prints the policy as JSON, and returns the notices to print after it.
pub fn policy(
    inputs: Inputs,
    arguments: PolicyArguments,
    inherited: &Inherited,
) -> Result<Vec<Record>, Report> {
    // AWS's configuration files may be on a file system that hangs, so read them on the worker.
    let policy = run_prepared(inputs, Task::POLICY, inherited, |prepared, deadline| {
        needed_policy(prepared, &arguments, deadline)
    })?;
    terminal::output(&policy.text)?;
    Ok(policy.notices)
}

/// The policy for a launch's requests or, with `--metadata`, for those of `check --metadata`.
fn needed_policy(
    prepared: Prepared,
    arguments: &PolicyArguments,
    deadline: &Deadline,
) -> Result<Policy, Report> {
    let Prepared {
        options,
        mut settings,
        plan,
        ..
    } = prepared;
    let is_agent = match &options.source {
        SourceOption::Local(Placed { place, .. }) => {
            let text = format!(
                "policy can't be used with {place}, because reading a local file doesn't need permissions"
            );
            return Err(Problem::usage(text).into());
        }
        SourceOption::Agent(_) => true,
        SourceOption::Aws => false,
    };
    // `check --metadata` asks AWS even with `--agent`, so its policy isn't for the agent.
    let is_for_agent = is_agent && !arguments.metadata;

    let locators = plan.locators();
    let mut chain = None;
    if is_for_agent {
        // The Secrets Manager Agent has its own credentials, so the profile's roles don't matter.
        apply_settings(&mut settings, &deadline.progress)?;
    } else {
        chain = apply_profile(&mut settings, &deadline.progress)?;
        // A policy is for AWS itself, whatever endpoint is configured.
        settings.ignore_configured_endpoints();
        settings.check_regions(&locators)?;
    }

    let request = PolicyRequest {
        account: arguments.account.as_deref(),
        for_role: arguments.for_role.as_ref(),
        kms_keys: &arguments.kms_keys,
        metadata: arguments.metadata,
        is_for_agent,
    };
    Ok(aws::policy(&settings, chain.as_ref(), &locators, &request)?)
}
