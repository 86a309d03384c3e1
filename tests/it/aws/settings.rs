//! Wrong settings of AWS, one by one, and passwords in them, which are never printed. `settings.rows` has all others.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use crate::support::*;

::rows::rows!("tests/it/aws/settings.rows");

#[test]
fn a_variable_that_is_no_text_is_a_usage_error() {
    let aws = served();
    let bytes = OsString::from_vec(b"/nowhere/\xff".to_vec());
    for name in ["AWS_REGION", "AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_MAX_ATTEMPTS", "HTTPS_PROXY"] {
        sandbox(&aws).env(name, &bytes).refused(&aws, 64, &[name]);
    }
    sandbox(&served()).env("HOME", &bytes).run().launched().has("A", "v-4c7a1e").has("HOME", b"/nowhere/\xff");
}

#[test]
fn a_configuration_file_that_is_no_text_is_a_usage_error() {
    let aws = served();
    for name in ["config", "credentials"] {
        let broken = |sandbox: Sandbox| {
            let sandbox = sandbox.home_file(&format!(".aws/{name}"), "");
            std::fs::write(sandbox.home().join(".aws").join(name), b"[default]\n# \xff\n").unwrap();
            sandbox
        };
        broken(sandbox(&aws)).refused(&aws, 64, &[&format!(".aws/{name}")]);
    }
}

// The passwords and tokens are the canary, which the sandbox looks for.

#[test]
fn a_password_in_a_wrong_setting_is_not_repeated() {
    let aws = served();
    let (secret, token) = (format!("gopher://user:{CANARY}@host.example"), format!("gopher://h/?token={CANARY}"));
    for name in [
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_SECRETS_MANAGER",
        "AWS_ENDPOINT_URL_STS",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_REGION",
        "AWS_MAX_ATTEMPTS",
        "HTTPS_PROXY",
        "https_proxy",
        "SECRETS_EXEC_ENDPOINT_URL",
        "SECRETS_EXEC_TIMEOUT",
        "SECRETS_EXEC_QUIET",
        "SECRETS_EXEC_ROLE_ARN",
    ] {
        sandbox(&aws).env(name, &secret).refused(&aws, 64, &[name]);
        if name.contains("ENDPOINT") || name == "HTTPS_PROXY" {
            sandbox(&aws).env(name, &token).refused(&aws, 64, &[name]);
        }
    }
    for option in ["endpoint-url", "region", "timeout"] {
        sandbox(&aws).arg(format!("--{option}={secret}")).refused(&aws, 64, &[option]);
    }
}

#[test]
fn a_value_that_could_be_a_url_in_a_hurry_is_not_quoted() {
    for value in [
        "http://u:hunter2%40host:1",
        "http://u:hunter2",
        "u:hunter2",
        "http://h /?t=hunter2",
        "u:hunter2＠h",
        "/x?t=hunter2",
    ] {
        for name in
            ["AWS_ENDPOINT_URL", "HTTPS_PROXY", "SECRETS_EXEC_ENDPOINT_URL", "AWS_EC2_METADATA_SERVICE_ENDPOINT"]
        {
            let run = sandbox(&served()).env(name, value).timeout("1s").case(name).run();
            run.says_nothing_of("hunter2");
        }
    }
}

#[test]
fn a_credential_that_is_not_utf_8_is_a_usage_error_that_does_not_repeat_it() {
    let aws = served();
    let value = OsString::from_vec([CANARY.as_bytes(), b"\xff"].concat());
    for name in [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        "AWS_TOKEN",
    ] {
        let agent = (name == "AWS_TOKEN").then_some("--agent=http://127.0.0.1:1");
        sandbox(&aws).args(agent).env(name, &value).refused(&aws, 64, &[name, "UTF-8"]);
    }
}
