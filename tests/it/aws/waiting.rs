//! `--wait`: files and networks that come late. `waiting.rows` has late answers, and failures for
//! which it doesn't wait.

use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::support::terminal::{left, on_a_terminal};
use crate::support::*;

::rows::rows!("tests/it/aws/waiting.rows");

#[test]
fn with_wait_a_launch_waits_until_the_file_of_its_credentials_or_its_token_exists() {
    let aws = served();
    let role = "sso_account_id = 123456789012\nsso_role_name = Reader\n";
    let config = format!("[default]\nsso_region = eu-west-1\nsso_start_url = https://corp\n{role}");
    let token = json!({ "accessToken": SSO_TOKEN, "expiresAt": "2999-01-01T00:00:00Z", "startUrl": "https://corp" });
    // The name of the token's file is the SHA-1 of the URL.
    let sso = ".aws/sso/cache/17da54e8ec4ee05390f1915bb3ef5fea7ebd238e.json";
    let agent = Sandbox::new().arg(format!("--agent={}", aws.url()));
    let agent = agent.resolve("A=x:k").file("token", AGENT_TOKEN);
    let token_of_agent = format!("file://{}", agent.path("token").display());
    let keys = format!("[default]\n{}", pair("AKIALATE"));
    let with_keys = keyless(&aws).home_file(".aws/credentials", &keys);
    let with_sso = keyless(&aws).config(&config);
    let launches = [
        (keyless(&aws).web_identity(), "work/token"),
        (with_keys, "home/.aws/credentials"),
        (
            with_sso.home_file(sso, &token.to_string()),
            "home/.aws/sso/cache",
        ),
        (agent.env("AWS_TOKEN", token_of_agent), "work/token"),
    ];
    let launches = launches.map(|(sandbox, late)| {
        let sandbox = sandbox.args(["--wait", "20s"]).case(late);
        let late = sandbox.path("..").join(late);
        std::fs::rename(&late, late.with_extension("later")).unwrap();
        let running = sandbox.spawn();
        (sandbox, running, late)
    });
    // The test can't see whether the launch is waiting already. If it isn't, the test passes, too.
    thread::sleep(Duration::from_millis(700));
    for (sandbox, running, late) in launches {
        std::fs::rename(late.with_extension("later"), late).unwrap();
        running.wait().launched_with_value();
        drop(sandbox);
    }
}

#[test]
fn a_secret_that_was_read_is_not_requested_again_while_wait_waits_for_a_region() {
    let y = "arn:aws:secretsmanager:us-east-1:123456789012:secret:y-AbCdEf";
    let aws = served().secret(y, Secret::text("w-4c7a1e"));
    // Only the secret without an ARN needs the region, which the launch gets from the instance
    // metadata.
    let metadata = Relay::start("127.0.0.1", NOWHERE);
    let url = format!("http://{}", metadata.address());
    let sandbox = sandbox(&aws)
        .on_instance(&aws)
        .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", url)
        .env_remove("AWS_REGION")
        .resolve(&format!("B={y}"))
        .args(["--wait", "20s"]);
    let running = sandbox.spawn();
    // Longer than two pauses of `--wait`.
    thread::sleep(Duration::from_millis(2200));
    metadata.leads_to(aws.address());
    running.wait().launched_with_value().has("B", "w-4c7a1e");
    let asked: Vec<String> = aws.reads().iter().map(Call::secret_id).collect();
    assert_eq!(asked, [y, "x"]);
}

#[test]
fn a_launch_without_credentials_or_a_connection_fails_when_the_time_of_wait_is_over() {
    let two = Duration::from_secs(2);
    let aws = served().fails("/credentials", fault::status(404));
    let run = waits_for(two, keyless(&aws).in_container(&aws).timeout("20s"));
    let said = [
        "A (",
        "the container's credentials can't be read: ",
        "secrets-exec kept trying for ",
        "because of --wait",
    ];
    run.refused(75, said);
    let refused = sandbox(&aws).endpoint("http://127.0.0.1:1");
    let run = waits_for(two, refused.timeout("500ms"));
    run.refused(75, ["A (", "127.0.0.1:1 refuses connections"]);
    assert!(aws.reads().is_empty());
}

#[test]
fn a_terminal_shows_what_a_launch_with_wait_waits_for_and_how_much_longer() {
    let time = Duration::from_millis(3000);
    let aws = served().fails_for("/credentials", time, fault::status(404));
    let launch = keyless(&aws).in_container(&aws).args(["--wait", "15s"]);
    let run = on_a_terminal(launch.timeout("10s")).run();
    // At most 13 of the 15 seconds are left.
    run.launched().says([
        "secrets-exec: note: waiting 1",
        "s more: the container's credentials",
    ]);
    assert!(left(&run).is_empty(), "{run}");
}
