//! The sessions of roles that botocore, and so the AWS CLI, stores after it has asked for an MFA
//! code.

use serde_json::json;

use super::python::{Script, interpreter};
use crate::support::*;

/// A device.
const SERIAL: &str = "arn:aws:iam::123456789012:mfa/jane";

#[test]
fn a_session_that_botocore_has_stored_is_used_without_a_code() {
    let mut botocore = Script::start(&or_skip!(interpreter()), "session.py", &[]);
    // The settings of the roles `one` and, if they have a slash in front, `two`, which is assumed
    // with the credentials of `one`. Then the AssumeRole calls of botocore and of secrets-exec.
    let all =
        "mfa_serial = SERIAL\nrole_session_name = jane\nduration_seconds = 900\nexternal_id = id";
    let external = "mfa_serial = SERIAL\nexternal_id = a=b,c@d:e/f-+.";
    let long = "mfa_serial = SERIAL\nduration_seconds = 3600";
    let named = "mfa_serial = SERIAL\nrole_session_name = jane";
    let serial = "mfa_serial = SERIAL";
    for (one, two, [stored, ours]) in [
        (serial, None, [1, 0]),
        (external, None, [1, 0]),
        (long, None, [1, 0]),
        (named, None, [1, 0]),
        (all, None, [1, 0]),
        (serial, Some(serial), [2, 0]),
        (serial, Some(""), [2, 1]),
        ("", Some(serial), [2, 0]),
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
        let variables = json!({ "HOME": sandbox.home(), "AWS_ENDPOINT_URL": aws.endpoint(), "AWS_DEFAULT_REGION": "us-east-1" });
        let wanted = json!({ "profile": profile, "variables": variables });
        botocore.ask(&wanted);
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
