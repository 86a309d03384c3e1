//! The sessions of roles that botocore, and so the AWS CLI, stores after it has asked for an MFA
//! code.

use std::path::Path;
use std::process::Command;

use super::python::interpreter;
use crate::support::*;

/// A device, and the keys with which roles are assumed.
const BASE: &str = "[profile base]\naws_access_key_id = AKIABASE\naws_secret_access_key = ";
const SERIAL: &str = "arn:aws:iam::123456789012:mfa/jane";

#[test]
fn a_session_that_botocore_has_stored_is_used_without_a_code_whatever_the_settings_of_the_role() {
    let python = or_skip!(interpreter());
    // The settings of the roles `one` and, if they have a slash in front, `two`, which is assumed
    // with the credentials of `one`. Then the AssumeRole calls of botocore and of secrets-exec.
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
        (
            "mfa_serial = SERIAL\nrole_session_name = jane\nduration_seconds = 900\nexternal_id = id",
            None,
            [1, 0],
        ),
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
        let secret_key = pair("");
        let secret_key = secret_key.rsplit(' ').next().unwrap();
        let config = role("one", "base", one)
            + &role("two", "one", two.unwrap_or_default())
            + BASE
            + secret_key;
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
        assert!(
            aws.reads().iter().all(|read| read.access_key() == ROLE_KEY),
            "{run}"
        );
    }
}
