//! Configuration files that can't be read to the end, as on a file system that hangs: the launch
//! ends at its deadline.

use std::time::Duration;

use crate::support::*;

const TIMEOUT: Duration = Duration::from_millis(1200);

/// Adds a pipe without a writer.
fn with_pipe(sandbox: Sandbox) -> Sandbox {
    named_pipe(&sandbox.path("pipe"));
    sandbox
}

#[test]
fn a_launch_ends_at_its_timeout_and_names_the_configuration_file_that_cannot_be_read_to_the_end() {
    let aws = served();
    let plain = || sandbox(&aws);
    let web_identity = plain()
        .without_keys()
        .env("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/App");
    let agent = Sandbox::new()
        .arg(format!("--agent={}", aws.url()))
        .resolve("A=x:k");
    for (sandbox, name, awaited) in [
        (plain(), "AWS_CONFIG_FILE", "the AWS configuration files"),
        (
            web_identity,
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "AWS credentials",
        ),
        (agent, "AWS_TOKEN", "the token of the Secrets Manager Agent"),
        (
            plain().endpoint("https://localhost:1"),
            "AWS_CA_BUNDLE",
            "the secret of A in us-east-1",
        ),
    ] {
        let pipe = sandbox.path("pipe").display().to_string();
        let value = if name == "AWS_TOKEN" {
            format!("file://{pipe}")
        } else {
            pipe
        };
        let run = ends_within(TIMEOUT, with_pipe(sandbox.env(name, value).case(awaited)));
        let said = format!("timed out while waiting for {awaited}: a file can't be read");
        run.refused(75).says([&*said]);
    }
    let local = with_pipe(Sandbox::new().resolve("A=x:k").args(["--local", "pipe"]));
    ends_within(TIMEOUT, local)
        .refused(75)
        .says(["timed out while waiting for the file pipe (--local)"]);
}

#[test]
fn a_launch_ends_at_its_timeout_and_names_the_declaration_that_cannot_be_read_to_the_end() {
    let plain = || Sandbox::new().args(["-f", "pipe"]);
    for sandbox in [
        plain(),
        plain().args(["--on-rotation", "restart"]),
        Sandbox::new().args(["check", "-f", "pipe"]).bare(),
    ] {
        ends_within(TIMEOUT, with_pipe(sandbox))
            .refused(75)
            .says(["timed out while waiting for the declarations: a file can't be read"]);
    }

    let json = ends_within(TIMEOUT, with_pipe(plain().args(["--log-format", "json"])));
    json.refused(75)
        .says([r#""message":"timed out while waiting for the declarations: "#]);
}

#[test]
fn a_launch_in_lambda_ends_within_8_seconds_by_default() {
    let aws = served();
    let sandbox = sandbox(&aws)
        .env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001")
        .env("AWS_CONFIG_FILE", "pipe");
    keeps_to(Duration::from_secs(8), &with_pipe(sandbox))
        .refused(75)
        .says(["timed out"]);
}
