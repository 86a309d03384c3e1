//! Credentials: tokens that AWS quotes, and keys that STS refuses. `credentials.rows` has all others.

use crate::support::*;

::rows::rows!("tests/it/aws/credentials.rows");

#[test]
fn the_session_token_that_aws_quotes_is_not_printed() {
    let token = "IQoJb3JpZ2luX2VjcAnArY-7f3a9c51";
    let canonical = format!("POST\n/\n\nhost:h\nx-amz-security-token:{token}\n\nhost;x-amz-security-token\n0123");
    for quoted in [
        format!("The Canonical String for this request should have been\n'{canonical}'"),
        format!("The request had X-Amz-Security-Token: {token}"),
    ] {
        let message = format!("The request signature we calculated does not match. {quoted}");
        let refusal = Fault::Error { status: 400, code: "InvalidSignatureException", message };
        let aws = Aws::start().secret("x", Secret::failing(refusal));
        let run = keyless(&aws).keys().env("AWS_SESSION_TOKEN", token).args(["-vv"]).run();
        run.refused(77).says(["InvalidSignatureException: The request signature we calculated does not match."]);
        run.says_nothing_of(&token[..10]);
    }
}

#[test]
fn keys_that_sts_refuses_are_named_by_provider_and_their_end() {
    let aws = served().fails("AssumeRole", fault::sts(403, "InvalidClientTokenId", "The security token is invalid"));
    let role = keyless(&aws).keys().args(["--role-arn", ROLE]).run();
    role.refused(77).says(["of the provider environment, with the access key …MPLE"]);
    let config =
        format!("[default]\nrole_arn = {ROLE}\nsource_profile = base\n[profile base]\n{}", pair("AKIAOFPROFILE"));
    let run = keyless(&aws).config(&config).run();
    run.refused(77).says(["profile: STS, asked for", "of the provider profile, with the access key …FILE"]);
}
