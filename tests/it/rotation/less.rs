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

/// Polls that find less: the declaration, the secret `x` at first and then, the inherited value of
/// `A`, and what the command would lose. `⏎` is a line feed.
const LESS: &str = r#"
secrets: { x: x }⏎env: { A: { template: '{{ x.a }}' }, B: { template: 'u:{{ x.k }}@h' } } | {"k":"one-4c7a1e","a":"one-4c7a1e"} | {"k":"","a":""} |  | A and B
secrets: { x: x }⏎env: { A: { template: '{{ x.o }}{{ x.k }}' } } | {"o":"","k":"one-4c7a1e"} | {"o":"two-4c7a1e","k":""} |  | A
secrets: { x: x }⏎env: { A: { template: '{{ x.o }}{{ x.k }}', default: changeme } } | {"o":"","k":"one-4c7a1e"} | {"o":""} |  | A
secrets: { x: x }⏎env: { A: { template: '{{ x.o|default("") }}{{ x.k }}' } } | {"k":"one-4c7a1e"} | {"o":"two-4c7a1e","k":""} |  | A
env: { A: 'x:k' } | {"k":"one-4c7a1e"} | {"k":""} |  | A
env: { A: { from: 'x:k', default: changeme } } | {"k":"one-4c7a1e"} | {"other":"v-4c7a1e"} |  | A
secrets: { x: x }⏎env: { A: { template: '{{ x.k|default("changeme") }}' } } | {"k":"one-4c7a1e"} | {"other":"v-4c7a1e"} |  | A
env: { A: { from: 'x:k', optional: true } } | {"k":"one-4c7a1e"} | {"other":"v-4c7a1e"} | changeme | A
env-from: [x] | {"k":"one-4c7a1e","a":"one-4c7a1e"} | {"k":"one-4c7a1e"} | changeme | A
env-from: ['x:low', { from: 'x:high', optional: true }] | {"low":{"a":"low-4c7a1e"},"high":{"a":"one-4c7a1e"}} | {"low":{"a":"low-4c7a1e"},"high":{"b":"new-4c7a1e"}} |  | A
env-from: [{ from: x, optional: true }] | {"k":"one-4c7a1e","a":"one-4c7a1e"} | {} |  | A and K
"#;

#[test]
fn a_poll_never_takes_a_value_away_from_the_command() {
    for line in LESS.trim().lines() {
        let line = line.replace('⏎', "\n");
        let [declaration, before, less, inherited, lost] =
            line.split(" | ").collect::<Vec<_>>()[..]
        else {
            panic!("{line}");
        };
        // The other value of the secret changes, too, and has to wait.
        let declaration = format!("{declaration}\nfiles: [{{ from: 'y', env: F }}]");
        let aws = Aws::start().secret("y", Secret::text("y-4c7a1e"));
        let aws = aws.secret("x", Secret::text(before).with_id("v1"));
        let mut sandbox =
            polled_on_request(Sandbox::new().aws(&aws), "restart").declaration(&declaration);
        if !inherited.is_empty() {
            sandbox = sandbox.env("A", inherited);
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

const LOSES_FLAG: &str =
    "so \"/bin/sh\" keeps its values: FLAG would lose a value that is empty or absent now";

#[test]
fn a_poll_that_would_take_a_value_away_names_each_change_that_waits_once() {
    let (aws, run) = service(
        r#"{"k":"one-4c7a1e","flag":"on-4c7a1e"}"#,
        "env: { A: 'x:k', FLAG: 'x:flag' }",
    );
    for (version, value) in [
        ("v2", r#"{"k":"one-4c7a1e","flag":""}"#),
        ("v3", r#"{"k":"two-4c7a1e","flag":""}"#),
        ("v4", r#"{"k":"two-4c7a1e","flag":""}"#),
    ] {
        aws.rotate("x", Secret::text(value).with_id(version));
        run.poll(&aws);
    }
    let run = run.end();
    run.says([
        &format!("{LOSES_FLAG}\n"),
        ", so another change waits: A changed (the secret \"x\", version v1 -> v3)",
    ]);
    assert_eq!(run.stderr().matches(LOSES_FLAG).count(), 2, "{run}");
}

#[test]
fn a_poll_that_fails_for_another_reason_than_the_last_one_warns_at_once() {
    let (aws, run) = service(r#"{"flag":"on-4c7a1e"}"#, "env: { FLAG: 'x:flag' }");
    for _ in 0..2 {
        aws.rotate("x", Secret::failing(fault::denied("x")));
        run.poll(&aws);
    }
    aws.rotate("x", Secret::text(r#"{"flag":""}"#).with_id("v2"));
    run.poll(&aws);
    let run = run.end();
    run.says([
        "keeps its values: access to the secret \"x\" was denied",
        LOSES_FLAG,
    ]);
    assert_eq!(run.stderr().matches("keeps its values").count(), 2, "{run}");
}

#[test]
fn a_placeholder_of_an_earlier_declaration_does_not_replace_an_absent_value() {
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

/// The declaration, the secret `x` at first and then, and the values of `A` with which the command
/// starts.
const RESTARTS: &str = r#"
env: { A: { from: 'x:k', default: changeme } } | {"j":"v-4c7a1e"} | {"k":"one-4c7a1e"} | [changeme] [one-4c7a1e]
env: { A: { from: 'x:k', pattern: '' } } | {"k":"one-4c7a1e"} | {"k":""} | [one-4c7a1e] []
env: { A: 'x:k' } | {"k":""} | {"k":"one-4c7a1e"} | [] [one-4c7a1e]
secrets: { x: x }⏎env: { A: { template: '{{ x.o }}{{ x.k }}' } } | {"o":"","k":"one-4c7a1e"} | {"o":"","k":"two-4c7a1e"} | [one-4c7a1e] [two-4c7a1e]
secrets: { x: x }⏎env: { A: { template: '{{ x.o }}{{ x.k }}', pattern: '' } } | {"o":"o-4c7a1e-","k":"one-4c7a1e"} | {"o":"","k":"two-4c7a1e"} | [o-4c7a1e-one-4c7a1e] [two-4c7a1e]
env-from: ['x:low', 'x:high'] | {"low":{"a":"one-4c7a1e"},"high":{"b":"b-4c7a1e"}} | {"low":{"a":"one-4c7a1e"},"high":{"a":"two-4c7a1e"}} | [one-4c7a1e] [two-4c7a1e]
"#;

#[test]
fn a_program_that_started_with_fewer_values_is_restarted_when_there_are_more() {
    for line in RESTARTS.trim().lines() {
        let [declaration, before, after, starts] = line.split(" | ").collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let (aws, run) = service(before, &declaration.replace('⏎', "\n"));
        aws.rotate("x", Secret::text(after).with_id("v2"));
        run.poll(&aws);
        assert_eq!(run.values(2).join(" "), starts, "{declaration}");
        run.end();
    }
}

#[test]
fn a_value_that_is_gone_with_nothing_in_its_place_restarts_the_command() {
    let optional = "env: { A: { from: 'x:k', optional: true } }";
    let other = || Secret::text(r#"{"j":"one-4c7a1e"}"#);
    let absent = Secret::failing(fault::absent());
    let both = "J changed, and A and K are gone";
    for (declaration, less, clause, version) in [
        (optional, other(), "A is gone", "v2"),
        (optional, absent, "A is gone", "none"),
        ("env-from: [x]", other(), both, "v2"),
    ] {
        let (aws, run) = service(r#"{"k":"one-4c7a1e","a":"one-4c7a1e"}"#, declaration);
        aws.rotate("x", less.with_id("v2"));
        run.poll(&aws);
        let starts = run.values(2);
        assert_eq!(starts, ["[one-4c7a1e]", "[unset]"], "{declaration}");
        let says = format!("because {clause} (the secret \"x\", version v1 -> {version})");
        run.end().says([&*says]);
    }
}
