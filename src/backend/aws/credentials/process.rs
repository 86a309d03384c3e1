//! The provider for a program that prints credentials as JSON: the `credential_process` of a profile, or the AWS CLI for a profile of
//! `aws login`.
//!
//! <https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html>

use std::process::Command;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde::Deserialize;

use super::program::CredentialProcess;
use super::provider::{unusable, with_help};
use super::sso::shell_word;
use crate::model::answer::FetchError;
use crate::model::quoting::one_line;
use crate::system::os_error;

/// Runs a command of the shell, whose arguments may be secret, and returns the credentials that it prints.
pub async fn process_credentials(command: &str) -> Result<Credentials, FetchError> {
    let mut shell = Command::new("sh");
    shell.args(["-c", command]);
    printed_credentials(shell, "credential_process").await
}

/// Asks the AWS CLI for the credentials of a profile of `aws login`, whose session the CLI renews itself.
pub async fn login_credentials(profile: &str) -> Result<Credentials, FetchError> {
    let mut cli = Command::new("aws");
    cli.args([
        "configure",
        "export-credentials",
        "--profile",
        profile,
        "--format",
        "process",
    ]);
    let profile = shell_word(profile);
    let name = format!(
        "`aws configure export-credentials --profile {profile} --format process` (the AWS CLI)"
    );
    let printed = printed_credentials(cli, &name).await;
    printed.map_err(|error| with_help(error, format!("aws login --profile {profile}")))
}

async fn printed_credentials(command: Command, name: &str) -> Result<Credentials, FetchError> {
    let program = CredentialProcess::start(command).map_err(|error| {
        unusable(format!(
            "{name} cannot be started: {}",
            os_error::text(&error)
        ))
    })?;
    let failed = |why| unusable(format!("{name} {why}"));
    let output = program.output().await.map_err(failed)?;
    parse(&output).map_err(failed)
}

/// The program's output. All fields are optional, so that an error can name a missing one.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ProcessOutput {
    version: Option<u32>,
    access_key_id: Option<String>,
    secret_access_key: Option<String>,
    session_token: Option<String>,
    expiration: Option<String>,
}

fn parse(output: &[u8]) -> Result<Credentials, String> {
    // serde's error is dropped: it quotes the output.
    let output: ProcessOutput = serde_json::from_slice(output)
        .map_err(|_| "printed no JSON as AWS defines it".to_owned())?;
    if output.version != Some(1) {
        return Err("printed no `\"Version\": 1`".to_owned());
    }
    let missing = |key: &str| format!("printed no {key}");
    let id = output.access_key_id.ok_or_else(|| missing("AccessKeyId"))?;
    let secret = output
        .secret_access_key
        .ok_or_else(|| missing("SecretAccessKey"))?;
    let token = output.session_token.filter(|token| !token.is_empty());
    let expires = output
        .expiration
        .as_deref()
        .map(parse_expiration)
        .transpose()?;
    Ok(Credentials::new(
        id,
        secret,
        token,
        expires,
        "CredentialProcess",
    ))
}

/// Parses a time in the future (RFC 3339). Its offset may lack the colon, as for botocore.
fn parse_expiration(text: &str) -> Result<SystemTime, String> {
    let parse = |text: &str| DateTime::from_str(text, Format::DateTimeWithOffset).ok();
    let moment = parse(text).or_else(|| {
        let (hours, minutes) = text.split_at_checked(text.len().checked_sub(2)?)?;
        parse(&format!("{hours}:{minutes}"))
    });
    let moment = moment.and_then(|moment| SystemTime::try_from(moment).ok());
    let moment = moment.ok_or("printed an Expiration that is not a time in RFC 3339")?;
    if moment <= SystemTime::now() {
        return Err(format!(
            "printed credentials that expired at {}",
            one_line(text)
        ));
    }
    Ok(moment)
}
