//! `LoadCredential=` with a web identity token or a configuration file of AWS.

use super::systemd::{Systemd, asking};
use crate::support::aws::{Aws, served};
use crate::support::sandbox::ACCESS_SECRET;

/// Runs a service of a dynamic user, with a credential of this name and content.
fn delivers(aws: &Aws, name: &'static str, content: &str, lines: &str) {
    let Some(systemd) = Systemd::shared() else {
        return;
    };
    let source = format!("/etc/credstore/{name}");
    systemd.write(&source, content);
    // The source is readable for root alone.
    systemd.shell(&format!("chmod 0400 {source}")).launched();
    let lines = format!(
        "Type=oneshot\nDynamicUser=yes\nLoadCredential={name}:{source}\n{lines}{}",
        asking(aws)
    );
    let command = "secrets-exec -e A=x:k -- /bin/sh -c 'printf %%s \"$A\"'";
    let unit = systemd
        .unit(name, &format!("{lines}ExecStart={command}\n"))
        .start();
    assert_eq!(unit.printed(), "v-4c7a1e");
}

#[test]
#[ignore = "by make test-hosts"]
fn a_unit_reads_its_web_identity_token_from_loadcredential() {
    let aws = served();
    let lines = "Environment=AWS_WEB_IDENTITY_TOKEN_FILE=%d/token\n\
        Environment=AWS_ROLE_ARN=arn:aws:iam::123456789012:role/app AWS_ROLE_SESSION_NAME=unit\n";
    delivers(&aws, "token", "the.token.of-the-unit", lines);
    let calls = aws.calls_of("AssumeRoleWithWebIdentity");
    let tokens: Vec<String> = calls
        .into_iter()
        .map(|call| call.form()["WebIdentityToken"].clone())
        .collect();
    assert_eq!(tokens, ["the.token.of-the-unit"]);
}

#[test]
#[ignore = "by make test-hosts"]
fn a_unit_reads_its_aws_configuration_file_from_loadcredential() {
    let keys = format!(
        "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = {ACCESS_SECRET}\n"
    );
    let lines = "Environment=AWS_CONFIG_FILE=%d/config AWS_PROFILE=unit\n";
    delivers(
        &served(),
        "config",
        &format!("[profile unit]\n{keys}"),
        lines,
    );
}
