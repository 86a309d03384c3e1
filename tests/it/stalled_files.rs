//! Configuration files whose read never returns, as on a hanging file system: the deadline holds.

use std::time::Duration;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::support::aws::Aws;
use crate::support::aws::secret::Secret;
use crate::support::deadline::{ends_within, keeps_to};
use crate::support::sandbox::{Sandbox, sandbox};

const TIMEOUT: Duration = Duration::from_millis(1200);

/// Asserts that a pipe without a writer, in place of this file, is given up at the deadline.
fn stalls(sandbox: Sandbox, name: &str, prefix: &str, awaited: &str) {
    let pipe = sandbox.path("pipe");
    mkfifo(&pipe, Mode::from_bits_truncate(0o600)).unwrap();
    let run = ends_within(TIMEOUT, sandbox.env(name, format!("{prefix}{}", pipe.display())));
    run.refused(75).says([&format!("timed out while waiting for {awaited}: a file"), "does not answer"]);
}

fn served() -> Aws {
    Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#))
}

#[test]
fn a_configuration_file_of_aws() {
    stalls(sandbox(&served()), "AWS_CONFIG_FILE", "", "the AWS configuration files");
}

#[test]
fn a_web_identity_token() {
    let aws = served();
    let sandbox = sandbox(&aws).env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    let sandbox = sandbox.env("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/App");
    stalls(sandbox, "AWS_WEB_IDENTITY_TOKEN_FILE", "", "AWS credentials");
}

#[test]
fn a_token_of_the_agent() {
    let aws = served();
    stalls(
        Sandbox::new().arg(format!("--agent={}", aws.agent())).resolve("A=x:k"),
        "AWS_TOKEN",
        "file://",
        "the token of the Secrets Manager Agent",
    );
}

#[test]
fn root_certificates() {
    stalls(sandbox(&served()).endpoint("https://localhost:1"), "AWS_CA_BUNDLE", "", "secret x in us-east-1");
}

#[test]
fn a_file_of_local() {
    let sandbox = Sandbox::new().resolve("A=x:k");
    let pipe = sandbox.path("pipe");
    mkfifo(&pipe, Mode::from_bits_truncate(0o600)).unwrap();
    let named = format!("while waiting for the file {} (--local)", pipe.display());
    ends_within(TIMEOUT, sandbox.arg("--local").arg(&pipe)).refused(75).says(["timed out", &named]);
}

#[test]
fn the_default_timeout_in_lambda_ends_before_its_init_phase_of_10_seconds() {
    let aws = served();
    let sandbox = sandbox(&aws).env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001");
    let pipe = sandbox.path("pipe");
    mkfifo(&pipe, Mode::from_bits_truncate(0o600)).unwrap();
    let run = keeps_to(Duration::from_secs(8), &sandbox.env("AWS_CONFIG_FILE", &pipe));
    run.refused(75).says(["timed out"]);
}
