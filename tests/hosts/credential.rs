//! `LoadCredential=` with a web identity token or with an AWS configuration file.

use super::systemd::{Systemd, lines_with_aws};
use crate::support::aws::{Aws, served};
use crate::support::sandbox::ACCESS_SECRET;

/// Runs a service with a dynamic user and a credential of this name and content, and asserts that
/// the service gets the value.
fn assert_credential_is_used(aws: &Aws, name: &'static str, content: &str, lines: &str) {
    let systemd = or_skip!(Systemd::shared());
    let source = format!("/etc/credstore/{name}");
    systemd.write(&source, content);
    // Only root can read the source, so the service depends on systemd to deliver it.
    systemd.done(&format!("chmod 0400 {source}"));
    let lines = format!(
        "Type=oneshot\nDynamicUser=yes\nLoadCredential={name}:{source}\n{lines}{}",
        lines_with_aws(aws)
    );
    let command = "secrets-exec -e A=x:k -- /bin/sh -c 'printf %%s \"$A\"'";
    let unit = systemd
        .unit(name, &format!("{lines}ExecStart={command}\n"))
        .start();
    assert_eq!(unit.printed(), "v-4c7a1e");
}

#[test]
#[ignore = "by make test-hosts"]
fn a_unit_gets_its_value_with_a_web_identity_token_from_loadcredential() {
    let aws = served();
    let lines = "Environment=AWS_WEB_IDENTITY_TOKEN_FILE=%d/token\n\
        Environment=AWS_ROLE_ARN=arn:aws:iam::123456789012:role/app AWS_ROLE_SESSION_NAME=unit\n";
    assert_credential_is_used(&aws, "token", "the.token.of-the-unit", lines);
    let calls = aws.calls_of("AssumeRoleWithWebIdentity");
    let tokens: Vec<String> = calls
        .into_iter()
        .map(|call| call.form()["WebIdentityToken"].clone())
        .collect();
    assert_eq!(tokens, ["the.token.of-the-unit"]);
}

#[test]
#[ignore = "by make test-hosts"]
fn a_unit_gets_its_value_with_an_aws_configuration_file_from_loadcredential() {
    let keys = format!(
        "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = {ACCESS_SECRET}\n"
    );
    let lines = "Environment=AWS_CONFIG_FILE=%d/config AWS_PROFILE=unit\n";
    assert_credential_is_used(
        &served(),
        "config",
        &format!("[profile unit]\n{keys}"),
        lines,
    );
}
