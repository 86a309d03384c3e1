//! Polls that find less than the command has: an empty value, a default, or nothing at all.

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
fn a_poll_replaces_a_working_value_neither_by_an_empty_one_nor_by_a_default_nor_by_an_empty_object()
{
    for (declaration, less, says) in [
        (
            "secrets: { x: x }\nenv: { A: { template: '{{ x.k }}' }, B: { template: 'u:{{ x.k }}@h' } }",
            r#"{"k":"","a":""}"#,
            "a value that the command has is empty now",
        ),
        (
            "env: { A: 'x:k' }",
            r#"{"k":""}"#,
            "a value that the command has is empty now",
        ),
        (
            "secrets: { x: x }\nenv: { A: { template: \"{{ x.k | default('changeme') }}\" } }",
            r#"{"other":"v-4c7a1e"}"#,
            "a default would replace a value that the command has",
        ),
        (
            "env: { A: { from: 'x:k', default: changeme } }",
            r#"{"other":"v-4c7a1e"}"#,
            "a default would replace a value that the command has",
        ),
        (
            "env-from: [{ from: x, optional: true }]",
            "{}",
            "an object whose variables the command has sets none now",
        ),
    ] {
        // The other value of the secret changes, too, and has to wait.
        let declaration = format!("{declaration}\nfiles: [{{ from: 'y', env: F }}]");
        let aws = Aws::start().secret("y", Secret::text("y-4c7a1e"));
        let aws = aws.secret(
            "x",
            Secret::text(r#"{"k":"one-4c7a1e","a":"one-4c7a1e"}"#).with_id("v1"),
        );
        let sandbox =
            polled_on_request(Sandbox::new().aws(&aws), "restart").declaration(&declaration);
        let run = Rotating::start(sandbox.script(SLEEPER));

        aws.rotate("x", Secret::text(less).with_id("v2"));
        run.poll(&aws);
        let whole = r#"{"k":"three-4c7a1e","a":"three-4c7a1e"}"#;
        aws.rotate("x", Secret::text(whole).with_id("v3"));
        run.poll(&aws);
        assert_eq!(run.values(2), ["one-4c7a1e", "three-4c7a1e"], "{says}");
        let waits = "until the values are back, other changes wait, too";
        run.end()
            .says(["warning: a poll failed", says, waits, "polls succeed again"]);
    }
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
    ] {
        let (aws, run) = service(before, declaration);
        aws.rotate("x", Secret::text(after).with_id("v2"));
        run.poll(&aws);
        assert_eq!(run.values(2), starts, "{declaration}");
        run.end();
    }
}

#[test]
fn a_value_that_is_gone_restarts_the_command_with_a_line_that_says_what_is_gone() {
    for (declaration, less, says) in [
        (
            "env: { A: { from: 'x:k', optional: true } }",
            Secret::text(r#"{"j":"v-4c7a1e"}"#),
            r#"because A is gone: the secret "x" has no key "k""#,
        ),
        (
            "env: { A: { from: 'x:k', optional: true } }",
            Secret::failing(fault::absent()),
            r#"because A is gone: the secret "x" doesn't exist any more"#,
        ),
        (
            "env-from: [x]",
            Secret::text(r#"{"j":"one-4c7a1e"}"#),
            r#"because J changed (the secret "x"), and A and K are gone: the secret "x" has other keys"#,
        ),
    ] {
        let (aws, run) = service(r#"{"k":"one-4c7a1e","a":"one-4c7a1e"}"#, declaration);
        aws.rotate("x", less.with_id("v2"));
        run.poll(&aws);
        assert_eq!(run.values(2), ["[one-4c7a1e]", "[unset]"], "{says}");
        run.end().says([says]);
    }
}
