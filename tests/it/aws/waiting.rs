//! `--wait`: late files and networks are waited for. `waiting.rows` has late answers, and what is not waited for.

use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::support::terminal::{left, on_a_terminal};
use crate::support::*;

::rows::rows!("tests/it/aws/waiting.rows");

#[test]
fn with_wait_a_missing_file_of_credentials_or_a_token_is_waited_for() {
    let aws = served();
    let role = "sso_account_id = 123456789012\nsso_role_name = Reader\n";
    let config = format!("[default]\nsso_region = eu-west-1\nsso_start_url = https://corp\n{role}");
    let token = json!({ "accessToken": SSO_TOKEN, "expiresAt": "2999-01-01T00:00:00Z", "startUrl": "https://corp" });
    // The name of the token's file is the SHA-1 of the URL.
    let sso = ".aws/sso/cache/17da54e8ec4ee05390f1915bb3ef5fea7ebd238e.json";
    let agent = Sandbox::new()
        .arg(format!("--agent={}", aws.url()))
        .resolve("A=x:k")
        .file("token", AGENT_TOKEN);
    let token_of_agent = format!("file://{}", agent.path("token").display());
    let launches = [
        (
            "a web identity's token",
            keyless(&aws).web_identity(),
            "work/token",
        ),
        (
            "credentials",
            keyless(&aws).home_file(
                ".aws/credentials",
                &("[default]\n".to_owned() + &pair("AKIALATE")),
            ),
            "home/.aws/credentials",
        ),
        (
            "SSO's token",
            keyless(&aws)
                .config(&config)
                .home_file(sso, &token.to_string()),
            "home/.aws/sso/cache",
        ),
        (
            "the agent's token",
            agent.env("AWS_TOKEN", token_of_agent),
            "work/token",
        ),
    ];
    let launches = launches.map(|(case, sandbox, late)| {
        let late = sandbox.path("..").join(late);
        std::fs::rename(&late, late.with_extension("later")).unwrap();
        let sandbox = sandbox.args(["--wait", "20s"]).case(case);
        let running = sandbox.spawn();
        (sandbox, running, late)
    });
    // Nothing shows that a launch waits; one that has not begun to is right as well.
    thread::sleep(Duration::from_millis(700));
    for (sandbox, running, late) in launches {
        std::fs::rename(late.with_extension("later"), late).unwrap();
        running.wait().launched_silently().has("A", "v-4c7a1e");
        drop(sandbox);
    }
}

#[test]
fn with_wait_an_endpoint_that_refuses_connections_is_asked_until_up() {
    let aws = served();
    let relay = Relay::start("127.0.0.1", NOWHERE);
    let sandbox = sandbox(&aws)
        .endpoint(&format!("http://{}", relay.address()))
        .args(["--wait", "20s"])
        .timeout("1s");
    let running = sandbox.spawn();
    // Longer than the timeout.
    thread::sleep(Duration::from_millis(2200));
    relay.leads_to(aws.address());
    running.wait().launched_silently().has("A", "v-4c7a1e");
}

#[test]
fn a_secret_that_has_been_read_is_not_asked_for_again_while_another_is_waited_for() {
    let y = "arn:aws:secretsmanager:us-east-1:123456789012:secret:y-AbCdEf";
    let aws = served().secret(y, Secret::text("w-4c7a1e"));
    // Only the secret without an ARN needs the region, which the metadata of the instance has.
    let metadata = Relay::start("127.0.0.1", NOWHERE);
    let sandbox = sandbox(&aws)
        .on_instance(&aws)
        .env(
            "AWS_EC2_METADATA_SERVICE_ENDPOINT",
            format!("http://{}", metadata.address()),
        )
        .env_remove("AWS_REGION")
        .resolve(&format!("B={y}"))
        .args(["--wait", "20s"]);
    let running = sandbox.spawn();
    // Longer than two pauses of `--wait`.
    thread::sleep(Duration::from_millis(2200));
    metadata.leads_to(aws.address());
    running
        .wait()
        .launched_silently()
        .has("A", "v-4c7a1e")
        .has("B", "w-4c7a1e");
    let asked: Vec<String> = aws.reads().iter().map(Call::secret_id).collect();
    assert_eq!(asked, [y, "x"]);
}

#[test]
fn credentials_or_an_endpoint_that_never_come_are_reported_at_the_end_of_wait() {
    let two = Duration::from_secs(2);
    let aws = served().fails("/credentials", fault::status(404));
    let run = waits_for(two, keyless(&aws).in_container(&aws).timeout("20s"));
    run.refused(75).says([
        "A (",
        "the container's credentials can't be read: ",
        "secrets-exec tried for ",
        "(--wait)",
    ]);
    let run = waits_for(
        two,
        sandbox(&aws)
            .endpoint("http://127.0.0.1:1")
            .timeout("500ms"),
    );
    run.refused(75)
        .says(["A (", "127.0.0.1:1 refuses connections"]);
    assert!(aws.reads().is_empty());
}

#[test]
fn a_terminal_shows_after_two_seconds_what_a_launch_with_wait_waits_for() {
    let aws = served().fails_for(
        "/credentials",
        Duration::from_millis(3000),
        fault::status(404),
    );
    let run = on_a_terminal(
        keyless(&aws)
            .in_container(&aws)
            .args(["--wait", "15s"])
            .timeout("10s"),
    )
    .run();
    run.launched()
        .says(["secrets-exec: note: the container's credentials can't be read: "]);
    assert!(left(&run).is_empty(), "{run}");
    on_a_terminal(sandbox(&served()).args(["--wait", "25s"]))
        .run()
        .launched_silently();
}
