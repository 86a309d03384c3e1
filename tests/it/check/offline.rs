//! `check --offline`: the declaration alone, without credentials, region and network.

use super::statuses;
use crate::support::outcome::Status;
use crate::support::sandbox::Sandbox;
use crate::support::skip;

fn offline() -> Sandbox {
    Sandbox::new().args(["check", "--offline"]).bare()
}

#[test]
fn a_declaration_is_checked_without_credentials_region_network_and_profile() {
    let declaration = r#"
secrets: { db: prod/db }
env:
  PASSWORD: db:password
  LEVEL: { value: info }
  URL: { template: "{{ db.user }}@{{ db.host }}" }
env-from:
  - { from: prod/stripe, prefix: STRIPE_, only: [key] }
  - { from: "ssm:/prod/app/" }
files:
  - { from: "prod/tls:key", path: /no/such/directory/tls.key, owner: "no-such-user" }
"#;
    let sandbox = offline().declaration(declaration).env("AWS_PROFILE", "nothing");
    let run = sandbox.env("AWS_CONFIG_FILE", "/no/such/file").run();
    run.launched_silently();
    for (name, expected) in [
        ("PASSWORD", "valid"),
        ("LEVEL", "ok"),
        ("URL", "valid"),
        ("STRIPE_*", "valid"),
        ("*", "valid"),
        ("/no/such/directory/tls.key", "valid"),
    ] {
        assert_eq!(statuses(&run, [name]), [expected], "{run}");
    }
}

#[test]
fn an_offline_check_opens_no_socket() {
    let Some(tracing) = skip::traced(&["-f", "-e", "trace=network,process"], "no socket is opened") else { return };
    let sandbox = offline().resolve("A=prod/db:password").env("AWS_REGION", "us-east-1").through(tracing);
    sandbox.run().ended(Status::Exit(0));
    let calls = std::fs::read_to_string(sandbox.path("trace")).unwrap();
    assert!(!calls.contains("socket(") && calls.contains("execve("), "{calls}");
}

#[test]
fn literals_that_no_environment_can_hold_fail() {
    let declaration = format!("env:\n  A: {{ value: {} }}\n", "x".repeat(140_000));
    let run = offline().declaration(&declaration).run();
    run.ended(Status::Exit(78));
    assert_eq!(statuses(&run, ["A"]), ["too-long"], "{run}");
}

#[test]
fn a_misspelled_alias_is_warned_of() {
    let run = offline().declaration("secrets: { db: prod/db }\nenv:\n  A: bd:host\n  B: db:host\n  C: ssm:/x\n").run();
    run.ended(Status::Exit(0)).says(["warning: A (secrets-exec.yaml:3, bd:host): bd is no alias", "the alias db?"]);
    assert_eq!(run.stderr().matches("alias").count(), 2, "{run}");
}

#[test]
fn an_entry_that_the_agent_can_never_read_fails() {
    let role = ["--agent", "--role-arn", "arn:aws:iam::123456789012:role/r", "--external-id", "e"];
    let run = offline().args(role).resolve("A=prod/db").run();
    run.ended(Status::Exit(78)).says(["passes on no external id"]);
    let literal = "env: { C: { value: not base64, decode: base64 } }";
    let run = offline().arg("--agent").resolve("A=ssm:/x").resolve("B=y").declaration(literal).run();
    assert_eq!(run.stderr().matches("  C (").count(), 1, "{run}");
    run.ended(Status::Exit(78)).says(["reads no parameters"]);
    assert_eq!(statuses(&run, ["A", "B"]), ["agent", "valid"]);
}

#[test]
fn the_command_is_looked_up_too() {
    let run = Sandbox::new().args(["check", "--offline", "-e", "A=x"]).command(["no-such-command"]).run();
    run.ended(Status::Exit(127)).says(["no-such-command: command not found"]);
    let run = Sandbox::new().args(["check", "--offline", "-e", "A=x"]).command(["sh"]).run();
    run.ended(Status::Exit(0));
    assert_eq!(statuses(&run, ["sh"]), ["ok"], "{run}");
}
