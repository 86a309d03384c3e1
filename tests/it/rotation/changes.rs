//! The facts that are a change, and those that are none. Each test ends with a change, so that an earlier start would be in the record.

use super::*;

#[test]
fn the_command_is_restarted_for_another_value_and_not_for_a_new_version_with_the_same_value() {
    for (polled, starts, what) in [
        (
            &[("v1", "one")][..],
            &["one", "last"][..],
            "the same version is no change",
        ),
        (
            &[("v1", "two")],
            &["one", "two", "last"],
            "some stores have one version for ever",
        ),
        (
            &[("v2", "one"), ("v3", "one")],
            &["one", "last"],
            "new versions with the same value are no change",
        ),
        (
            &[("v2", "two"), ("v1", "one")],
            &["one", "two", "one", "last"],
            "a version that returns is a change",
        ),
    ] {
        let aws = first_version();
        let run = Rotating::start(rotating(&aws, "restart"));
        for (version, value) in polled {
            run.rotate(&aws, version, &format!("{value}-4c7a1e"));
        }
        run.rotate(&aws, "v9", "last-4c7a1e");
        let starts: Vec<_> = starts
            .iter()
            .map(|start| format!("{start}-4c7a1e"))
            .collect();
        assert_eq!(run.values(starts.len()), starts, "{what}");
        run.end();
    }
}

#[test]
fn two_secrets_that_change_together_cause_one_restart() {
    let aws = first_version().secret("y", secret("w1", "one-4c7a1e"));
    let run = Rotating::start(rotating(&aws, "restart").resolve("B=y:k").arg("-v"));
    aws.rotate("y", secret("w2", "two-4c7a1e"));
    run.rotate(&aws, "v2", "two-4c7a1e");
    assert_eq!(run.values(2), ["one-4c7a1e", "two-4c7a1e"]);
    run.rotate(&aws, "v3", "last-4c7a1e");
    assert_eq!(run.values(3), ["one-4c7a1e", "two-4c7a1e", "last-4c7a1e"]);
    let outcome = run.end();
    outcome.says([
        "the secret \"x\" changed from version v1 to version v2, which changes A",
        "the secret \"y\" changed from version w1 to version w2, which changes B",
        "because A and B changed (the secret \"x\" and the secret \"y\")",
    ]);
}

#[test]
fn a_splay_keeps_no_launch_waiting_and_a_poll_request_ends_the_splay_with_the_newest_values() {
    let aws = first_version();
    let run = Rotating::start(rotating(&aws, "restart").args(["-v", "--splay", "1000h"]));
    run.rotate(&aws, "v2", "two-4c7a1e");
    record::await_fact("the end of the launch", || {
        run.children() == [run.command(0)]
    });
    // Values that have become the old ones again are no change, and the next one has a splay of its own.
    run.rotate(&aws, "v1", "one-4c7a1e");
    run.rotate(&aws, "v3", "three-4c7a1e");
    // A request ends the splay.
    run.rotate(&aws, "v4", "four-4c7a1e");
    assert_eq!(run.values(2), ["one-4c7a1e", "four-4c7a1e"]);
    let outcome = run.end();
    outcome.says([
        "the secret \"x\" changed from version v1 to version v2, which changes A",
        "the secret \"x\" changed from version v3 to version v4, which changes A",
    ]);
    assert_eq!(
        outcome.stderr().matches(" will be restarted in ").count(),
        2,
        "{outcome}"
    );
}

#[test]
fn the_command_is_restarted_with_the_new_value_when_the_splay_is_over() {
    let aws = first_version();
    let run = Rotating::start(rotating(&aws, "restart").args(["--splay", "2s"]));
    run.rotate(&aws, "v2", "two-4c7a1e");
    assert_eq!(run.values(2), ["one-4c7a1e", "two-4c7a1e"]);
    run.end();
    // Those of the launch, of the poll that found the change, and of the one that was acted on.
    assert_eq!(aws.reads().len(), 3);
}

#[test]
fn a_new_version_of_a_parameter_and_a_new_parameter_below_a_path_restart_the_command() {
    let value = |text: &str| Version::text(&format!("{CANARY}/{text}"));
    let aws = Aws::start()
        .parameter("/one", &[value("1")])
        .parameter("/app/b", &[value("1")]);
    let sandbox =
        Sandbox::new()
            .aws(&aws)
            .resolve("A=ssm:/one")
            .args(["--env-from", "ssm:/app/", "-vv"]);
    let script = "echo start $A $$ [$C] >> record; exec sleep 1000";
    let run = Rotating::start(polled_on_request(sandbox, "restart").script(script));
    run.poll(&aws);
    aws.rotate_parameter("/one", &[value("1"), value("2")]);
    run.poll(&aws);
    assert_eq!(run.values(2)[1], format!("{CANARY}/2"));
    aws.rotate_parameter("/app/c", &[value("new")]);
    run.poll(&aws);
    assert_eq!(run.awaits(3)[2][3], format!("[{CANARY}/new]"));
    // Without a value, as the sandbox asserts.
    run.end()
        .says(["the parameter \"/one\" changed from version 1 to version 2, which changes A"]);
}

#[test]
fn a_changed_value_in_the_local_file_restarts_the_command() {
    let document = |value: &str| format!(r#"{{"x":{{"k":"{CANARY}/{value}"}}}}"#);
    let sandbox = Sandbox::new()
        .local(&document("one"))
        .resolve("A=x:k")
        .script(SLEEPER);
    let run = Rotating::start(polled_on_request(sandbox, "restart").arg("-v"));
    run.request();
    fs::write(run.sandbox.path("local.json"), document("two")).unwrap();
    run.request();
    assert_eq!(run.values(2)[1], format!("{CANARY}/two"));
    // Its versions have no ids.
    run.end()
        .says(["the secret \"x\" changed, which changes A"]);
}

#[test]
fn a_changed_value_whose_key_is_not_printed_restarts_the_command_and_the_key_is_numbered() {
    let document = |jwt: &str, smtp: &str| {
        format!(r#"{{"app":{{"Jwt:Key":"{jwt}-4c7a1e","Smtp:Pass":"{smtp}-4c7a1e"}}}}"#)
    };
    let sandbox = Sandbox::new()
        .local(&document("one", "two"))
        .args(["--env-from", "app", "-v"]);
    let script = "echo start $JWT_KEY $$ $SMTP_PASS >> record; exec sleep 1000";
    let run = Rotating::start(polled_on_request(sandbox, "restart").script(script));
    fs::write(run.sandbox.path("local.json"), document("three", "two")).unwrap();
    run.request();
    assert_eq!(run.values(2)[1], "three-4c7a1e");
    fs::write(run.sandbox.path("local.json"), document("three", "four")).unwrap();
    run.request();
    assert_eq!(run.awaits(3)[2][3], "four-4c7a1e");
    run.end().says([
        "the secret \"app\" changed, which changes key 1, not printed",
        "the secret \"app\" changed, which changes key 2, not printed",
    ]);
}

#[test]
fn with_agent_polls_ask_the_agent_and_a_changed_value_restarts_the_command() {
    let aws = first_version();
    let sandbox = sandbox(&aws)
        .arg(format!("--agent={}", aws.url()))
        .env("AWS_TOKEN", AGENT_TOKEN);
    let run = Rotating::start(polled_on_request(sandbox.script(SLEEPER), "restart"));
    run.rotate(&aws, "v2", "two-4c7a1e");
    assert_eq!(run.values(2), ["one-4c7a1e", "two-4c7a1e"]);
    run.end();
    assert!(aws.reads().is_empty());
}
