//! `--log-format json`: each line on standard error is one JSON object, whatever prints it and
//! however early.

use std::time::{Duration, SystemTime};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::*;

::rows::rows!("tests/it/process/log_format.rows");

const JSON: [&str; 2] = ["--log-format", "json"];

/// The only line on standard error. Fails the test if there are several.
fn only_event(run: &Outcome) -> Value {
    let mut events = run.events();
    assert_eq!(events.len(), 1, "{run}");
    events.remove(0)
}

#[test]
fn a_warning_in_json_is_an_object_with_its_time_level_event_and_message() {
    let before = SystemTime::now();
    let run = local().args(JSON).run();
    let event = only_event(run.launched());
    assert_eq!([&event["level"], &event["event"]], ["warning", "local"]);
    assert_eq!(event["logger"], "secrets-exec");
    let message = event["message"].as_str().unwrap();
    assert!(message.contains("local.json"), "{event}");
    let time = event["time"].as_str().unwrap();
    assert_eq!(time.len(), "2026-11-21T10:00:00.000Z".len(), "{time}");
    let time = humantime::parse_rfc3339(time).unwrap();
    let after = time + Duration::from_millis(1);
    assert!(after >= before && time <= SystemTime::now(), "{event}");
}

#[test]
fn with_log_format_json_the_line_about_a_signal_is_an_object_with_its_name() {
    let aws = hanging();
    let running = sandbox(&aws).args(JSON).spawn();
    aws.await_calls(1);
    let event = only_event(&running.ends_by(Signal::SIGTERM));
    assert_eq!([&event["event"], &event["signal"]], ["signal", "SIGTERM"]);
    let message = event["message"].as_str().unwrap();
    let start = "SIGTERM ended secrets-exec after ";
    assert!(message.starts_with(start), "{message}");
}
