//! Settings of AWS (variables, configuration files, proxies) that are empty, incomplete, unreadable or wrong.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;

use crate::support::aws::fault;
use crate::support::aws::secret::Secret;
use crate::support::aws::{Aws, CONTAINER_KEY};
use crate::support::outcome::Outcome;
use crate::support::proxy::Proxy;
use crate::support::sandbox::{ACCESS_SECRET, CANARY, Sandbox, sandbox};
use crate::support::skip;

fn served() -> Aws {
    Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#))
}

/// A launch that could have its credentials from a container.
fn in_a_container(aws: &Aws) -> Sandbox {
    let sandbox = Sandbox::new().endpoint(&aws.endpoint()).region("us-east-1").resolve("A=x:k");
    sandbox.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", aws.container_credentials())
}

/// Asserts that an empty variable counts as unset, and that the command still gets it.
fn is_as_if_not_set(name: &str, sandbox: Sandbox) {
    sandbox.env(name, "").run().launched_silently().has("A", "v").has(name, "");
}

#[test]
fn an_empty_general_endpoint_counts_as_not_set() {
    let aws = served();
    let config = format!("[default]\nendpoint_url = {}\n", aws.endpoint());
    is_as_if_not_set("AWS_ENDPOINT_URL", sandbox(&aws).home_file(".aws/config", &config));
}

#[test]
fn an_empty_endpoint_of_the_service_counts_as_not_set() {
    let aws = served();
    is_as_if_not_set("AWS_ENDPOINT_URL_SECRETS_MANAGER", sandbox(&aws));
}

#[test]
fn an_empty_profile_counts_as_not_set() {
    let aws = served();
    is_as_if_not_set("AWS_PROFILE", sandbox(&aws));
    let keys = format!("[default]\naws_access_key_id = AKIADEFAULT\naws_secret_access_key = {ACCESS_SECRET}\n");
    let sandbox = Sandbox::new().endpoint(&aws.endpoint()).region("us-east-1").resolve("A=x:k");
    is_as_if_not_set("AWS_PROFILE", sandbox.home_file(".aws/credentials", &keys));
    assert_eq!(aws.reads()[1].access_key(), "AKIADEFAULT");
}

#[test]
fn an_empty_uri_of_a_container_counts_as_not_set() {
    let aws = served();
    is_as_if_not_set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", in_a_container(&aws));
    assert_eq!(aws.only_read().access_key(), CONTAINER_KEY);
}

#[test]
fn an_empty_web_identity_counts_as_not_set() {
    let aws = served();
    let role = "arn:aws:iam::123456789012:role/app";
    is_as_if_not_set("AWS_WEB_IDENTITY_TOKEN_FILE", in_a_container(&aws).env("AWS_ROLE_ARN", role));
    assert_eq!(aws.only_read().access_key(), CONTAINER_KEY);
}

#[test]
fn empty_keys_count_as_not_set() {
    let aws = served();
    is_as_if_not_set("AWS_SECRET_ACCESS_KEY", in_a_container(&aws).env("AWS_ACCESS_KEY_ID", ""));
    assert_eq!(aws.only_read().access_key(), CONTAINER_KEY);
}

/// Asserts status 64, these texts, and no request.
fn refuses(state: impl FnOnce(Sandbox) -> Sandbox, facts: &[&str]) -> Outcome {
    let aws = served();
    let run = state(sandbox(&aws)).run();
    run.refused(64).says(facts.iter().copied());
    assert!(aws.calls().is_empty(), "{run}");
    run
}

#[test]
fn a_source_profile_that_does_not_exist_is_a_usage_error() {
    let role = "role_arn = arn:aws:iam::123456789012:role/r";
    let config = format!("[profile work]\n{role}\nsource_profile = nope\n");
    refuses(
        |sandbox| sandbox.home_file(".aws/config", &config).args(["--profile", "work"]),
        &["nope", "source_profile", "work"],
    );
}

#[test]
fn a_role_that_is_no_arn_is_a_usage_error() {
    refuses(|sandbox| sandbox.env("AWS_ROLE_ARN", "app"), &["AWS_ROLE_ARN", "\"app\""]);
}

#[test]
fn a_configuration_file_that_is_not_utf_8_is_a_usage_error() {
    for name in ["config", "credentials"] {
        let broken = |sandbox: Sandbox| {
            let sandbox = sandbox.home_file(&format!(".aws/{name}"), "");
            fs::write(sandbox.home().join(".aws").join(name), b"[default]\n# \xff\n").unwrap();
            sandbox
        };
        refuses(broken, &[&format!(".aws/{name}")]);
    }
}

#[test]
fn a_configuration_file_that_may_not_be_read_is_a_usage_error() {
    // Root can read every file.
    let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    if !skip::can(&[&nobody[..], &["true"]].concat(), "a file that may not be read") {
        return;
    }
    for name in ["config", "credentials"] {
        let aws = served();
        let sandbox = sandbox(&aws).home_file(&format!(".aws/{name}"), "[default]\n").through(nobody);
        let file = sandbox.home().join(".aws").join(name);
        fs::set_permissions(file, fs::Permissions::from_mode(0o000)).unwrap();
        sandbox.spawn_copy().wait().refused(64).says([format!(".aws/{name}").as_str()]);
        assert!(aws.calls().is_empty());
    }
}

#[test]
fn a_setting_of_the_profile_that_makes_no_sense_is_a_usage_error() {
    for (key, value) in [
        ("use_fips_endpoint", "ture"),
        ("use_dualstack_endpoint", "yes"),
        ("retry_mode", "bogus"),
        ("endpoint_url", "nope"),
        ("max_attempts", "many"),
        ("region", "us east"),
    ] {
        let config = format!("[default]\n{key} = {value}\n");
        let aws = served();
        // An invalid profile is an error even where a variable overrides it.
        let run = sandbox(&aws).home_file(".aws/config", &config).run();
        run.refused(64).says([key, value, "default"]);
        assert!(aws.calls().is_empty(), "{key}");
    }
}

#[test]
fn a_mode_of_the_metadata_service_that_makes_no_sense_is_a_usage_error() {
    let name = "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE";
    refuses(|sandbox| sandbox.env(name, "bogus"), &[name, "bogus"]);
}

#[test]
fn a_port_that_cannot_be_is_a_usage_error() {
    let url = "http://127.0.0.1:99999";
    for name in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SECRETS_MANAGER", "HTTPS_PROXY"] {
        refuses(|sandbox| sandbox.env(name, url), &[name]);
    }
    refuses(|sandbox| sandbox.args(["--endpoint-url", url]), &["endpoint-url"]);
}

#[test]
fn a_star_in_no_proxy_goes_past_the_proxy_everywhere() {
    let aws = served();
    let address = format!("http://{}", aws.address());
    for endpoint in [aws.endpoint(), address] {
        for none in ["*", "example.com, *"] {
            let proxy = Proxy::before(aws.address());
            let sandbox = sandbox(&aws).endpoint(&endpoint).env("HTTP_PROXY", proxy.url()).env("NO_PROXY", none);
            sandbox.run().launched_silently().has("A", "v");
            assert!(proxy.asked().is_empty(), "{endpoint} {none}");
        }
    }
}

#[test]
fn without_a_star_the_proxy_is_asked() {
    let aws = served();
    let proxy = Proxy::before(aws.address());
    let sandbox = sandbox(&aws).env("HTTP_PROXY", proxy.url()).args(["--timeout", "1s"]);
    drop(sandbox.run());
    assert!(!proxy.asked().is_empty());
}

#[test]
fn a_cgi_program_takes_no_proxy_from_a_requests_header() {
    let aws = served();
    let proxy = Proxy::before(aws.address());
    let cgi = || sandbox(&aws).env("REQUEST_METHOD", "GET").args(["--timeout", "1s"]);
    cgi().env("HTTP_PROXY", proxy.url()).run().launched_silently().has("A", "v");
    assert!(proxy.asked().is_empty());
    drop(cgi().env("http_proxy", proxy.url()).run());
    assert!(!proxy.asked().is_empty());
}

#[test]
fn all_proxy_is_not_read() {
    let aws = served();
    let proxy = Proxy::before(aws.address());
    for name in ["ALL_PROXY", "all_proxy"] {
        for url in [proxy.url(), "socks5h://127.0.0.1:1".to_owned()] {
            sandbox(&aws).env(name, url).run().launched_silently().has("A", "v");
        }
    }
    assert!(proxy.asked().is_empty());
}

#[test]
fn an_empty_name_in_lower_case_turns_a_proxy_or_its_exceptions_off() {
    let aws = served();
    let proxy = Proxy::before(aws.address());
    let proxied = || sandbox(&aws).env("HTTP_PROXY", proxy.url()).args(["--timeout", "1s"]);
    proxied().env("http_proxy", "").run().launched_silently().has("A", "v");
    assert!(proxy.asked().is_empty());
    proxied().env("NO_PROXY", "*").run().launched_silently().has("A", "v");
    assert!(proxy.asked().is_empty());
    drop(proxied().env("NO_PROXY", "*").env("no_proxy", "").run());
    assert!(!proxy.asked().is_empty());
}

/// A URL of an unknown scheme, with a password.
fn with_password() -> String {
    format!("gopher://user:{CANARY}@host.example")
}

// The password is the canary, which the sandbox looks for.

#[test]
fn the_password_of_a_url_in_a_wrong_variable_is_not_repeated() {
    for name in [
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_SECRETS_MANAGER",
        "AWS_ENDPOINT_URL_STS",
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
        refuses(|sandbox| sandbox.env(name, with_password()), &[name]);
    }
}

#[test]
fn the_password_of_a_url_that_is_a_wrong_option_is_not_repeated() {
    for option in ["endpoint-url", "region", "timeout"] {
        refuses(|sandbox| sandbox.arg(format!("--{option}={}", with_password())), &[option]);
    }
}

#[test]
fn the_password_of_a_url_in_a_configuration_file_is_not_repeated() {
    let config = format!("[default]\nendpoint_url = {}\n", with_password());
    refuses(|sandbox| sandbox.home_file(".aws/config", &config), &["endpoint_url"]);
}

#[test]
fn the_password_of_a_url_in_a_declaration_is_not_repeated() {
    let aws = served();
    let declaration = format!("defaults:\n  endpoint-url: \"{}\"\n", with_password());
    let run = sandbox(&aws).declaration(&declaration).run();
    run.refused(78).says(["secrets-exec.yaml:2", "endpoint-url"]);
}

/// A profile whose endpoints are in a `services` section, as in the AWS CLI's configuration.
fn with_services(aws: &Aws, services: &str) -> Sandbox {
    let config = format!("[default]\nservices = mine\nendpoint_url = http://127.0.0.1:9\n[services mine]\n{services}");
    sandbox(aws).env_remove("AWS_ENDPOINT_URL").home_file(".aws/config", &config)
}

#[test]
fn the_services_section_of_the_profile_has_the_endpoint_of_each_service() {
    let aws = served();
    let section = |name: &str| format!("{name} =\n  endpoint_url = {}\n", aws.endpoint());
    with_services(&aws, &section("secrets_manager")).run().launched().has("A", "v");
    let both = section("secrets_manager") + &section("sts");
    let role = "arn:aws:iam::210987654321:role/Reader";
    with_services(&aws, &both).args(["--role-arn", role]).run().launched();
    assert_eq!(aws.calls_of("AssumeRole").len(), 1);
    let run = with_services(&aws, "secrets_manager =\n  endpoint_url = nowhere\n").run();
    run.refused(64).says(["profile", "services", "nowhere"]);
}

#[test]
fn a_variable_comes_before_the_services_section() {
    let aws = served();
    let sandbox = with_services(&aws, "secrets_manager =\n  endpoint_url = http://127.0.0.1:9\n");
    sandbox.env("AWS_ENDPOINT_URL_SECRETS_MANAGER", aws.endpoint()).run().launched();
}

#[test]
fn how_the_metadata_service_is_asked_can_be_set() {
    let aws = served().fails_first("/latest/meta-data/iam/security-credentials/app", 1, fault::status(503));
    let sandbox = |aws: &Aws| {
        Sandbox::new()
            .endpoint(&aws.endpoint())
            .region("us-east-1")
            .env_remove("AWS_EC2_METADATA_DISABLED")
            .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", aws.instance_metadata())
            .resolve("A=x:k")
    };
    sandbox(&aws).env("AWS_METADATA_SERVICE_NUM_ATTEMPTS", "3").env("AWS_MAX_ATTEMPTS", "1").run().launched();
    for (name, text) in [
        ("AWS_METADATA_SERVICE_TIMEOUT", "soon"),
        ("AWS_METADATA_SERVICE_TIMEOUT", "0"),
        ("AWS_METADATA_SERVICE_NUM_ATTEMPTS", "-1"),
    ] {
        sandbox(&aws).env(name, text).run().refused(64).says([name]);
    }
}

#[test]
fn whoever_gives_a_web_identitys_credentials_sees_who_asks() {
    let aws = served();
    let sandbox = sandbox(&aws).env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY").file("token", "t");
    let token = sandbox.path("token");
    let sandbox = sandbox.env("AWS_WEB_IDENTITY_TOKEN_FILE", token);
    sandbox.env("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/App").run().launched();
    let asked = aws.calls_of("AssumeRoleWithWebIdentity");
    assert!(asked[0].header("user-agent").unwrap().contains("app/secrets-exec-"));
}

#[test]
fn an_endpoint_that_is_to_be_ignored_gets_no_web_identity_token() {
    let aws = served();
    let sandbox = sandbox(&aws).env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY").file("token", "t");
    let token = sandbox.path("token");
    let sandbox = sandbox.env("AWS_WEB_IDENTITY_TOKEN_FILE", token).args(["--timeout", "1s"]);
    let sandbox = sandbox.env("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/App");
    sandbox.env("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true").run().refused(75);
    assert!(aws.calls().is_empty());
}

#[test]
fn a_password_in_an_address_is_not_told() {
    let run =
        sandbox(&served()).endpoint(&format!("http://user:{CANARY}@127.0.0.1:1")).args(["--timeout", "300ms"]).run();
    run.refused(75).says(["127.0.0.1:1"]);
    let sandbox = Sandbox::new().arg(format!("--agent=http://user:{CANARY}@192.0.2.1:1"));
    sandbox.resolve("A=x").run().refused(77).says(["/var/run/awssmatoken: "]);
}

#[test]
fn a_source_profile_that_is_missing_further_on_is_named() {
    let config = "[default]\nrole_arn = arn:aws:iam::123456789012:role/A\nsource_profile = mid\n\
                  [profile mid]\nrole_arn = arn:aws:iam::123456789012:role/B\nsource_profile = gone\n";
    let sandbox = sandbox(&served()).home_file(".aws/config", config).args(["--profile", "default"]);
    sandbox.run().refused(64).says(["gone", "mid"]);
}

/// A URL of an unreachable server, with a password and a token.
fn with_password_and_token() -> String {
    format!("http://user:{CANARY}@127.0.0.1:1/path?token={CANARY}")
}

#[test]
fn the_password_and_the_token_of_a_url_that_leads_nowhere_are_not_told() {
    for name in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SECRETS_MANAGER", "HTTP_PROXY", "SECRETS_EXEC_ENDPOINT_URL"] {
        let sandbox = sandbox(&served()).env(name, with_password_and_token()).args(["--timeout", "300ms"]);
        sandbox.run().refused(75).says(["127.0.0.1:1"]);
    }
    let keyless = |url: &str| Sandbox::new().endpoint(url).region("us-east-1").resolve("A=x:k");
    for (name, source) in [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "container: "),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "instance metadata: "),
    ] {
        let sandbox = keyless(&served().endpoint()).env_remove("AWS_EC2_METADATA_DISABLED");
        let sandbox = sandbox.env(name, with_password_and_token()).env("AWS_MAX_ATTEMPTS", "1");
        sandbox.run().says([source, "127.0.0.1:1"]);
    }
    let agent = Sandbox::new().arg(format!("--agent={}", with_password_and_token())).env("AWS_TOKEN", "t");
    agent.args(["--timeout", "300ms"]).resolve("A=x").run().refused(75).says(["127.0.0.1:1"]);
}

#[test]
fn the_password_and_the_token_of_a_containers_url_that_is_not_allowed_are_not_told() {
    let url = with_password_and_token().replace("127.0.0.1:1", "192.0.2.1");
    let sandbox = Sandbox::new().endpoint(&served().endpoint()).region("us-east-1").resolve("A=x:k");
    let run = sandbox.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", url).run();
    run.refused(77).says(["container: ", "http://***@192.0.2.1/path?***"]);
}

#[test]
fn the_token_of_a_wrong_url_is_not_repeated() {
    let url = format!("gopher://host.example/?token={CANARY}");
    for name in ["AWS_ENDPOINT_URL", "AWS_EC2_METADATA_SERVICE_ENDPOINT", "HTTPS_PROXY", "SECRETS_EXEC_ENDPOINT_URL"] {
        refuses(|sandbox| sandbox.env(name, &url), &[name, "gopher://host.example/?***"]);
    }
}

#[test]
fn a_containers_path_that_is_none_is_a_usage_error_that_does_not_repeat_it() {
    let name = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
    refuses(|sandbox| sandbox.env(name, format!("/v2/credentials?id= {CANARY}")), &[name, "a path"]);
}

#[test]
fn a_credential_that_is_not_utf_8_is_a_usage_error_that_does_not_repeat_it() {
    let value = OsString::from_vec([CANARY.as_bytes(), b"\xff"].concat());
    for name in [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        "AWS_TOKEN",
    ] {
        let agent = (name == "AWS_TOKEN").then_some("--agent=http://127.0.0.1:1");
        refuses(|sandbox| sandbox.args(agent).env(name, &value), &[name, "UTF-8"]);
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
            let run = sandbox(&served()).env(name, value).args(["--timeout", "1s"]).run();
            run.says_nothing_of("hunter2");
        }
    }
}
