//! `-vv`: the source of the credentials, the identity, endpoints, attempts and times.

use serde_json::Value;

use crate::support::*;

#[test]
fn the_provider_the_identity_the_endpoint_and_the_time_are_traced() {
    let aws = served();
    let run = sandbox(&aws).arg("-vv").run();
    let endpoint = aws.endpoint().replace("http://", "");
    run.launched().says([
        "secrets-exec: note: credentials: from the provider environment\n",
        "secrets-exec: note: identity: arn:aws:",
        &format!("secrets-exec: note: GetSecretValue of x at {endpoint}, attempt 1, "),
        " ms\n",
        "secrets-exec: note: A (--env, x:k): secret x, version ",
    ]);
}

#[test]
fn every_attempt_is_traced_with_its_failure_and_so_is_a_launch_that_fails() {
    let aws = served().fails_first("GetSecretValue", 2, fault::status(503));
    let run = sandbox(&aws).args(["-v", "--verbose"]).run();
    run.launched().says(["attempt 1, ", "attempt 2, ", "503\n", "attempt 3, "]);
    let run = sandbox(&hanging()).args(["-vv", "--timeout", "700ms"]).run();
    run.refused(75).says(["timed out: ", "attempt 1, "]);
}

#[test]
fn roles_parameters_and_the_agent_are_traced() {
    let aws = served().parameter("/p", &[Version::text(CANARY)]).parameter("/q/C", &[Version::text(CANARY)]);
    let role = "arn:aws:iam::123456789012:role/Reader";
    let run = sandbox(&aws).args(["-vv", "--role-arn", role]).run();
    run.launched().says([
        format!("AssumeRole of {role} at ").as_str(),
        &format!("identity with role {role}: arn:aws:sts::123456789012:assumed-role/"),
    ]);
    let run = sandbox(&aws).arg("-vv").resolve("B=ssm:/p").args(["--env-from", "ssm:/q/"]).run();
    run.launched().says(["GetParameters of /p at ", "GetParametersByPath of /q/ at "]);
    let agent = Sandbox::new().region("us-east-1").arg(format!("--agent={}", aws.url())).env("AWS_TOKEN", AGENT_TOKEN);
    let run = agent.arg("-vv").resolve("A=x:k").run();
    run.launched().says(["secret x in us-east-1 of the agent at ", "attempt 1, "]);
}

#[test]
fn verbose_ends_with_what_the_resolution_took() {
    let aws = served().fails_first("GetSecretValue", 1, fault::status(503)).parameter("/p", &[Version::text(CANARY)]);
    let sandbox = || sandbox(&aws).resolve("B=ssm:/p").resolve("C=x:k").arg("-v");
    let run = sandbox().run();
    let stderr = run.launched().stderr();
    let last = stderr.lines().last().unwrap();
    let time = last
        .strip_prefix("secrets-exec: note: 3 values of 2 secrets in ")
        .and_then(|line| line.strip_suffix(" ms, 3 requests"));
    assert!(time.is_some_and(|time| time.parse::<u64>().is_ok()), "{run}");
    let cache = CacheDirectory::new();
    let cached = sandbox().args(["--log-format", "json", "--cache-ttl", "1h"]).arg("--cache").arg(cache.path());
    for (requests, from_cache) in [(2, 0), (0, 2)] {
        let event = cached.run().launched().events().pop().unwrap();
        let seen = ["values", "secrets", "requests", "from_cache"].map(|name| event[name].clone());
        assert_eq!(
            (event["event"].as_str(), seen),
            (Some("resolution"), [3, 2, requests, from_cache].map(Value::from))
        );
    }
}

#[test]
fn a_single_verbose_flag_traces_nothing_and_makes_no_further_request() {
    let aws = served();
    sandbox(&aws).arg("-v").run().launched().says_nothing_of("attempt").says_nothing_of("identity");
    assert!(aws.calls_of("GetCallerIdentity").is_empty());
}

#[test]
fn a_variable_and_a_declaration_give_the_level() {
    let aws = served();
    let sandbox = || sandbox(&aws);
    for (level, is_traced) in [("2", true), ("1", false), ("true", false)] {
        let run = sandbox().declaration(&format!("defaults: {{ verbose: {level} }}\n")).run();
        run.launched().says(["secrets-exec: note: A (--env, x:k): secret x, version "]);
        assert_eq!(run.stderr().contains("attempt 1, "), is_traced, "{run}");
    }
    sandbox().env("SECRETS_EXEC_VERBOSE", "2").run().launched().says(["attempt 1"]);
    sandbox().env("SECRETS_EXEC_VERBOSE", "1").run().launched().says(["version "]).says_nothing_of("attempt");
    sandbox().env("SECRETS_EXEC_VERBOSE", "0").run().launched_silently();
    sandbox().env("SECRETS_EXEC_VERBOSE", "3").run().refused(64).says(["SECRETS_EXEC_VERBOSE", "0, 1 or 2"]);
    sandbox().env("SECRETS_EXEC_VERBOSE", "2").arg("-v").run().launched().says_nothing_of("attempt");
}
