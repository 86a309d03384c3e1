//! Runs that must end when their `--timeout` or `--wait` is over. No other test fails by elapsed time.

use std::time::{Duration, Instant};

use super::outcome::Outcome;
use super::sandbox::Sandbox;

/// The time that a run may take beyond its limit on a machine at rest. The program itself promises half of it.
const SLACK: Duration = Duration::from_secs(1);

/// A run may also take the time of so many starts of the program, which a loaded machine makes slower, too.
const STARTS: u32 = 10;

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
    ends_between(
        wait.saturating_sub(EARLY),
        wait,
        &sandbox.args(["--wait", &milliseconds]),
    )
}

fn ends_between(earliest: Duration, latest: Duration, sandbox: &Sandbox) -> Outcome {
    let version = Sandbox::new().arg("--version").bare();
    let (_, before) = timed(&version);
    let (outcome, took) = timed(sandbox);
    let (_, after) = timed(&version);
    let latest = latest + SLACK + before.max(after) * STARTS;
    assert!(
        took >= earliest,
        "ended after {took:?}, too early: {outcome}"
    );
    assert!(
        took < latest,
        "ended after {took:?}, with {latest:?} allowed: {outcome}"
    );
    outcome
}

/// Returns how long a run took as well.
fn timed(sandbox: &Sandbox) -> (Outcome, Duration) {
    let began = Instant::now();
    (sandbox.run(), began.elapsed())
}
