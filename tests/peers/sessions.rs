//! The sessions of roles that botocore, and so the AWS CLI, stores after it has asked for an MFA
//! code.

use std::path::Path;
use std::process::Command;

use super::python::interpreter;
use crate::support::*;

/// A device.
const SERIAL: &str = "arn:aws:iam::123456789012:mfa/jane";

#[test]
fn a_session_that_botocore_has_stored_is_used_without_a_code_whatever_the_settings_of_the_role() {
    let python = or_skip!(interpreter());
    // The settings of the roles `one` and, if they have a slash in front, `two`, which is assumed
    // with the credentials of `one`. Then the AssumeRole calls of botocore and of secrets-exec.
    let all =
        "mfa_serial = SERIAL\nrole_session_name = jane\nduration_seconds = 900\nexternal_id = id";
    for (one, two, [stored, ours]) in [
        ("mfa_serial = SERIAL", None, [1, 0]),
        (
            "mfa_serial = SERIAL\nexternal_id = a=b,c@d:e/f-+.",
            None,
            [1, 0],
        ),
        ("mfa_serial = SERIAL\nduration_seconds = 3600", None, [1, 0]),
        (
            "mfa_serial = SERIAL\nrole_session_name = jane",
            None,
            [1, 0],
        ),
        (all, None, [1, 0]),
        ("mfa_serial = SERIAL", Some("mfa_serial = SERIAL"), [2, 0]),
        ("mfa_serial = SERIAL", Some(""), [2, 1]),
        ("", Some("mfa_serial = SERIAL"), [2, 0]),
    ] {
        let profile = if two.is_some() { "two" } else { "one" };
        let role = |name: &str, source: &str, settings: &str| {
            let arn = format!("arn:aws:iam::210987654321:role/team/{name}");
            let profile = format!("[profile {name}]\nrole_arn = {arn}\nsource_profile = {source}");
            format!("{profile}\n{}\n", settings.replace("SERIAL", SERIAL))
        };
        let mut config = role("one", "base", one) + "[profile base]\n" + &pair("AKIABASE");
        if let Some(settings) = two {
            config += &role("two", "one", settings);
        }
        let aws = served();
        let sandbox = keyless(&aws).config(&config).case(&config);
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/session.py");
        let ran = Command::new(&python)
            .args([script.as_os_str(), profile.as_ref()])
            .env_clear()
            .env("HOME", sandbox.home())
            .env("AWS_ENDPOINT_URL", aws.endpoint())
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .status();
        assert!(ran.unwrap().success(), "{config}");
        assert_eq!(aws.calls_of("AssumeRole").len(), stored, "{config}");

        let options = ["--profile", profile, "-v"];
        let run = sandbox.args(options).through(["setsid", "--wait"]).run();
        run.launched()
            .says(["the session of arn:aws:iam::210987654321:role/team/"]);
        assert_eq!(aws.calls_of("AssumeRole").len() - stored, ours, "{run}");
        let mut reads = aws.reads().into_iter();
        assert!(reads.all(|read| read.access_key() == ROLE_KEY), "{run}");
    }
}
