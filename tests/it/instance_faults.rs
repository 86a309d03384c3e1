//! Failures of the instance metadata service (IMDS); and no fallback to the instance's role when other credentials were
//! configured.

use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::Duration;

use crate::support::aws::agent::plain;
use crate::support::aws::fault::{self, Fault};
use crate::support::aws::secret::Secret;
use crate::support::aws::{Aws, INSTANCE_KEY};
use crate::support::deadline::ends_within;
use crate::support::outcome::{Outcome, Status};
use crate::support::proxy::Proxy;
use crate::support::sandbox::{ACCESS_SECRET, CANARY, Sandbox};

const TOKEN: &str = "/latest/api/token";
const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
const CREDENTIALS: &str = "/latest/meta-data/iam/security-credentials/app";
const REGION: &str = "/latest/meta-data/placement/region";

const TIMEOUT: Duration = Duration::from_secs(2);

fn served() -> Aws {
    Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#))
}

/// A launch on an instance, without other credentials and without a region.
fn on_an_instance(aws: &Aws) -> Sandbox {
    Sandbox::new()
        .endpoint(&aws.endpoint())
        .env_remove("AWS_EC2_METADATA_DISABLED")
        .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", aws.instance_metadata())
        .resolve("A=x:k")
}

/// Asserts that this failure of credentials is retried as often as allowed, and is status 75.
fn is_temporary(path: &str, fault: Fault) -> Outcome {
    let aws = served().fails(path, fault);
    let run = on_an_instance(&aws).region("us-east-1").env("AWS_MAX_ATTEMPTS", "2").run();
    run.refused(75).says(["A"]);
    assert!(aws.calls_of(path).len() >= 2, "not tried again: {run}");
    assert!(aws.reads().is_empty(), "{run}");
    run
}

#[test]
fn an_instance_whose_credentials_are_unavailable_is_75() {
    for path in [ROLES, CREDENTIALS] {
        is_temporary(path, fault::status(503)).says(["503"]);
    }
}

#[test]
fn an_instance_whose_metadata_gives_no_token_for_now_is_75() {
    is_temporary(TOKEN, fault::status(503));
}

#[test]
fn an_instance_whose_metadata_recovers_launches() {
    let aws = served().fails_first(CREDENTIALS, 3, fault::status(503));
    on_an_instance(&aws).region("us-east-1").run().launched_silently().has("A", "v");
    assert_eq!(aws.only_read().access_key(), INSTANCE_KEY);
}

#[test]
fn an_instance_without_a_role_is_77_at_once() {
    let aws = served().fails(ROLES, fault::status(404));
    let run = on_an_instance(&aws).region("us-east-1").run();
    run.refused(77).says(["A"]).says_one_of(["404", "role"]);
    assert_eq!(aws.calls_of(ROLES).len(), 1, "{run}");
}

#[test]
fn an_instance_whose_credentials_never_come_is_75() {
    for path in [ROLES, CREDENTIALS] {
        is_temporary(path, Fault::Hang);
    }
}

#[test]
fn metadata_that_resets_every_connection_is_no_hang() {
    let aws = served();
    let resets = || on_an_instance(&aws).env("AWS_EC2_METADATA_SERVICE_ENDPOINT", format!("http://{}", resetting()));
    // A reset may mean that there is no IMDS, or that it is failing.
    let run = ends_within(TIMEOUT, resets().region("us-east-1"));
    assert!(matches!(run.status, Status::Exit(75 | 77)), "{run}");
    let run = ends_within(TIMEOUT, resets());
    assert!(matches!(run.status, Status::Exit(75 | 78)), "{run}");
}

/// Starts a server that resets every connection, by closing it with unread data.
fn resetting() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    // Runs until the test binary ends.
    thread::spawn(move || listener.incoming().for_each(drop));
    address
}

#[test]
fn the_region_of_an_instance_whose_metadata_hangs_is_75() {
    for path in [TOKEN, REGION] {
        let aws = served().fails(path, Fault::Hang);
        let run = on_an_instance(&aws).args(["--timeout", "3s"]).run();
        run.refused(75).says(["A", "region"]);
    }
}

#[test]
fn the_region_of_an_instance_is_asked_for_once_however_many_secrets_there_are() {
    let aws = served().secret("y", Secret::json(r#"{"k":"v"}"#));
    on_an_instance(&aws).resolve("B=y:k").run().launched().has("A", "v").has("B", "v");
    assert_eq!(aws.calls_of(REGION).len(), 1);
}

#[test]
fn the_region_of_an_instance_that_has_none_is_78() {
    let aws = served().fails(REGION, fault::status(404));
    on_an_instance(&aws).run().refused(78).says(["A", "region", "AWS_REGION"]);
    assert!(aws.reads().is_empty());
}

/// Asserts an error with this reason, without a request to IMDS.
fn does_not_become_the_instance(state: impl FnOnce(Sandbox) -> Sandbox, facts: &[&str]) {
    let aws = served();
    let run = state(on_an_instance(&aws).region("us-east-1")).run();
    run.refused(77).says(["A"]).says(facts.iter().copied());
    assert!(aws.calls().is_empty(), "{:?}", aws.calls());
}

#[test]
fn an_access_key_without_its_secret_does_not_become_the_instance() {
    let key = |sandbox: Sandbox| sandbox.env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE");
    does_not_become_the_instance(key, &["AWS_SECRET_ACCESS_KEY"]);
}

#[test]
fn a_secret_key_without_its_id_counts_as_not_set() {
    let aws = served();
    let run = on_an_instance(&aws).region("us-east-1").env("AWS_SECRET_ACCESS_KEY", ACCESS_SECRET).run();
    run.launched_silently().has("A", "v");
    assert_eq!(aws.only_read().access_key(), INSTANCE_KEY);
}

#[test]
fn half_a_pair_in_a_profile_does_not_become_the_instance() {
    let credentials = "[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\n";
    does_not_become_the_instance(|sandbox| sandbox.home_file(".aws/credentials", credentials), &["profile"]);
}

#[test]
fn a_web_identity_without_a_role_does_not_become_the_instance() {
    let token = |sandbox: Sandbox| {
        let sandbox = sandbox.file("token", CANARY);
        let token = sandbox.path("token");
        sandbox.env("AWS_WEB_IDENTITY_TOKEN_FILE", token)
    };
    does_not_become_the_instance(token, &["AWS_ROLE_ARN"]);
}

#[test]
fn a_key_with_a_line_break_is_77_with_a_reason() {
    for (name, value) in [
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE\n".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", format!("{ACCESS_SECRET}\n")),
    ] {
        let aws = served();
        let run = Sandbox::new().aws(&aws).env(name, value).resolve("A=x:k").run();
        run.refused(77).says(["A"]).says_one_of(["line break", "newline", "character"]);
        assert!(aws.calls().is_empty(), "{name}");
    }
}

#[test]
fn what_is_no_role_is_no_crash() {
    for answer in ["my role", "r1\nr2", "<html>portal</html>", ""] {
        is_temporary(ROLES, plain(200, answer)).says(["instance metadata: "]);
    }
}

#[test]
fn a_line_break_after_the_role_or_the_region_does_no_harm() {
    for (path, answer) in [(ROLES, "app\n"), (REGION, "us-east-1\n")] {
        let aws = served().fails(path, plain(200, answer));
        on_an_instance(&aws).run().launched().has("A", "v");
    }
}

#[test]
fn a_lifetime_that_no_clock_holds_does_no_harm() {
    let mut token = plain(200, "token-of-the-test");
    if let Fault::Exactly(response) = &mut token {
        response.headers = vec![("x-aws-ec2-metadata-token-ttl-seconds", u64::MAX.to_string())];
    }
    let aws = served().fails(TOKEN, token);
    on_an_instance(&aws).run().launched().has("A", "v");
}

#[test]
fn the_region_of_an_instance_that_fails_for_now_is_asked_for_again() {
    for path in [TOKEN, REGION] {
        let aws = served().fails_first(path, 2, fault::status(503));
        on_an_instance(&aws).run().launched().has("A", "v");
    }
}

#[test]
fn a_silent_metadata_service_is_asked_once_however_many_regions_there_are() {
    let aws = served().fails(TOKEN, Fault::Hang);
    let sandbox = on_an_instance(&aws).region("us-east-1").env("SECRETS_EXEC_FALLBACK_REGION", "eu-west-1,eu-west-2");
    sandbox.run().refused(75);
    assert_eq!(aws.calls_of(TOKEN).len(), 1);
    // One secret takes its region from IMDS, the other from its ARN.
    let arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:y-AbCdEf";
    on_an_instance(&aws).resolve(&format!("B={arn}")).run().refused(75);
    assert_eq!(aws.calls_of(TOKEN).len(), 2);
}

#[test]
fn a_profile_that_takes_the_instances_credentials_takes_them_past_any_proxy() {
    let aws = served();
    let proxy = Proxy::before(aws.address());
    let role = "arn:aws:iam::210987654321:role/Reader";
    let config = format!("[default]\nrole_arn = {role}\ncredential_source = Ec2InstanceMetadata\n");
    let sandbox = on_an_instance(&aws).region("us-east-1").home_file(".aws/config", &config);
    sandbox.env("HTTP_PROXY", proxy.url()).env("NO_PROXY", "localhost").run().launched().has("A", "v");
    assert!(proxy.asked().is_empty(), "{:?}", proxy.asked());
}

/// The spellings of `true` that botocore accepts.
const TRUE: [&str; 3] = ["true", "True", "TRUE"];

#[test]
fn disabled_instance_metadata_is_not_asked_for_credentials() {
    for text in TRUE {
        let aws = served();
        let run = on_an_instance(&aws).region("us-east-1").env("AWS_EC2_METADATA_DISABLED", text).run();
        run.refused(77).says(["A (", "instance metadata: AWS_EC2_METADATA_DISABLED is true"]);
        assert!(aws.calls().is_empty(), "{:?}", aws.calls());
    }
}

#[test]
fn disabled_instance_metadata_is_not_asked_for_the_region() {
    for text in TRUE {
        let aws = served();
        let sandbox = on_an_instance(&aws).env("AWS_EC2_METADATA_DISABLED", text);
        let sandbox = sandbox.env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE");
        sandbox.env("AWS_SECRET_ACCESS_KEY", ACCESS_SECRET).run().refused(78).says(["A (", "no AWS region"]);
        assert!(aws.calls().is_empty(), "{:?}", aws.calls());
    }
}

#[test]
fn disabled_instance_metadata_is_not_waited_for() {
    let aws = served();
    let disabled = || on_an_instance(&aws).env("AWS_EC2_METADATA_DISABLED", "true").args(["--wait", "1s"]);
    // The region has no other source here; credentials have.
    disabled().run().refused(78).says(["A (", "no AWS region"]);
    disabled().region("us-east-1").run().refused(75).says(["A (", "after waiting 1s"]);
    assert!(aws.calls().is_empty(), "{:?}", aws.calls());
}

#[test]
fn a_profile_that_takes_the_instances_credentials_does_not_ask_disabled_metadata() {
    let aws = served();
    let role = "arn:aws:iam::210987654321:role/Reader";
    let config = format!("[default]\nrole_arn = {role}\ncredential_source = Ec2InstanceMetadata\n");
    let sandbox = on_an_instance(&aws).region("us-east-1").env("AWS_EC2_METADATA_DISABLED", "TRUE");
    sandbox.home_file(".aws/config", &config).run().refused(77).says(["A (", "profile: ", "AWS_EC2_METADATA_DISABLED"]);
    assert!(aws.calls().is_empty(), "{:?}", aws.calls());
}
