//! Polls that find less than the command has: an empty value, a placeholder, or nothing at all.

use super::*;
use crate::support::aws::fault;

/// A service whose secret `x` has this JSON, with the declaration, which sets `A`.
fn service(json: &str, declaration: &str) -> (Aws, Rotating) {
    let aws = Aws::start().secret("x", Secret::text(json).with_id("v1"));
    let sandbox = polled_on_request(Sandbox::new().aws(&aws), "restart").declaration(declaration);
    let script = "echo start [${A-unset}] $$ >> record; exec sleep 1000";
    (aws, Rotating::start(sandbox.script(script)))
}

#[test]
fn a_poll_never_takes_a_value_away_from_the_command() {
    let whole = r#"{"k":"one-4c7a1e","a":"one-4c7a1e"}"#;
    let nested = r#"{"low":{"a":"low-4c7a1e"},"high":{"a":"one-4c7a1e"}}"#;
    for (declaration, before, less, inherited, lost) in [
        (
            "secrets: { x: x }\nenv: { A: { template: '{{ x.a }}' }, B: { template: 'u:{{ x.k }}@h' } }",
            whole,
            r#"{"k":"","a":""}"#,
            None,
            "A and B",
        ),
        ("env: { A: 'x:k' }", whole, r#"{"k":""}"#, None, "A"),
        (
            "env: { A: { from: 'x:k', default: changeme } }",
            whole,
            r#"{"other":"v-4c7a1e"}"#,
            None,
            "A",
        ),
        (
            "secrets: { x: x }\nenv: { A: { template: '{{ x.k | default(\"changeme\") }}' } }",
            whole,
            r#"{"other":"v-4c7a1e"}"#,
            None,
            "A",
        ),
        (
            "env: { A: { from: 'x:k', optional: true } }",
            whole,
            r#"{"other":"v-4c7a1e"}"#,
            Some("changeme"),
            "A",
        ),
        (
            "env-from: [x]",
            whole,
            r#"{"k":"one-4c7a1e"}"#,
            Some("changeme"),
            "A",
        ),
        (
            "env-from: ['x:low', { from: 'x:high', optional: true }]",
            nested,
            r#"{"low":{"a":"low-4c7a1e"},"high":{"b":"new-4c7a1e"}}"#,
            None,
            "A",
        ),
        (
            "env-from: [{ from: x, optional: true }]",
            whole,
            "{}",
            None,
            "A and K",
        ),
    ] {
        // The other value of the secret changes, too, and has to wait.
        let declaration = format!("{declaration}\nfiles: [{{ from: 'y', env: F }}]");
        let aws = Aws::start().secret("y", Secret::text("y-4c7a1e"));
        let aws = aws.secret("x", Secret::text(before).with_id("v1"));
        let mut sandbox =
            polled_on_request(Sandbox::new().aws(&aws), "restart").declaration(&declaration);
        if let Some(value) = inherited {
            sandbox = sandbox.env("A", value);
        }
        let run = Rotating::start(sandbox.script(SLEEPER));

        aws.rotate("x", Secret::text(less).with_id("v2"));
        run.poll(&aws);
        let whole = before.replace("one-", "three-");
        aws.rotate("x", Secret::text(&whole).with_id("v3"));
        run.poll(&aws);
        assert_eq!(run.values(2), ["one-4c7a1e", "three-4c7a1e"], "{less}");
        let says = format!(
            "warning: a poll failed, so \"/bin/sh\" keeps its values: {lost} would lose a value that"
        );
        let waits = "until the values are back, other changes wait, too";
        run.end().says([&says, waits, "polls succeed again"]);
    }
}

#[test]
fn a_placeholder_of_an_earlier_declaration_does_not_replace_a_value_that_is_absent_now() {
    let aws = first_version();
    let sandbox = polled_on_request(Sandbox::new().aws(&aws), "restart")
        .declaration("env: { A: { from: 'x:k', optional: true } }")
        .file("base.yaml", "env: { A: { value: changeme } }")
        .args(["-f", "base.yaml", "-f", "secrets-exec.yaml"]);
    let run = Rotating::start(sandbox.script(SLEEPER));
    aws.delete("x");
    run.poll(&aws);
    run.rotate(&aws, "v2", "two-4c7a1e");
    assert_eq!(run.values(2), ["one-4c7a1e", "two-4c7a1e"]);
    run.end();
}

#[test]
fn the_event_of_a_poll_that_finds_less_is_an_error_for_alarms() {
    let aws = first_version();
    let sandbox = rotating(&aws, "restart").args(["--log-format", "json"]);
    let run = Rotating::start(sandbox);
    run.rotate(&aws, "v2", "");
    let run = run.end();
    let events = run.events();
    let failed = events.iter().find(|event| event["event"] == "poll_failed");
    assert_eq!(failed.expect("a failed poll")["level"], "error", "{run}");
}

#[test]
fn a_program_that_started_with_less_is_restarted_for_more_and_an_expected_empty_value_is_accepted()
{
    for (declaration, before, after, starts) in [
        (
            "env: { A: { from: 'x:k', default: changeme } }",
            r#"{"j":"v-4c7a1e"}"#,
            r#"{"k":"one-4c7a1e"}"#,
            ["[changeme]", "[one-4c7a1e]"],
        ),
        (
            "env: { A: { from: 'x:k', pattern: '' } }",
            r#"{"k":"one-4c7a1e"}"#,
            r#"{"k":""}"#,
            ["[one-4c7a1e]", "[]"],
        ),
        (
            "env: { A: 'x:k' }",
            r#"{"k":""}"#,
            r#"{"k":"one-4c7a1e"}"#,
            ["[]", "[one-4c7a1e]"],
        ),
        (
            "env-from: ['x:low', 'x:high']",
            r#"{"low":{"a":"one-4c7a1e"},"high":{"b":"b-4c7a1e"}}"#,
            r#"{"low":{"a":"one-4c7a1e"},"high":{"a":"two-4c7a1e"}}"#,
            ["[one-4c7a1e]", "[two-4c7a1e]"],
        ),
    ] {
        let (aws, run) = service(before, declaration);
        aws.rotate("x", Secret::text(after).with_id("v2"));
        run.poll(&aws);
        assert_eq!(run.values(2), starts, "{declaration}");
        run.end();
    }
}

#[test]
fn a_value_that_is_gone_with_nothing_in_its_place_restarts_the_command() {
    for (declaration, less, says) in [
        (
            "env: { A: { from: 'x:k', optional: true } }",
            Secret::text(r#"{"j":"v-4c7a1e"}"#),
            r#"because A changed (the secret "x", version v1 -> v2)"#,
        ),
        (
            "env: { A: { from: 'x:k', optional: true } }",
            Secret::failing(fault::absent()),
            r#"because A changed (the secret "x", version v1 -> none)"#,
        ),
        (
            "env-from: [x]",
            Secret::text(r#"{"j":"one-4c7a1e"}"#),
            r#"because A, J and K changed (the secret "x", version v1 -> v2)"#,
        ),
    ] {
        let (aws, run) = service(r#"{"k":"one-4c7a1e","a":"one-4c7a1e"}"#, declaration);
        aws.rotate("x", less.with_id("v2"));
        run.poll(&aws);
        assert_eq!(run.values(2), ["[one-4c7a1e]", "[unset]"], "{says}");
        run.end().says([says]);
    }
}
