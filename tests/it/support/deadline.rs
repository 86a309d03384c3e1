//! Use [`ends_within`] for a run that must not outlast its `--timeout`.

use std::time::{Duration, Instant};

use crate::support::outcome::Outcome;
use crate::support::sandbox::Sandbox;

/// What a loaded machine may add. The program itself promises a fifth of it.
const SLACK: Duration = Duration::from_secs(1);

/// Runs with such a `--timeout`, and asserts that the end was not later. A machine that is starved may make any one run
/// late, so the first of three that is not decides.
pub fn ends_within(timeout: Duration, sandbox: Sandbox) -> Outcome {
    let sandbox = sandbox.args(["--timeout".to_owned(), format!("{}ms", timeout.as_millis())]);
    let run = || {
        let began = Instant::now();
        let outcome = sandbox.run();
        let took = began.elapsed();
        eprintln!("--timeout {timeout:?}: ended after {took:?}: {outcome}");
        (took < timeout + SLACK).then_some(outcome)
    };
    let in_time = (0..3).find_map(|_| run());
    in_time.unwrap_or_else(|| panic!("no run with a timeout of {timeout:?} ended in time"))
}
