//! `--log-format json`: each line on standard error is one JSON object, whatever prints it and
//! however early.

use std::time::{Duration, SystemTime};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

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
fn with_log_format_json_a_warning_is_an_object_with_its_time_level_event_and_message() {
    let before = SystemTime::now();
    let run = local().args(JSON).run();
    let event = only_event(run.launched());
    assert_eq!(
        (&event["level"], &event["event"]),
        (&json!("warning"), &json!("warning"))
    );
    assert!(
        event["message"].as_str().unwrap().contains("local.json"),
        "{event}"
    );
    assert_eq!(event["logger"], "secrets-exec");
    let time = event["time"].as_str().unwrap();
    assert_eq!(time.len(), "2026-11-21T10:00:00.000Z".len(), "{time}");
    let time = humantime::parse_rfc3339(time).unwrap();
    assert!(
        time + Duration::from_millis(1) >= before && time <= SystemTime::now(),
        "{event}"
    );
}

#[test]
fn with_log_format_json_an_error_is_an_object_with_variables_secret_remedies_and_exit_status() {
    let aws = Aws::start().secret("x", Secret::text(r#"{"password":"p-4c7a1e"}"#));
    let aws = aws.secret("y", Secret::failing(fault::denied("y")));
    let sandbox = Sandbox::new().aws(&aws).args(JSON);
    let run = sandbox
        .resolve("A=x:pasword")
        .resolve("B=x:pasword")
        .resolve("C=y:k")
        .run();
    run.refused(78);
    let events = run.events();
    let events_about = |names: &[&str]| -> Vec<_> {
        events
            .iter()
            .filter(|event| event["variables"] == json!(names))
            .collect()
    };
    let [error] = events_about(&["A", "B"])[..] else {
        panic!("{run}")
    };
    assert_eq!(
        (&error["level"], &error["status"], &error["secret"]),
        (&json!("error"), &json!(78), &json!("x"))
    );
    assert!(
        error["help"][0].as_str().unwrap().contains("password"),
        "{error}"
    );
    assert_eq!(error["entries"].as_array().unwrap().len(), 2, "{error}");
    assert_eq!(events_about(&["C"]).len(), 1, "{run}");
    assert!(events.iter().all(|event| event["status"] == 78), "{run}");
    assert!(!run.stderr().contains("secrets-exec: "), "{run}");
}

#[test]
fn with_log_format_json_verbose_lines_are_objects_and_the_output_of_the_command_stays_text() {
    let aws = served();
    let run = sandbox(&aws).args(JSON).arg("-vv").run();
    let events = run.launched().events();
    assert!(
        events.len() > 2 && events.iter().all(|event| event["level"] == "info"),
        "{run}"
    );
    let run = local()
        .args(JSON)
        .arg("-q")
        .target_writes_stderr()
        .script("echo plain >&2")
        .run();
    assert_eq!(run.launched().stderr(), "plain\n");
}

#[test]
fn with_log_format_json_the_line_about_a_signal_is_an_object_with_its_name() {
    let aws = hanging();
    let running = sandbox(&aws).args(JSON).spawn();
    aws.await_calls(1);
    let event = only_event(&running.ends_by(Signal::SIGTERM));
    assert_eq!(
        (&event["event"], &event["signal"]),
        (&json!("signal"), &json!("SIGTERM"))
    );
    let message = event["message"].as_str().unwrap();
    assert!(
        message.starts_with("SIGTERM ended secrets-exec after "),
        "{message}"
    );
}
