//! Which launches share a cached answer: one with another identity, endpoint, region or version
//! never gets it.

use crate::support::*;

::rows::rows!("tests/it/cache/identity.rows");

const OTHER_ROLE: &str = "arn:aws:iam::210987654321:role/Writer";
const TTL: [&str; 2] = ["--cache-ttl", "1h"];

/// A fake that serves the secret `x` by its name, also as AWSPREVIOUS, and by its ARN.
fn by_name_and_arn() -> Aws {
    let secret = || Secret::text(r#"{"k":"v-4c7a1e"}"#);
    let arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:x-AbCdEf";
    Aws::start()
        .secret("x", secret().previous(secret()))
        .secret(arn, secret())
}

#[test]
fn a_cached_answer_is_not_used_for_another_identity_region_endpoint_or_version() {
    let (aws, files, cache) = (by_name_and_arn(), Directory::new(), CacheDirectory::new());
    let file = |name: &str, key: &str| {
        let path = files.path().join(name);
        let with_keys = ["one", "two", "three"]
            .map(|name| format!("[profile {name}]\n{}", pair(key)))
            .concat();
        let role =
            |name, role| format!("[profile {name}]\nrole_arn = {role}\nsource_profile = one\n");
        std::fs::write(
            &path,
            with_keys + &role("reader", ROLE) + &role("writer", OTHER_ROLE),
        )
        .unwrap();
        path
    };
    let (first, second) = (file("first", "AKIAONE"), file("second", "AKIATWO"));
    let profile = |name: &str| {
        keyless(&aws)
            .env("AWS_CONFIG_FILE", &first)
            .env("AWS_PROFILE", name)
    };
    let role = |options: &[&str]| sandbox(&aws).arg("--role-arn").args(options);
    let web_identity = |role| keyless(&aws).web_identity().env("AWS_ROLE_ARN", role);
    let web_identity = |role| web_identity(role).env("AWS_WEB_IDENTITY_TOKEN_FILE", "token");
    let task = aws.container_credentials() + "?task=2";
    let token_file = |name: &str| {
        let path = files.path().join(name);
        std::fs::write(&path, "token-of-the-test").unwrap();
        path
    };
    let (first_token, second_token) = (token_file("first-token"), token_file("second-token"));
    let launch_with = |reference: &str| Sandbox::new().aws(&aws).resolve(&format!("A={reference}"));
    let launches = [
        ("keys", sandbox(&aws)),
        (
            "other keys",
            sandbox(&aws).env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7ANOTHER"),
        ),
        ("a profile", profile("one")),
        ("another profile with the same keys", profile("two")),
        (
            "that profile of another file",
            profile("two").env("AWS_CONFIG_FILE", &second),
        ),
        ("keys that precede a profile", profile("one").keys()),
        (
            "a profile of the option, next to keys",
            profile("one").keys().args(["--profile", "three"]),
        ),
        ("a role of a profile", profile("reader")),
        ("another role of a profile", profile("writer")),
        ("a role", role(&[ROLE])),
        ("another role", role(&[OTHER_ROLE])),
        ("an external id", role(&[ROLE, "--external-id", "one"])),
        ("another external id", role(&[ROLE, "--external-id", "two"])),
        ("a web identity", web_identity(ROLE)),
        ("another web identity", web_identity(OTHER_ROLE)),
        ("a container", keyless(&aws).in_container(&aws)),
        (
            "another container",
            keyless(&aws).env("AWS_CONTAINER_CREDENTIALS_FULL_URI", task),
        ),
        (
            "a container with a token file",
            keyless(&aws)
                .in_container(&aws)
                .env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &first_token),
        ),
        (
            "a container with another token file",
            keyless(&aws)
                .in_container(&aws)
                .env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &second_token),
        ),
        ("an instance", keyless(&aws).on_instance(&aws)),
        (
            "another instance",
            keyless(&aws).on_instance(&aws).env(
                "AWS_EC2_METADATA_SERVICE_ENDPOINT",
                format!("{}/", aws.url()),
            ),
        ),
        ("another region", sandbox(&aws).region("eu-west-1")),
        ("another stage", launch_with("x:k:AWSPREVIOUS")),
        ("a version", launch_with(&format!("x:k::{CURRENT_ID}"))),
        (
            "a stage and a version",
            launch_with(&format!("x:k:AWSCURRENT:{CURRENT_ID}")),
        ),
        (
            "an ARN",
            launch_with("arn:aws:secretsmanager:us-east-1:123456789012:secret:x-AbCdEf:k"),
        ),
        ("another endpoint", sandbox(&aws).endpoint(&aws.url())),
    ];
    let launches = launches.map(|(case, launch)| cache.with(launch.case(case), &TTL));
    for (before, launch) in launches.iter().enumerate() {
        launch.run().launched_silently();
        assert_eq!(
            aws.reads().len(),
            before + 1,
            "launch {before} was served by an earlier one"
        );
    }
    let calls = aws.calls().len();
    for launch in launches {
        launch.run().launched_silently();
    }
    assert_eq!(
        aws.calls().len(),
        calls,
        "not each launch was served by what it read itself"
    );
}

#[test]
fn a_cached_answer_is_also_used_for_another_session_name_or_another_container_token() {
    let (aws, cache) = (served(), CacheDirectory::new());
    let web_identity = |session: &str| {
        keyless(&aws)
            .web_identity()
            .env("AWS_WEB_IDENTITY_TOKEN_FILE", "token")
            .env("AWS_ROLE_SESSION_NAME", session)
    };
    let container = |token: &str| {
        keyless(&aws)
            .in_container(&aws)
            .env("AWS_CONTAINER_AUTHORIZATION_TOKEN", token)
    };
    for launch in [web_identity("first"), container("first")] {
        cache.with(launch, &TTL).run().launched_silently();
    }
    let calls = aws.calls().len();
    for launch in [web_identity("second"), container("second")] {
        cache.with(launch, &TTL).run().launched_silently();
    }
    assert_eq!(aws.calls().len(), calls, "AWS was asked again");
}
