//! `secrets-exec policy`: prints the IAM policy that a launch needs, without any request.

use super::long_wait::LongWait;
use super::prepare::{BackendConfig, Prepared, prepare};
use crate::backend::agent::Agent;
use crate::backend::aws::{self, Reader, apply_profile};
use crate::input::cli::Inputs;
use crate::model::answer::Fetched;
use crate::model::inherited::Inherited;
use crate::model::options::{OptionConflict, PolicyOptions};
use crate::report::{self, Failure, Report, terminal};
use crate::resolve::unsupported;
use crate::system::os_error;
use crate::time::deadline::Deadline;
use crate::time::watchdog::Watchdog;

/// Prints the policy as JSON, and notices about it on standard error.
///
/// # Errors
/// Every error in the inputs, and every reference that the agent cannot read.
pub fn policy(inputs: Inputs, policy_options: &PolicyOptions, inherited: &Inherited) -> Result<(), Report> {
    let Prepared { options, plan, backend, .. } = prepare(inputs, inherited)?;
    let (mut settings, agent) = match backend {
        BackendConfig::Aws(settings) => (settings, None),
        BackendConfig::Agent(settings, agent) => (settings, Some(agent)),
        BackendConfig::Local { .. } => {
            let why = "a launch with a local file makes no request and needs no permission";
            return Err(Failure::Options(OptionConflict::Together { options: ["policy", "--local"], why }).into());
        }
    };
    let reader = agent
        .as_ref()
        .map_or(Reader::Launch, |agent| Reader::Agent { in_lambda: agent.in_lambda, has_fallback: agent.has_fallback });
    // AWS's configuration files may be on a file system that hangs.
    let long_wait = LongWait::new(&options, inherited);
    let deadline = Deadline::new(options.timeout, options.wait);
    let watchdog = Watchdog::start(deadline.clone(), long_wait.callbacks());
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.map_err(|error| Failure::Runtime(os_error::text(&error)))?;
    let locators = plan.locators();
    let mut answers = Fetched::default();
    runtime.block_on(async {
        apply_profile(&mut settings).await.map_err(Failure::Setup)?;
        if let Some(agent) = agent {
            let mut agent = Agent::new(agent, (*settings).clone(), deadline);
            answers.extend(agent.unsupported(&locators).await.map_err(Failure::Setup)?);
        }
        Ok::<_, Report>(())
    })?;
    drop((watchdog, long_wait));
    Report::of_unsupported(unsupported(&plan, &answers).errors, &plan, "no policy was printed").check()?;
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
