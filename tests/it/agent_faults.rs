//! An agent that refuses, fails or is not there; and `--agent-fallback`, which is never a way around a
//! refusal.

use std::time::Duration;

use crate::support::aws::Aws;
use crate::support::aws::agent::{SECRET, TOKEN, own, plain};
use crate::support::aws::fault::{self, Fault};
use crate::support::aws::secret::Secret;
use crate::support::deadline::keeps_to;
use crate::support::sandbox::{ACCESS_SECRET, Sandbox};

fn served() -> Aws {
    Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#))
}

/// The `--timeout` of [`sandbox`].
const TIMEOUT: Duration = Duration::from_secs(2);

fn sandbox(aws: &Aws) -> Sandbox {
    Sandbox::new()
        .region("us-east-1")
        .arg(format!("--agent={}", aws.agent()))
        .env("AWS_TOKEN", TOKEN)
        .args(["--timeout", "2s"])
        .resolve("A=x:k")
}

/// A launch through the agent that can also ask AWS.
fn with_fallback(agent: &Aws, aws: &Aws) -> Sandbox {
    sandbox(agent)
        .arg("--agent-fallback")
        .endpoint(&aws.endpoint())
        .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", ACCESS_SECRET)
}

#[test]
fn a_token_that_it_does_not_take_is_77_and_asked_once() {
    let aws = served();
    let run = sandbox(&aws).env("AWS_TOKEN", "cAnArY-7f3a9c51/another").run();
    run.refused(77).says(["A (", "secret x", "token", "/var/run/awssmatoken"]);
    assert_eq!(aws.calls().len(), 1);
}

#[test]
fn the_errors_of_aws_mean_what_they_mean_without_it() {
    for (fault, status, word) in [
        (fault::not_found(), 78, "does not exist"),
        (fault::denied("x"), 77, "secretsmanager:GetSecretValue"),
        (fault::not_decrypted(), 77, "DecryptionFailure"),
        (fault::marked_for_deletion(), 78, "deletion"),
    ] {
        let aws = served().fails(SECRET, fault);
        sandbox(&aws).run().refused(status).says(["A (", word]);
        assert_eq!(aws.calls().len(), 1);
    }
}

#[test]
fn an_absence_through_the_agent_has_a_default() {
    let aws = Aws::start();
    let sandbox = Sandbox::new().arg(format!("--agent={}", aws.agent())).env("AWS_TOKEN", TOKEN);
    let run = sandbox.declaration("env:\n  A: { from: nothing, default: d }\n").run();
    run.launched().has("A", "d");
}

#[test]
fn an_agent_that_recovers_is_asked_again() {
    for fault in [
        own(504, "TimeoutError"),
        own(502, "ConnectionError"),
        own(500, "InternalFailure"),
        plain(429, ""),
        fault::throttled(),
        Fault::Close,
    ] {
        let aws = served().fails_first(SECRET, 1, fault);
        sandbox(&aws).args(["--timeout", "20s"]).run().launched_silently().has("A", "v");
        assert_eq!(aws.calls().len(), 2);
    }
}

#[test]
fn an_agent_that_fails_to_the_end_is_75_and_aws_is_not_asked() {
    for fault in [own(504, "TimeoutError"), plain(429, ""), Fault::Hang, fault::page()] {
        let (agent, aws) = (served().fails(SECRET, fault), served());
        let sandbox = sandbox(&agent).endpoint(&aws.endpoint()).env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE");
        let sandbox = sandbox.env("AWS_SECRET_ACCESS_KEY", ACCESS_SECRET);
        keeps_to(TIMEOUT, &sandbox).refused(75).says(["A ("]);
        assert!(aws.calls().is_empty());
    }
}

#[test]
fn an_agent_that_is_not_there_is_75_and_named() {
    let sandbox = Sandbox::new().arg("--agent=http://127.0.0.1:1").env("AWS_TOKEN", TOKEN).args(["--timeout", "1s"]);
    sandbox.resolve("A=x:k").run().refused(75).says(["A (", "not reachable", "Secrets Manager Agent", "127.0.0.1:1"]);
}

#[test]
fn what_is_no_agent_is_told_as_such() {
    for fault in [plain(404, "Not found"), plain(400, "Forwarded"), plain(405, "")] {
        let aws = served().fails(SECRET, fault);
        sandbox(&aws).run().refused(78).says(["A (", "agent", "HTTP status 4"]);
        assert_eq!(aws.calls().len(), 1);
    }
}

#[test]
fn the_fallback_asks_aws_when_the_agent_cannot_be_asked() {
    for fault in [own(504, "TimeoutError"), plain(429, ""), Fault::Hang, Fault::Close] {
        let (agent, aws) = (served().fails(SECRET, fault), served());
        with_fallback(&agent, &aws).args(["--timeout", "6s"]).run().launched_silently().has("A", "v");
        assert_eq!((agent.calls().len(), aws.reads().len()), (1, 1));
    }
    let aws = served();
    let agent = served();
    let sandbox = with_fallback(&agent, &aws).arg("--agent=http://127.0.0.1:1");
    sandbox.run().launched().has("A", "v");
    let sandbox = with_fallback(&agent, &aws).env_remove("AWS_TOKEN");
    sandbox.run().launched().has("A", "v");
    assert_eq!((agent.calls().len(), aws.reads().len()), (0, 2));
}

#[test]
fn the_fallback_is_no_way_around_an_answer() {
    for (fault, status) in [
        (plain(403, "Bad Token"), 77),
        (fault::denied("x"), 77),
        (Fault::Xml { status: 403 }, 77),
        (own(403, "AccessDeniedException"), 77),
        (own(403, "ThrottlingException"), 77),
        (own(403, "RequestTimeTooSkewed"), 75),
        (fault::not_found(), 78),
    ] {
        let (agent, aws) = (served().fails(SECRET, fault), served());
        with_fallback(&agent, &aws).run().refused(status);
        assert!(aws.calls().is_empty());
    }
}

#[test]
fn the_fallback_keeps_to_the_time_of_all() {
    let agent = served().fails(SECRET, Fault::Hang);
    let aws = Aws::start().secret("x", Secret::failing(Fault::Hang));
    keeps_to(TIMEOUT, &with_fallback(&agent, &aws)).refused(75);
}

#[test]
fn what_aws_is_waited_for_is_waited_for_after_the_agent_has_failed() {
    // The agent fails at once; AWS's credentials come after 2.5 seconds.
    let agent = served().fails(SECRET, own(500, "InternalFailure"));
    let aws = served().fails_for("/credentials", Duration::from_millis(2500), fault::status(404));
    let sandbox = with_fallback(&agent, &aws).env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    let sandbox = sandbox.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", aws.container_credentials());
    sandbox.args(["--wait", "20s", "--timeout", "1s"]).run().launched_silently().has("A", "v");
}

#[test]
fn no_token_is_waited_for_when_aws_can_be_asked() {
    let (agent, aws) = (served(), served());
    // The sandbox kills a run that waits so long.
    with_fallback(&agent, &aws).env_remove("AWS_TOKEN").args(["--wait", "1h"]).run().launched_silently();
    assert_eq!((agent.calls().len(), aws.reads().len()), (0, 1));
}

#[test]
fn the_fallback_alone_is_a_usage_error() {
    let run = Sandbox::new().arg("--agent-fallback").resolve("A=x").run();
    run.refused(64).says(["--agent-fallback", "--agent"]);
}

#[test]
fn an_agent_that_comes_late_is_waited_for() {
    let aws = served();
    let sandbox = sandbox(&aws).env_remove("AWS_TOKEN").args(["--wait", "20s"]);
    let token = sandbox.path("token");
    let sandbox = sandbox.env("AWS_TOKEN", format!("file://{}", token.display()));
    let running = sandbox.spawn();
    std::thread::sleep(Duration::from_millis(500));
    std::fs::write(token, TOKEN).unwrap();
    running.wait().launched_silently().has("A", "v");
}
