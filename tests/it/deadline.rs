//! Use [`ends_within`] for a run that must not outlast its `--timeout`.

use std::time::{Duration, Instant};

use crate::outcome::Outcome;
use crate::sandbox::Sandbox;

/// What a loaded machine may add. The program itself promises a fifth of it.
const SLACK: Duration = Duration::from_secs(1);

/// Runs with such a `--timeout`, and asserts that the end was not later.
pub fn ends_within(timeout: Duration, sandbox: Sandbox) -> Outcome {
    let sandbox = sandbox.args(["--timeout".to_owned(), format!("{}ms", timeout.as_millis())]);
    let began = Instant::now();
    let outcome = sandbox.run();
    let took = began.elapsed();
    eprintln!("--timeout {timeout:?}: ended after {took:?}");
    assert!(took < timeout + SLACK, "{took:?} with a timeout of {timeout:?}: {outcome}");
    outcome
}
