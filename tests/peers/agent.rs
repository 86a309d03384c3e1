//! The AWS Secrets Manager Agent itself, in front of moto.

use std::env;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::daemon::Daemon;
use super::moto::{Moto, REGION};
use crate::support::sandbox::{CANARY, Sandbox};
use crate::support::skip::skipped;

/// The token that the agent requires.
const TOKEN: &str = "cAnArY-7f3a9c51-token";

/// The agent's program. Its build takes ten minutes, so only `make test-peers` builds it.
fn program() -> Option<PathBuf> {
    let named = env::var_os("SECRETS_EXEC_PEER_AGENT").map(PathBuf::from);
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join(".agent/bin/aws_secretsmanager_agent");
    let program = named.unwrap_or(built);
    if !program.exists() {
        skipped("tests with the AWS Secrets Manager Agent: `make test-peers` builds it, which takes ten minutes");
        return None;
    }
    Some(program)
}

/// An agent whose cache has this TTL, in seconds.
fn agent(moto: &Moto, ttl: u32) -> Option<Daemon> {
    let program = program()?;
    Some(Daemon::start(1, |folder, ports| {
        let config = format!(
            "http_port = {}\nregion = \"{REGION}\"\nttl_seconds = {ttl}\nlog_to_file = false\nlog_level = \"error\"\n",
            ports[0]
        );
        std::fs::write(folder.join("agent.toml"), config).unwrap();
        std::fs::write(folder.join("token"), TOKEN).unwrap();
        let variables = [
            format!("AWS_ENDPOINT_URL={}", moto.url),
            format!("AWS_TOKEN=file://{}", folder.join("token").display()),
            "AWS_ACCESS_KEY_ID=AKIADUMMY".to_owned(),
            "AWS_SECRET_ACCESS_KEY=dummy".to_owned(),
            format!("AWS_REGION={REGION}"),
        ];
        let program = [program.display().to_string(), "--config".to_owned(), "agent.toml".to_owned()];
        ["env".to_owned()].into_iter().chain(variables).chain(program).collect()
    }))
}

/// A launch with the agent and its token, without credentials.
fn sandbox(agent: &Daemon) -> Sandbox {
    let token = agent.directory().join("token");
    Sandbox::new()
        .region(REGION)
        .arg(format!("--agent=http://127.0.0.1:{}", agent.ports[0]))
        .env("AWS_TOKEN", format!("file://{}", token.display()))
}

#[test]
fn it_gives_secrets_by_name_by_arn_by_stage_and_by_version() {
    let Some(moto) = Moto::shared() else { return };
    let Some(agent) = agent(moto, 300) else { return };
    let arn = moto.secret("agent/db+1", r#"{"k":"old"}"#);
    let id = moto.put("agent/db+1", r#"{"k":"new","n":1.10}"#, &[]);
    let sandbox = sandbox(&agent).resolve("A=agent/db+1:k").resolve(&format!("B={arn}:n"));
    let sandbox = sandbox.resolve("C=agent/db+1:k:AWSPREVIOUS").resolve(&format!("D=agent/db+1:k::{id}"));
    let run = sandbox.run();
    run.launched_silently().has("A", "new").has("B", "1.10").has("C", "old").has("D", "new");
}

#[test]
fn it_gives_bytes_and_long_values() {
    let Some(moto) = Moto::shared() else { return };
    let Some(agent) = agent(moto, 300) else { return };
    let long = format!("{CANARY}{}", "x".repeat(60_000));
    moto.secret("agent/long", &long);
    moto.secretsmanager("create_secret", &json!({ "Name": "agent/bytes", "SecretBinary": { "$bytes": [0, 255, 10] } }));
    let declaration = "env:\n  A: agent/long\n  B: { from: agent/bytes, encode: base64 }\n";
    sandbox(&agent).declaration(declaration).run().launched().has("A", &long).has("B", "AP8K");
}

#[test]
fn what_is_absent_for_it_is_absent() {
    let Some(moto) = Moto::shared() else { return };
    let Some(agent) = agent(moto, 300) else { return };
    let run = sandbox(&agent).args(["--timeout", "5s"]).resolve("A=agent/nothing").run();
    run.refused(78).says(["A (", "secret agent/nothing", "does not exist"]);
}

#[test]
fn it_refuses_another_token() {
    let Some(moto) = Moto::shared() else { return };
    let Some(agent) = agent(moto, 300) else { return };
    moto.secret("agent/guarded", CANARY);
    let run = sandbox(&agent).env("AWS_TOKEN", "cAnArY-7f3a9c51-other").resolve("A=agent/guarded").run();
    run.refused(77).says(["A (", "token"]);
}

#[test]
fn a_value_is_as_old_as_its_cache_lets_it_be() {
    let Some(moto) = Moto::shared() else { return };
    let Some(agent) = agent(moto, 1) else { return };
    moto.secret("agent/changed", "one");
    let sandbox = sandbox(&agent).resolve("A=agent/changed");
    sandbox.run().launched().has("A", "one");
    moto.put("agent/changed", "two", &[]);
    sandbox.run().launched().has("A", "one");
    thread::sleep(Duration::from_millis(1500));
    sandbox.run().launched().has("A", "two");
}

#[test]
fn it_still_answers_when_aws_is_gone() {
    let Some(moto) = Moto::start() else { return };
    let Some(agent) = agent(&moto, 1) else { return };
    moto.secret("agent/kept", CANARY);
    let sandbox = sandbox(&agent).resolve("A=agent/kept");
    sandbox.run().launched().has("A", CANARY);
    drop(moto);
    thread::sleep(Duration::from_millis(1200));
    sandbox.args(["--timeout", "50s"]).run().launched().has("A", CANARY);
}

#[test]
fn aws_is_asked_itself_when_it_has_gone_and_that_is_allowed() {
    let Some(moto) = Moto::shared() else { return };
    let Some(agent) = agent(moto, 300) else { return };
    moto.secret("agent/direct", CANARY);
    let url = format!("--agent=http://127.0.0.1:{}", agent.ports[0]);
    drop(agent);
    let sandbox = moto.sandbox().arg(url).env("AWS_TOKEN", TOKEN).args(["--timeout", "2s"]).resolve("A=agent/direct");
    sandbox.run().refused(75);
    sandbox.arg("--agent-fallback").run().launched_silently().has("A", CANARY);
}
