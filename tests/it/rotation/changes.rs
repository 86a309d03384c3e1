//! What makes a rotation restart the command, and what doesn't. Each test ends with a change, so
//! that an earlier restart would be in the record.

use super::*;

#[test]
fn the_command_is_restarted_for_a_new_value_but_not_for_a_version_with_the_same() {
    // The versions that are polled, and the values with which the command starts.
    for (polled, starts) in [
        // The same version isn't a change.
        ("v1=one", "one last"),
        // Some stores never change the version.
        ("v1=two", "one two last"),
        // New versions with the same value aren't a change.
        ("v2=one v3=one", "one last"),
        // A version that comes back is a change.
        ("v2=two v1=one", "one two one last"),
    ] {
        let aws = first_version();
        let run = Rotating::start(rotating(&aws, "restart"));
        for version in polled.split(' ').chain(["v9=last"]) {
            let (version, value) = version.split_once('=').unwrap();
            run.rotate(&aws, version, &format!("{value}-4c7a1e"));
        }
        let starts = starts.split(' ').map(|start| format!("{start}-4c7a1e"));
        let starts: Vec<_> = starts.collect();
        assert_eq!(run.values(starts.len()), starts, "{polled}");
        run.end();
    }
}

#[test]
fn two_secrets_that_change_together_cause_only_one_restart() {
    let aws = first_version().secret("y", secret("w1", "one-4c7a1e"));
    let run = Rotating::start(rotating(&aws, "restart -v -e B=y:k"));
    aws.rotate("y", secret("w2", "two-4c7a1e"));
    run.rotate(&aws, "v2", "two-4c7a1e");
    assert_eq!(run.values(2), ["one-4c7a1e", "two-4c7a1e"]);
    run.rotate(&aws, "v3", "last-4c7a1e");
    assert_eq!(run.values(3), ["one-4c7a1e", "two-4c7a1e", "last-4c7a1e"]);
    run.end().says([
        "note: A and B changed (the secret \"x\", version v1 -> v2 and the secret \"y\", version w1 -> w2)",
        "because A and B changed (the secret \"x\", version v1 -> v2 and",
    ]);
}

#[test]
fn the_line_about_a_restart_names_only_secrets_of_changed_values() {
    let aws = first_version().secret("y", secret("w1", "same-4c7a1e"));
    let run = Rotating::start(rotating(&aws, "restart -v -e B=y:k"));
    aws.rotate("y", secret("w2", "same-4c7a1e"));
    run.rotate(&aws, "v2", "two-4c7a1e");
    assert_eq!(run.values(2), ["one-4c7a1e", "two-4c7a1e"]);
    run.end().says([
        "note: A changed (the secret \"x\", version v1 -> v2)\n",
        "because A changed (the secret \"x\", version v1 -> v2)\n",
    ]);
}

#[test]
fn a_new_version_of_a_parameter_or_a_new_parameter_restarts_the_command() {
    let value = |text: &str| Version::text(&format!("{CANARY}/{text}"));
    let aws = Aws::start()
        .parameter("/one", &[value("1")])
        .parameter("/app/b", &[value("1")]);
    let options = "restart -vv -e A=ssm:/one --env-from ssm:/app/";
    let sandbox = polled_on_request(Sandbox::new().aws(&aws), options);
    let script = "echo start $A $$ [$C] >> record; exec sleep 1000";
    let run = Rotating::start(sandbox.script(script));
    run.poll(&aws);
    aws.rotate_parameter("/one", &[value("1"), value("2")]);
    run.poll(&aws);
    assert_eq!(run.values(2)[1], format!("{CANARY}/2"));
    aws.rotate_parameter("/app/c", &[value("new")]);
    run.poll(&aws);
    assert_eq!(run.await_lines(3)[2][3], format!("[{CANARY}/new]"));
    // The sandbox asserts that no value is printed.
    run.end()
        .says(["because A changed (the parameter \"/one\", version 1 -> 2)"]);
}

#[test]
fn a_changed_value_of_the_agent_restarts_the_command() {
    let aws = first_version();
    let sandbox = rotating(&aws, &format!("restart --agent={}", aws.url()));
    let run = Rotating::start(sandbox.env("AWS_TOKEN", AGENT_TOKEN));
    run.rotate(&aws, "v2", "two-4c7a1e");
    assert_eq!(run.values(2), ["one-4c7a1e", "two-4c7a1e"]);
    run.end();
    assert!(aws.reads().is_empty());
}
