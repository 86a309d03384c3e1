//! The real AWS Secrets Manager Agent, in front of moto.

use std::thread;
use std::time::Duration;

use serde_json::json;

use super::daemon::Daemon;
use super::moto::{Moto, REGION};
use crate::support::record::await_fact;
use crate::support::sandbox::{CANARY, Sandbox};

/// The token that the agent requires.
const TOKEN: &str = "cAnArY-7f3a9c51-token";

/// The path of the agent's program.
const PROGRAM: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/.agent/bin/aws_secretsmanager_agent"
);

/// Starts an agent whose cache has this TTL, in seconds.
fn agent(moto: &Moto, ttl: u32) -> Daemon {
    Daemon::start(1, |folder, ports| {
        let config = format!(
            "http_port = {}\nregion = \"{REGION}\"\nttl_seconds = {ttl}\nlog_to_file = false\nlog_level = \"error\"\n",
            ports[0]
        );
        std::fs::write(folder.join("agent.toml"), config).unwrap();
        std::fs::write(folder.join("token"), TOKEN).unwrap();
        let line = format!(
            "env AWS_ENDPOINT_URL={} AWS_TOKEN=file://{}/token AWS_ACCESS_KEY_ID=AKIADUMMY \
             AWS_SECRET_ACCESS_KEY=dummy AWS_REGION={REGION} {PROGRAM} --config agent.toml",
            moto.url,
            folder.display()
        );
        line.split(' ').map(str::to_owned).collect()
    })
}

/// A launch with the agent and its token, but without credentials.
fn by_agent(agent: &Daemon) -> Sandbox {
    let token = agent.directory().join("token");
    Sandbox::new()
        .region(REGION)
        .arg(format!("--agent=http://127.0.0.1:{}", agent.ports[0]))
        .env("AWS_TOKEN", format!("file://{}", token.display()))
}

#[test]
#[ignore = "by make test-all, which builds the agent"]
fn a_launch_gets_its_values_from_the_real_agent_and_fails_with_a_wrong_token() {
    let moto = or_skip!(Moto::shared());
    let agent = agent(moto, 300);
    let arn = moto.secret("agent/db+1", r#"{"k":"old-4c7a1e"}"#);
    let id = moto.put("agent/db+1", r#"{"k":"new-4c7a1e","n":1.10}"#);
    let long = format!("{CANARY}{}", "x".repeat(60_000));
    moto.secret("agent/long", &long);
    let binary = json!({ "Name": "agent/bytes", "SecretBinary": { "$bytes": b"\0\xff-4c7a1e\n" } });
    moto.secretsmanager("create_secret", &binary);
    let declaration = format!(
        "env: {{ B: '{arn}:n', C: 'agent/db+1:k:AWSPREVIOUS', D: 'agent/db+1:k::{id}', E: agent/long, \
         F: {{ from: agent/bytes, encode: base64 }} }}"
    );
    let launch = || by_agent(&agent).resolve("A=agent/db+1:k").timeout("50s");
    let run = launch().declaration(&declaration).run();
    run.launched_silently()
        .has("A", "new-4c7a1e")
        .has("B", "1.10")
        .has("C", "old-4c7a1e")
        .has("D", "new-4c7a1e")
        .has("E", &long)
        .has("F", "AP8tNGM3YTFlCg==");
    // A role in the account that has moto's secrets.
    let role = "arn:aws:iam::123456789012:role/Reader";
    let run = launch().args(["--role-arn", role]).run();
    run.launched().has("A", "new-4c7a1e");
    let run = launch().resolve("G=agent/nothing").run();
    run.refused(78, ["G (", "secret agent/nothing", "doesn't exist"]);
    let run = launch().env("AWS_TOKEN", "cAnArY-7f3a9c51-other").run();
    run.refused(77, ["A (", "token"]);
}

#[test]
#[ignore = "by make test-all, which builds the agent"]
fn the_real_agent_gives_the_new_value_after_its_ttl_and_the_last_value_without_aws() {
    let moto = or_skip!(Moto::start());
    let agent = agent(&moto, 1);
    moto.secret("agent/changed", "one-4c7a1e");
    let sandbox = by_agent(&agent).timeout("50s").resolve("A=agent/changed");
    sandbox.run().launched().has("A", "one-4c7a1e");
    moto.put("agent/changed", "two-4c7a1e");
    await_fact("the new value", || {
        sandbox.run().launched().stdout().contains("A=two-4c7a1e\0")
    });
    drop(moto);
    // Longer than the agent's TTL, so that the agent asks AWS again, which is gone.
    thread::sleep(Duration::from_millis(1200));
    sandbox.run().launched().has("A", "two-4c7a1e");
}
