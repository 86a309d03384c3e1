//! Runs that must end when their `--timeout` or `--wait` is over. No other test decides by elapsed time.

use std::time::{Duration, Instant};

use super::outcome::Outcome;
use super::sandbox::Sandbox;

/// The time that a loaded machine may add; the default of `--timeout` is longer.
const SLACK: Duration = Duration::from_secs(8);

/// Coarse clocks, and a last attempt that no longer fits.
const EARLY: Duration = Duration::from_millis(100);

/// Runs with such a `--timeout`, and asserts that the run ended no later.
pub fn ends_within(timeout: Duration, sandbox: Sandbox) -> Outcome {
    let milliseconds = format!("{}ms", timeout.as_millis());
    keeps_to(timeout, &sandbox.args(["--timeout", &milliseconds]))
}

/// Asserts that a run which has been given its timeout, by whatever means, ended no later.
pub fn keeps_to(timeout: Duration, sandbox: &Sandbox) -> Outcome {
    ends_between(Duration::ZERO, timeout, sandbox)
}

/// Runs with such a `--wait`, and asserts that the run ended with it.
pub fn waits_for(wait: Duration, sandbox: Sandbox) -> Outcome {
    let milliseconds = format!("{}ms", wait.as_millis());
    ends_between(wait.saturating_sub(EARLY), wait, &sandbox.args(["--wait", &milliseconds]))
}

fn ends_between(earliest: Duration, latest: Duration, sandbox: &Sandbox) -> Outcome {
    let began = Instant::now();
    let outcome = sandbox.run();
    let took = began.elapsed();
    assert!(took >= earliest, "ended after {took:?}, too early: {outcome}");
    assert!(took < latest + SLACK, "ended after {took:?}, with {latest:?} allowed: {outcome}");
    outcome
}
