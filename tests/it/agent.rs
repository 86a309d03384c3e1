//! `--agent`: the requests to the Secrets Manager Agent, the token, and the requests that it never gets.

use crate::support::aws::Aws;
use crate::support::aws::agent::{SECRET, TOKEN};
use crate::support::aws::secret::{PREVIOUS_ID, Secret};
use crate::support::sandbox::{CANARY, Sandbox};

fn served() -> Aws {
    let secret = Secret::json(r#"{"k":"v","n":1.10}"#).previous(Secret::json(r#"{"k":"old"}"#));
    Aws::start().secret("prod/db", secret)
}

/// A launch through the agent, without access to AWS.
fn sandbox(aws: &Aws) -> Sandbox {
    Sandbox::new().region("us-east-1").arg(format!("--agent={}", aws.agent())).env("AWS_TOKEN", TOKEN)
}

#[test]
fn a_secret_is_read_through_the_agent_without_credentials() {
    let aws = served();
    let run = sandbox(&aws).resolve("A=prod/db:k").resolve("B=prod/db:n").run();
    run.launched_silently().has("A", "v").has("B", "1.10");
    let calls = aws.calls();
    assert_eq!(calls.len(), 1);
    assert_eq!((calls[0].operation().as_str(), calls[0].query()["secretId"].as_str()), (SECRET, "prod/db"));
    assert_eq!(calls[0].query()["versionStage"], "AWSCURRENT");
    assert!(calls[0].header("x-forwarded-for").is_none() && calls[0].header("authorization").is_none());
    assert!(calls[0].header("user-agent").unwrap().contains("app/secrets-exec-"));
}

#[test]
fn stages_versions_and_whole_values_are_read() {
    let aws = served().secret("text", Secret::text(CANARY)).secret("bin", Secret::binary(*b"\xff\x00"));
    let sandbox = sandbox(&aws).resolve("A=prod/db:k:AWSPREVIOUS").resolve("C=text");
    let declaration = "env:\n  D: { from: bin, encode: base64 }\n";
    let run = sandbox.resolve(&format!("B=prod/db:k::{}", PREVIOUS_ID)).declaration(declaration).run();
    run.launched().has("A", "old").has("B", "old").has("C", CANARY).has("D", "/wA=");
}

#[test]
fn an_id_with_every_character_arrives_as_it_is() {
    let id = "rds!a/b_c+d=e.f@g-h";
    let aws = Aws::start().secret(id, Secret::json(r#"{"k":"v"}"#));
    sandbox(&aws).resolve(&format!("A={id}:k")).run().launched().has("A", "v");
    assert_eq!(aws.calls()[0].query()["secretId"], id);
}

#[test]
fn the_default_url_is_port_2773_of_this_host() {
    let base = || Sandbox::new().env("AWS_TOKEN", TOKEN).args(["--timeout", "300ms"]);
    let declaration = "defaults:\n  agent: true\nenv:\n  A: prod/db:k\n";
    for sandbox in [
        base().arg("--agent").resolve("A=prod/db:k"),
        // What follows the option after a blank is not its URL.
        base().args(["--agent", "-e", "A=prod/db:k"]),
        base().declaration(declaration),
    ] {
        sandbox.run().refused(75).says(["127.0.0.1:2773"]);
    }
}

#[test]
fn a_variable_and_a_declaration_may_ask_for_it() {
    let aws = served();
    let base = || Sandbox::new().region("us-east-1").env("AWS_TOKEN", TOKEN);
    base().env("SECRETS_EXEC_AGENT", aws.agent()).resolve("A=prod/db:k").run().launched().has("A", "v");
    let declaration = format!("defaults:\n  agent: {}\nenv:\n  A: prod/db:k\n", aws.agent());
    base().declaration(&declaration).run().launched().has("A", "v");
    let off = Sandbox::new().aws(&aws).env("SECRETS_EXEC_AGENT", "0");
    off.declaration(&declaration).run().launched().has("A", "v");
    assert_eq!(aws.reads().len(), 1);
}

#[test]
fn a_token_may_stand_in_a_file() {
    let aws = served();
    let sandbox = sandbox(&aws).file("token", format!("{TOKEN}\n")).resolve("A=prod/db:k");
    let file = format!("file://{}", sandbox.path("token").display());
    sandbox.env("AWS_TOKEN", file).run().launched().has("A", "v");
}

#[test]
fn a_token_file_that_does_not_exist_ends_the_search() {
    let aws = served();
    let sandbox = sandbox(&aws).env("AWS_TOKEN", "file:///nonexistent/token");
    let run = sandbox.resolve("A=prod/db:k").run();
    run.refused(77).says(["A (", "AWS_TOKEN: /nonexistent/token does not exist"]).says_nothing_of("awssmatoken");
    assert!(aws.calls().is_empty());
}

#[test]
fn the_token_of_this_hosts_agent_is_sent_to_no_other_host() {
    let sandbox = Sandbox::new().arg("--agent=http://192.0.2.1:2773").resolve("A=prod/db:k");
    sandbox.run().refused(77).says(["/var/run/awssmatoken: ", "loopback"]);
}

#[test]
fn without_a_token_each_place_is_told() {
    let aws = served();
    let run = sandbox(&aws).env_remove("AWS_TOKEN").resolve("A=prod/db:k").run();
    run.refused(77).says([
        "no token for the Secrets Manager Agent",
        "AWS_TOKEN: is not set",
        "/var/run/awssmatoken: ",
        "help: set AWS_TOKEN",
    ]);
    assert!(aws.calls().is_empty());
}

#[test]
fn no_proxy_stands_between_us_and_the_agent() {
    let aws = served();
    let sandbox = sandbox(&aws).env("HTTP_PROXY", "http://127.0.0.1:1");
    sandbox.resolve("A=prod/db:k").run().launched();
}

#[test]
fn what_the_agent_cannot_do_is_78_and_is_not_asked() {
    let role = "arn:aws:iam::210987654321:role/Reader";
    let elsewhere = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:x-AbCdEf";
    for (options, reference, why) in [
        (vec!["--role-arn", role], "prod/db:k", "role"),
        (vec![], elsewhere, "region"),
        (vec![], "ssm:/app/key", "parameters"),
    ] {
        let aws = served();
        let run = sandbox(&aws).args(options).resolve(&format!("A={reference}")).run();
        run.refused(78).says(["A (", why, "--agent"]);
        assert!(aws.calls().is_empty());
    }
}

#[test]
fn what_the_agent_cannot_do_is_told_before_anything_else_is_asked() {
    let elsewhere = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:x-AbCdEf";
    let aliases = "secrets:
  away: { id: prod/db, region: eu-west-1 }
  other: { id: prod/db, role-arn: 'arn:aws:iam::123456789012:role/Reader' }
";
    for (entry, why) in [
        (elsewhere, "only in its own region"),
        ("ssm:/app/key", "reads no parameters"),
        ("away:k", "only in its own region"),
        ("other:k", "only with its own role"),
        ("{ from: 'ssm:/app/key', optional: true }", "reads no parameters"),
        ("{ template: '{{ other.k }}' }", "only with its own role"),
    ] {
        for option in ["--no-file", "--agent-fallback"] {
            let aws = served();
            let declaration = format!("{aliases}env:\n  A: {entry}\n  B: prod/db:k\n");
            let sandbox = sandbox(&aws).file("d.yaml", declaration).args(["-f", "d.yaml", option]);
            let run = sandbox.aws(&aws).run();
            run.refused(78).says(["A (", why]).says_nothing_of("B (");
            assert!(aws.calls().is_empty(), "{entry} {option}");
        }
    }
}

#[test]
fn what_the_agent_cannot_do_is_told_though_another_entry_may_cover_it() {
    let aws = served();
    let sandbox = sandbox(&aws).file("base.yaml", "env:\n  A: ssm:/app/key\n");
    let sandbox = sandbox.file("over.yaml", "env:\n  A: { from: 'prod/db:k', optional: true }\n");
    sandbox.args(["-f", "base.yaml", "-f", "over.yaml"]).run().refused(78).says(["A (base.yaml:2", "parameters"]);
    assert!(aws.calls().is_empty());
}

#[test]
fn an_arn_of_its_own_region_is_read() {
    let arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:x-AbCdEf";
    let aws = Aws::start().secret(arn, Secret::json(r#"{"k":"v"}"#));
    let run = sandbox(&aws).arg("-v").resolve(&format!("A={arn}:k")).run();
    run.launched().has("A", "v").says(["version c0c0c0c0", "region us-east-1"]);
}

#[test]
fn a_local_file_needs_no_agent() {
    let secrets = format!(r#"{{"x":"{CANARY}"}}"#);
    Sandbox::new().arg("--agent").local(&secrets).resolve("A=x").run().launched().has("A", CANARY);
}

#[test]
fn an_address_that_is_none_is_a_usage_error() {
    let run = Sandbox::new().arg("--agent=localhost:2773").resolve("A=x").run();
    run.refused(64).says(["--agent", "localhost:2773"]);
}
