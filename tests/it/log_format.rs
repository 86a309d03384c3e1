//! `--log-format json`: each line on standard error is one JSON object, whatever prints it and however early.

use std::time::{Duration, SystemTime};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::support::aws::Aws;
use crate::support::aws::fault;
use crate::support::aws::secret::Secret;
use crate::support::outcome::{Outcome, Status};
use crate::support::sandbox::{CANARY, Sandbox, sandbox};

const JSON: [&str; 2] = ["--log-format", "json"];

fn local() -> Sandbox {
    Sandbox::new().local(&format!(r#"{{"x":"{CANARY}"}}"#)).resolve("A=x")
}

fn only_event(run: &Outcome) -> Value {
    let mut events = run.events();
    assert_eq!(events.len(), 1, "{run}");
    events.remove(0)
}

#[test]
fn a_warning_is_an_object_with_time_level_event_and_message() {
    let before = SystemTime::now();
    let run = local().args(JSON).run();
    let event = only_event(run.launched());
    assert_eq!((&event["level"], &event["event"]), (&json!("warning"), &json!("warning")));
    assert!(event["message"].as_str().unwrap().contains("local.json"), "{event}");
    let time = event["time"].as_str().unwrap();
    assert_eq!(time.len(), "2026-11-21T10:00:00.000Z".len(), "{time}");
    let time = humantime::parse_rfc3339(time).unwrap();
    assert!(time + Duration::from_millis(1) >= before && time <= SystemTime::now(), "{event}");
}

#[test]
fn an_error_has_its_variables_its_secret_its_remedies_and_the_exit_status() {
    let aws = Aws::start().secret("x", Secret::json(r#"{"password":"p"}"#));
    let run = Sandbox::new().aws(&aws).args(JSON).resolve("A=x:pasword").resolve("B=x:pasword").run();
    run.refused(78);
    let events = run.events();
    let error = &events[0];
    assert_eq!((&error["level"], &error["status"], &error["secret"]), (&json!("error"), &json!(78), &json!("x")));
    assert_eq!(error["variables"], json!(["A", "B"]));
    assert!(error["help"][0].as_str().unwrap().contains("password"), "{error}");
    assert_eq!(error["entries"].as_array().unwrap().len(), 2, "{error}");
    assert!(events[1..].iter().all(|event| event["status"] == 78), "{run}");
    assert!(!run.stderr().contains("secrets-exec: "), "{run}");
}

#[test]
fn two_errors_are_two_objects() {
    let aws = Aws::start().secret("x", Secret::json("{}")).secret("y", Secret::failing(fault::denied("y")));
    let run = Sandbox::new().aws(&aws).args(JSON).resolve("A=x:k").resolve("B=y:k").run();
    let events = run.refused(77 + 1).events();
    let of = |name: &str| events.iter().filter(|event| event["variables"] == json!([name])).count();
    assert_eq!((of("A"), of("B")), (1, 1), "{run}");
}

#[test]
fn a_usage_error_is_an_object_wherever_the_option_stands() {
    for options in [&["--log-format", "json", "--regoin=x"][..], &["--regoin=x", "--log-format=json"]] {
        let event = only_event(local().args(options).run().refused(64));
        assert_eq!(event["help"], json!(["did you mean --region?"]));
        assert_eq!(event["status"], 64);
    }
    let run = Sandbox::new().args(["check", "--log-format=json", "--nope"]).bare().run();
    assert!(!run.refused(64).events().is_empty());
}

#[test]
fn the_variable_sets_the_format_of_every_error() {
    for arguments in [&["completions", "tcsh"][..], &["--nope"], &["-e", "A"]] {
        let run = Sandbox::new().args(arguments).bare().env("SECRETS_EXEC_LOG_FORMAT", "json").run();
        assert!(!run.refused(64).events().is_empty());
    }
}

#[test]
fn a_flag_for_text_overrides_the_variable() {
    let run = local().args(["--log-format", "text"]).env("SECRETS_EXEC_LOG_FORMAT", "json").run();
    run.launched().says(["secrets-exec: warning: "]);
}

#[test]
fn a_declaration_sets_the_format_and_a_flag_overrides_it() {
    let declaration = "defaults: { log-format: json }\n";
    assert_eq!(only_event(local().declaration(declaration).run().launched())["level"], "warning");
    let run = local().declaration(declaration).arg("--log-format=text").run();
    run.launched().says(["secrets-exec: warning: "]);
}

#[test]
fn the_errors_of_a_declaration_have_its_format() {
    let run = local().declaration("defaults: { log-format: json }\nenv:\n  B: { form: x }\n").run();
    let event = run.refused(78).events().remove(0);
    assert!(event["message"].as_str().unwrap().contains("secrets-exec.yaml:3"), "{event}");
}

#[test]
fn an_unknown_format_is_an_error_in_text_with_the_most_similar_one() {
    let run = local().args(["--log-format", "jsno"]).run();
    run.refused(64).says(["secrets-exec: error: --log-format", "did you mean json?"]);
}

#[test]
fn the_command_s_own_lines_are_left_as_they_are() {
    let run = local().args(JSON).arg("-q").target_writes_stderr().script("echo plain >&2").run();
    assert_eq!(run.launched().stderr(), "plain\n");
}

#[test]
fn verbose_lines_are_objects_of_level_info() {
    let aws = Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#));
    let run = sandbox(&aws).args(JSON).arg("-vv").run();
    let events = run.launched().events();
    assert!(events.len() > 2 && events.iter().all(|event| event["level"] == "info"), "{run}");
}

#[test]
fn check_export_and_policy_have_the_format() {
    let check = Sandbox::new().arg("check").local(&format!(r#"{{"x":"{CANARY}"}}"#)).resolve("A=x").args(JSON).bare();
    assert!(!check.run().launched().events().is_empty());
    for command in [&["export", "--format", "json"][..], &["policy"]] {
        let run = Sandbox::new().args(command).args(JSON).args(["-e", "A=x:$["]).bare().run();
        assert!(!run.refused(64).events().is_empty());
    }
}

#[test]
fn the_line_of_a_signal_is_an_object() {
    let aws = Aws::start().secret("x", Secret::failing(fault::unavailable()));
    let running = sandbox(&aws).args(JSON).args(["--timeout", "1m"]).spawn();
    aws.await_calls(2);
    let run = running.ends_by(Signal::SIGTERM);
    run.ended(Status::Signal(Signal::SIGTERM as i32));
    let event = only_event(&run);
    assert_eq!((&event["event"], &event["signal"]), (&json!("signal"), &json!("SIGTERM")));
    let message = event["message"].as_str().unwrap();
    assert!(message.starts_with("SIGTERM after ") && message.contains("nothing was started"), "{message}");
    assert!(humantime::parse_rfc3339(event["time"].as_str().unwrap()).is_ok(), "{event}");
}
