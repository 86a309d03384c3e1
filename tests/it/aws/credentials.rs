//! Credentials: found in the order of the AWS CLI, resolved once and before any secret; an error names every source.

use crate::support::aws::fault::{self, Fault};
use crate::support::aws::secret::Secret;
use crate::support::aws::{Aws, CONTAINER_KEY, INSTANCE_KEY, INSTANCE_REGION, ROLE_KEY, served};
use crate::support::identity::{KEY, ROLE, keyless, pair};
use crate::support::network::Proxy;
use crate::support::sandbox::{ACCESS_SECRET, CANARY, Sandbox};

const CREDENTIALS: &str = "/latest/meta-data/iam/security-credentials/app";

#[test]
fn credentials_that_are_configured_by_half_end_the_search() {
    for (case, sandbox) in [
        ("a key without its secret", |sandbox: Sandbox| sandbox.env("AWS_ACCESS_KEY_ID", KEY)),
        ("a key with a line break", |sandbox| sandbox.keys().env("AWS_ACCESS_KEY_ID", format!("{KEY}\n"))),
        ("a secret with a line break", |sandbox| {
            sandbox.keys().env("AWS_SECRET_ACCESS_KEY", ACCESS_SECRET.to_owned() + "\n")
        }),
        ("half a pair in a profile", |sandbox| {
            sandbox.home_file(".aws/credentials", "[default]\naws_access_key_id = AKIAHALF\n")
        }),
        ("a web identity without a role", |sandbox| {
            sandbox.web_identity().file("token", CANARY).env_remove("AWS_ROLE_ARN")
        }),
        ("a web identity's token that is not there", |sandbox| {
            sandbox.web_identity().env("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere/token")
        }),
        ("container: /nonexistent/token: no such file", |sandbox| {
            let sandbox = sandbox.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1");
            sandbox.env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/nonexistent/token")
        }),
    ] as [(&str, fn(Sandbox) -> Sandbox); 7]
    {
        let aws = served();
        // The instance would have credentials.
        let run = sandbox(keyless(&aws).on_instance(&aws)).case(case).run();
        run.refused(77);
        // The other reasons stand whole in mistakes/credentials.console.
        assert!(!case.contains(": ") || run.stderr().contains(case), "{run}");
        assert!(aws.calls().is_empty(), "{case}: {:?}", aws.calls());
    }
}

#[test]
fn the_older_name_of_the_session_token_precedes_the_newer_name() {
    for (security, session, sent) in [("a", "", "a"), ("a", "b", "a"), ("", "b", "b")] {
        let aws = served();
        let sandbox = keyless(&aws).keys().env("AWS_SECURITY_TOKEN", security).env("AWS_SESSION_TOKEN", session);
        sandbox.run().launched();
        assert_eq!(aws.only_read().header("x-amz-security-token"), Some(sent));
    }
}

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
fn keys_and_profiles_have_the_order_of_the_aws_cli() {
    let credentials = ["default", "one", "two"].map(|name| format!("[{name}]\n{}", pair(&format!("AKIA{name}"))));
    for (case, sandbox, used) in [
        ("a profile of no name", |sandbox: Sandbox| sandbox, "AKIAdefault"),
        ("the option", |sandbox| sandbox.args(["--profile", "one"]), "AKIAone"),
        ("the option before keys and variable", |sandbox| sandbox.keys().args(["--profile", "two"]), "AKIAtwo"),
        ("keys before the variable", |sandbox| sandbox.keys(), KEY),
        ("a secret alone counts as not set", |sandbox| sandbox.env("AWS_SECRET_ACCESS_KEY", "x"), "AKIAone"),
        ("AWS_DEFAULT_PROFILE before AWS_PROFILE", |sandbox| sandbox.env("AWS_DEFAULT_PROFILE", "two"), "AKIAtwo"),
        ("an empty AWS_DEFAULT_PROFILE", |sandbox| sandbox.env("AWS_DEFAULT_PROFILE", ""), "AKIAone"),
    ] as [(&str, fn(Sandbox) -> Sandbox, &str); 7]
    {
        let aws = served();
        let base = keyless(&aws).home_file(".aws/credentials", &credentials.concat());
        let base = if used == "AKIAdefault" { base } else { base.env("AWS_PROFILE", "one") };
        sandbox(base).case(case).run().launched_silently().has("A", "v-4c7a1e");
        assert_eq!(aws.only_read().access_key(), used, "{case}");
    }
}

#[test]
fn each_source_is_asked_once_for_all_secrets_and_past_any_proxy() {
    for (case, sandbox, operation, key) in [
        (
            "a container, though a secret key is set alone",
            |sandbox: Sandbox, aws: &Aws| sandbox.in_container(aws).env("AWS_SECRET_ACCESS_KEY", ACCESS_SECRET),
            "/credentials",
            CONTAINER_KEY,
        ),
        ("an instance", |sandbox, aws| sandbox.on_instance(aws), CREDENTIALS, INSTANCE_KEY),
        (
            "a profile that takes the instance's credentials",
            |sandbox, aws| {
                let config = format!("[default]\nrole_arn = {ROLE}\ncredential_source = Ec2InstanceMetadata\n");
                sandbox.on_instance(aws).config(&config)
            },
            CREDENTIALS,
            ROLE_KEY,
        ),
    ] as [(&str, fn(Sandbox, &Aws) -> Sandbox, &str, &str); 3]
    {
        let aws = served().secret("y", Secret::text(r#"{"k":"v-4c7a1e"}"#));
        let proxy = Proxy::before(aws.address());
        let sandbox = sandbox(keyless(&aws).resolve("B=y:k"), &aws).case(case);
        // What is asked at 127.0.0.1 would go to the proxy.
        let run = sandbox.env("HTTP_PROXY", proxy.url()).env("NO_PROXY", "localhost").run();
        run.launched_silently().has("A", "v-4c7a1e").has("B", "v-4c7a1e");
        assert_eq!(aws.calls_of(operation).len(), 1, "{run}");
        assert!(aws.reads().iter().all(|read| read.access_key() == key), "{run}");
        assert!(proxy.asked().is_empty(), "{case}: {:?}", proxy.asked());
    }
}

#[test]
fn a_web_identity_is_exchanged_once() {
    let aws = served().secret("y", Secret::text(r#"{"k":"v-4c7a1e"}"#));
    let run = keyless(&aws).resolve("B=y:k").web_identity().run();
    run.launched_silently().has("A", "v-4c7a1e").has("B", "v-4c7a1e");
    let exchanges = aws.calls_of("AssumeRoleWithWebIdentity");
    assert_eq!(exchanges.len(), 1);
    let form = exchanges[0].form();
    assert_eq!((form["RoleArn"].as_str(), form["WebIdentityToken"].as_str()), (ROLE, "token-of-the-test"));
    assert!(exchanges[0].header("user-agent").unwrap().contains("app/secrets-exec-"));
    assert!(aws.reads().iter().all(|read| read.access_key() == ROLE_KEY));
}

#[test]
fn the_region_of_the_instance_is_the_last_resort_and_asked_for_once() {
    let aws = served().secret("y", Secret::text(r#"{"k":"v-4c7a1e"}"#));
    let run = keyless(&aws).env_remove("AWS_REGION").resolve("B=y:k").on_instance(&aws).run();
    run.launched_silently().has("A", "v-4c7a1e").has("B", "v-4c7a1e");
    assert!(aws.reads().iter().all(|read| read.region() == INSTANCE_REGION));
    assert_eq!(aws.calls_of("/latest/meta-data/placement/region").len(), 1);
}

#[test]
fn failing_credentials_are_not_asked_for_again_for_every_secret() {
    let aws = served();
    let mut sandbox = keyless(&aws);
    for number in 0..20 {
        sandbox = sandbox.resolve(&format!("V{number}=s{number}:k"));
    }
    // The endpoint answers 404, which is permanent.
    let nowhere = format!("{}/nowhere", aws.instance_metadata());
    sandbox.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", nowhere).run().refused(77);
    assert_eq!(aws.calls().len(), 1);
    let aws = served().fails("/latest/api/token", Fault::Hang);
    let sandbox = keyless(&aws).on_instance(&aws).env("SECRETS_EXEC_FALLBACK_REGION", "eu-west-1,eu-west-2");
    sandbox.env("AWS_METADATA_SERVICE_TIMEOUT", "3").timeout("20s").run().refused(75);
    assert_eq!(aws.calls().len(), 1, "a silent instance is asked once for all regions");
}

#[test]
fn disabled_instance_metadata_is_asked_for_nothing() {
    let source = format!("[default]\nrole_arn = {ROLE}\ncredential_source = Ec2InstanceMetadata\n");
    for text in ["true", "True", "TRUE"] {
        let aws = served();
        let disabled = || keyless(&aws).on_instance(&aws).env("AWS_EC2_METADATA_DISABLED", text);
        let said = "instance metadata: AWS_EC2_METADATA_DISABLED is true";
        disabled().run().refused(77).says(["A (", said]);
        disabled().keys().env_remove("AWS_REGION").run().refused(78).says(["A (", "no AWS region"]);
        disabled().config(&source).run().refused(77).says(["A (", "profile: ", "AWS_EC2_METADATA_DISABLED"]);
        // The region has no other source that could come late; credentials have.
        let waiting = || disabled().args(["--wait", "1s"]);
        waiting().env_remove("AWS_REGION").run().refused(78).says(["A (", "no AWS region"]);
        waiting().run().refused(75).says(["A (", "after waiting 1s"]);
        assert!(aws.calls().is_empty(), "{:?}", aws.calls());
    }
}

#[test]
fn credentials_that_aws_refuses_are_named_by_provider_and_the_end_of_their_key() {
    let refusing = || Aws::start().secret("x", Secret::failing(fault::expired_token()));
    for (provider, key, sandbox) in [
        ("container", CONTAINER_KEY, |aws: &Aws| keyless(aws).in_container(aws)),
        ("AssumeRole", ROLE_KEY, |aws| keyless(aws).keys().args(["--role-arn", ROLE])),
    ] as [(&str, &str, fn(&Aws) -> Sandbox); 2]
    {
        let note = format!(
            "note: credentials: those of the provider {provider}, with the access key …{}",
            &key[key.len() - 4..]
        );
        sandbox(&refusing()).run().refused(77).says([note.as_str()]).says_nothing_of(key);
    }
    let aws = served().fails("AssumeRole", fault::sts(403, "InvalidClientTokenId", "The security token is invalid"));
    let role = keyless(&aws).keys().args(["--role-arn", ROLE]).run();
    role.refused(77).says(["of the provider environment, with the access key …MPLE"]);
    let config =
        format!("[default]\nrole_arn = {ROLE}\nsource_profile = base\n[profile base]\n{}", pair("AKIAOFPROFILE"));
    let run = keyless(&aws).config(&config).run();
    run.refused(77).says(["profile: STS, asked for", "of the provider profile, with the access key …FILE"]);
}
