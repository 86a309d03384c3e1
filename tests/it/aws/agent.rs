//! `--agent`: the requests to the Secrets Manager Agent, what it refuses or cannot do; and `--agent-fallback`, which is never a way
//! around a refusal.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::time::Duration;

use crate::support::connection::as_user;
use crate::support::*;

const ARN: &str = "arn:aws:secretsmanager:us-east-1:123456789012:secret:x-AbCdEf";

/// The `--timeout` of a launch that fails to the end.
const TIMEOUT: Duration = Duration::from_secs(2);

/// A launch with the token of the agent, which no proxy stands before, and without access to AWS.
fn tokened() -> Sandbox {
    Sandbox::new().region("us-east-1").env("AWS_TOKEN", AGENT_TOKEN).env("HTTP_PROXY", "http://127.0.0.1:1")
}

/// A launch through the agent.
fn through(agent: &Aws) -> Sandbox {
    tokened().arg(format!("--agent={}", agent.url()))
}

fn reads(agent: &Aws) -> Sandbox {
    through(agent).timeout("2s").resolve("A=x:k")
}

/// A launch through the agent that can also ask AWS.
fn with_agent_fallback(agent: &Aws, aws: &Aws) -> Sandbox {
    reads(agent).arg("--agent-fallback").endpoint(&aws.endpoint()).env_remove("HTTP_PROXY").keys()
}

#[test]
fn a_secret_is_read_through_the_agent_once_and_without_credentials() {
    let (aws, id) = (served(), "rds!a/b_c+d=e.f@g-h");
    let aws = aws.secret(id, Secret::text(r#"{"k":"v-4c7a1e","n":1.10}"#));
    let run = through(&aws).resolve(&format!("A={id}:k")).resolve(&format!("B={id}:n")).run();
    run.launched_silently().has("A", "v-4c7a1e").has("B", "1.10");
    let calls = aws.calls();
    assert_eq!(calls.len(), 1);
    let query = calls[0].query();
    assert_eq!((calls[0].operation().as_str(), query["secretId"].as_str()), (AGENT_READ, id));
    assert_eq!(query["versionStage"], "AWSCURRENT");
    assert!(calls[0].header("x-forwarded-for").is_none() && calls[0].header("authorization").is_none());
    assert!(calls[0].header("user-agent").unwrap().contains("app/secrets-exec-"));
}

#[test]
fn stages_versions_whole_values_and_arns_of_the_agents_region_are_read() {
    let secret = Secret::text(r#"{"k":"v-4c7a1e"}"#).previous(Secret::text(r#"{"k":"old-4c7a1e"}"#));
    let aws = Aws::start().secret("x", secret).secret("text", Secret::text(CANARY));
    let aws = aws.secret("bin", Secret::binary(*b"\xff\x00-4c7a")).secret(ARN, Secret::text(r#"{"k":"v-4c7a1e"}"#));
    let sandbox = through(&aws)
        .arg("-v")
        .declaration("env:\n  D: { from: bin, encode: base64 }\n  F: { from: nothing, default: d }\n");
    let sandbox = sandbox.resolve("A=x:k:AWSPREVIOUS").resolve(&format!("B=x:k::{PREVIOUS_ID}"));
    let run = sandbox.resolve("C=text").resolve(&format!("E={ARN}:k")).run();
    run.launched().has("A", "old-4c7a1e").has("B", "old-4c7a1e").has("C", CANARY).has("D", "/wAtNGM3YQ==");
    run.has("E", "v-4c7a1e").has("F", "d").says(["version c0c0c0c0", "region us-east-1"]);
}

#[test]
fn an_option_a_variable_and_a_declaration_ask_for_the_agent() {
    let declaration = "defaults:\n  agent: true\nenv:\n  A: x:k\n";
    for (case, sandbox) in [
        ("the default URL is port 2773 of this host", tokened().arg("--agent").resolve("A=x:k")),
        ("what follows the option after a blank is not its URL", tokened().args(["--agent", "-e", "A=x:k"])),
        ("a declaration has the default URL", tokened().declaration(declaration)),
    ] {
        sandbox.timeout("300ms").case(case).run().refused(75).says(["127.0.0.1:2773"]);
    }
    let aws = served();
    tokened().env("SECRETS_EXEC_AGENT", aws.url()).resolve("A=x:k").run().launched().has("A", "v-4c7a1e");
    let declaration = format!("defaults:\n  agent: {}\nenv:\n  A: x:k\n", aws.url());
    tokened().declaration(&declaration).run().launched().has("A", "v-4c7a1e");
    assert!(aws.reads().is_empty());
    let off = Sandbox::new().aws(&aws).env("SECRETS_EXEC_AGENT", "0");
    off.declaration(&declaration).run().launched().has("A", "v-4c7a1e");
    assert_eq!(aws.reads().len(), 1);
    for (option, said) in [("--agent=localhost:2773", "the agent's URL"), ("--agent-fallback", "--agent")] {
        Sandbox::new().arg(option).resolve("A=x").run().refused(64).says([option.split('=').next().unwrap(), said]);
    }
}

#[test]
fn the_token_is_that_of_the_variable_or_of_a_file() {
    let aws = served();
    let sandbox = reads(&aws).file("token", format!("{AGENT_TOKEN}\n"));
    let file = format!("file://{}", sandbox.path("token").display());
    sandbox.env("AWS_TOKEN", file).run().launched().has("A", "v-4c7a1e");
    let calls = aws.calls().len();
    let missing = reads(&aws).env("AWS_TOKEN", "file:///nonexistent/token").run();
    let said = ["A (", "AWS_TOKEN: /nonexistent/token: no such file or directory"];
    missing.refused(77).says(said).says_nothing_of("awssmatoken");
    let other_host = Sandbox::new().arg("--agent=http://192.0.2.1:2773").resolve("A=x").run();
    other_host.refused(77).says(["/var/run/awssmatoken: ", "loopback"]);
    assert_eq!(aws.calls().len(), calls);
    reads(&aws).env("AWS_TOKEN", "cAnArY-7f3a9c51/another").run().refused(77).says(["A (", "secret x", "token"]);
    assert_eq!(aws.calls().len(), calls + 1, "asked once");
}

#[test]
fn the_token_is_not_sent_where_another_user_listens() {
    if !nix::unistd::geteuid().is_root() {
        return skip::skipped("a listener of another user");
    }
    /// In /etc/passwd of Debian: its own group has the same number.
    const DAEMON: u32 = 1;
    const OTHER: u32 = 1234;
    for (user, owner, group, mode, is_agent) in [
        (DAEMON, 0, 0, 0o640, false),
        (DAEMON, OTHER, OTHER, 0o640, false),
        (DAEMON, DAEMON, 0, 0o600, true),
        // As the agent's installation has it.
        (DAEMON, 0, DAEMON, 0o640, true),
        (DAEMON, 0, DAEMON, 0o600, false),
        (OTHER, 0, DAEMON, 0o640, false),
        (0, OTHER, OTHER, 0o600, true),
    ] {
        for address in ["127.0.0.1:0", "0.0.0.0:0", "[::]:0"] {
            let listener = as_user(user, move || TcpListener::bind(address).unwrap());
            let port = listener.local_addr().unwrap().port();
            let sandbox = Sandbox::new()
                .file("token", AGENT_TOKEN)
                .resolve("A=x")
                .timeout("100ms")
                .case(format!("{user} {owner}:{group} {mode:o}"));
            let file = sandbox.path("token");
            chown(&file, Some(owner), Some(group)).unwrap();
            fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            let run = sandbox
                .arg(format!("--agent=http://127.0.0.1:{port}"))
                .env("AWS_TOKEN", format!("file://{}", file.display()))
                .run();
            run.refused(if is_agent { 75 } else { 77 });
            if !is_agent {
                run.says([
                    "no token for the Secrets Manager Agent: AWS_TOKEN: ",
                    &format!("port {port}, where user {user} listens"),
                ]);
            }
        }
    }
}

#[test]
fn what_the_agent_cannot_do_may_be_replaced_by_a_later_declaration() {
    let aws = served();
    let covered = through(&aws).file("base.yaml", "env:\n  A: ssm:/app/key\n");
    let covered = covered.file("over.yaml", "env:\n  A: { from: 'x:k', optional: true }\n");
    covered.args(["-f", "base.yaml", "-f", "over.yaml"]).run().launched_silently().has("A", "v-4c7a1e");
}

#[test]
fn a_role_is_handed_on_and_named_when_the_agent_cannot_assume_it() {
    let writer = "arn:aws:iam::210987654321:role/path/W+r@x";
    let aws = served();
    let aliases = format!("secrets:\n  other: {{ id: x, role-arn: '{writer}' }}\n");
    let sandbox = through(&aws).declaration(&format!("{aliases}env:\n  A: other:k\n  B: x:k\n"));
    sandbox.args(["--role-arn", ROLE]).run().launched_silently().has("A", "v-4c7a1e").has("B", "v-4c7a1e");
    let mut roles: Vec<String> = aws.calls().iter().map(|call| call.query()["roleArn"].clone()).collect();
    roles.sort();
    assert_eq!(roles, [ROLE, writer]);
    let body = format!(
        r#"{{"__type":"AccessDeniedException","message":"Failed to create caching client from role: {ROLE}"}}"#
    );
    for (fault, status, words) in [
        (plain(403, &body), 77, [ROLE, "sts:AssumeRole"]),
        (plain(400, "unknown parameter: roleArn"), 78, ["role", "2.1"]),
    ] {
        let aws = served().fails(AGENT_READ, fault);
        reads(&aws).args(["--role-arn", ROLE]).run().refused(status).says(words);
    }
}

#[test]
fn the_fallback_asks_aws_when_the_agent_is_silent_or_absent_or_has_no_token() {
    let (agent, aws) = (served().fails(AGENT_READ, Fault::Hang), served());
    with_agent_fallback(&agent, &aws).timeout("6s").run().launched_silently().has("A", "v-4c7a1e");
    assert_eq!((agent.calls().len(), aws.reads().len()), (1, 1));
    let (agent, aws) = (served(), served());
    with_agent_fallback(&agent, &aws).arg("--agent=http://127.0.0.1:1").run().launched().has("A", "v-4c7a1e");
    // The sandbox kills a run that waits so long for the token.
    with_agent_fallback(&agent, &aws)
        .env_remove("AWS_TOKEN")
        .args(["--wait", "1h"])
        .run()
        .launched_silently()
        .has("A", "v-4c7a1e");
    assert_eq!((agent.calls().len(), aws.reads().len()), (0, 2));
}

#[test]
fn the_fallback_keeps_to_the_deadline_and_waits_for_aws_after_the_agent_has_failed() {
    let agent = served().fails(AGENT_READ, Fault::Hang);
    keeps_to(TIMEOUT, &reads(&agent)).refused(75).says(["A ("]);
    let aws = Aws::start().secret("x", Secret::failing(Fault::Hang));
    keeps_to(TIMEOUT, &with_agent_fallback(&agent, &aws)).refused(75);
    // The agent fails at once; AWS's credentials come after 2.5 seconds.
    let agent = served().fails(AGENT_READ, own(500, "InternalFailure"));
    let aws = served().fails_for("/credentials", Duration::from_millis(2500), fault::status(404));
    let sandbox = with_agent_fallback(&agent, &aws).without_keys().in_container(&aws);
    sandbox.args(["--wait", "20s", "--timeout", "1s"]).run().launched_silently().has("A", "v-4c7a1e");
}
