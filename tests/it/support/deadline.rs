//! Runs that must end when their `--timeout` or `--wait` is over. Other tests don't fail because of
//! elapsed time.

use std::time::{Duration, Instant};

use super::outcome::Outcome;
use super::sandbox::Sandbox;

/// How much longer than its limit a run may take on an idle machine. The program itself promises
/// half of that.
const SLACK: Duration = Duration::from_secs(1);

/// A run may also take as long as this number of starts of the program, which are slower on a busy
/// machine, too.
const STARTS: u32 = 10;

/// But a busy machine doesn't get more than this. A limit of a few seconds that has become twenty
/// is noticed on any machine.
const MOST_FOR_STARTS: Duration = Duration::from_secs(10);

/// A run may end a little earlier, because clocks are coarse and the last attempt may no longer
/// fit.
const EARLY: Duration = Duration::from_millis(100);

/// Runs with this `--timeout`, and asserts that the run ended no later.
pub fn ends_within(timeout: Duration, sandbox: Sandbox) -> Outcome {
    let milliseconds = format!("{}ms", timeout.as_millis());
    keeps_to(timeout, &sandbox.args(["--timeout", &milliseconds]))
}

/// Asserts that a run ends no later than its timeout, however the test has set that.
pub fn keeps_to(timeout: Duration, sandbox: &Sandbox) -> Outcome {
    ends_between(Duration::ZERO, timeout, sandbox)
}

/// Runs with this `--wait`, and asserts that the run ended when that was over.
pub fn waits_for(wait: Duration, sandbox: Sandbox) -> Outcome {
    let milliseconds = format!("{}ms", wait.as_millis());
    let sandbox = sandbox.args(["--wait", &milliseconds]);
    ends_between(wait.saturating_sub(EARLY), wait, &sandbox)
}

/// Runs, and asserts that the run took a time between these limits. A busy machine gets some more
/// time.
fn ends_between(earliest: Duration, latest: Duration, sandbox: &Sandbox) -> Outcome {
    let version = Sandbox::new().arg("--version").bare();
    let (_, before) = timed(&version);
    let (outcome, took) = timed(sandbox);
    let (_, after) = timed(&version);
    let latest = latest + SLACK + (before.max(after) * STARTS).min(MOST_FOR_STARTS);
    let is_in_time = earliest <= took && took < latest;
    let limits = format!("not between {earliest:?} and {latest:?}");
    assert!(is_in_time, "ended after {took:?}, {limits}: {outcome}");
    outcome
}

/// Runs, and also returns how long the run took.
fn timed(sandbox: &Sandbox) -> (Outcome, Duration) {
    let began = Instant::now();
    (sandbox.run(), began.elapsed())
}
