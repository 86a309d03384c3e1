//! Settings of AWS (variables, configuration files, proxies) that are empty, incomplete or wrong; and passwords in them, which are never
//! printed.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use crate::support::aws::{CONTAINER_KEY, fault, served};
use crate::support::identity::{ROLE, keyless, pair};
use crate::support::network::Proxy;
use crate::support::outcome::Outcome;
use crate::support::rows::side_by_side;
use crate::support::sandbox::{CANARY, Sandbox, sandbox};

#[test]
fn an_empty_variable_counts_as_not_set_and_the_command_still_gets_it() {
    for (name, key) in [
        ("AWS_PROFILE", "AKIADEFAULT"),
        ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", CONTAINER_KEY),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", CONTAINER_KEY),
        ("AWS_ACCESS_KEY_ID", CONTAINER_KEY),
        ("AWS_MAX_ATTEMPTS", CONTAINER_KEY),
        ("AWS_REGION", CONTAINER_KEY),
    ] {
        let aws = served();
        let sandbox = keyless(&aws).env("AWS_ROLE_ARN", ROLE).env("AWS_DEFAULT_REGION", "us-east-1").case(name);
        let sandbox = match key {
            CONTAINER_KEY => sandbox.in_container(&aws),
            _ => sandbox.home_file(".aws/credentials", &format!("[default]\n{}", pair(key))),
        };
        // Blanks are no key, for the SDKs, too.
        let value = if name == "AWS_ACCESS_KEY_ID" { " " } else { "" };
        sandbox.env(name, value).run().launched_silently().has("A", "v-4c7a1e").has(name, value);
        assert_eq!((aws.only_read().access_key().as_str(), aws.only_read().region().as_str()), (key, "us-east-1"));
    }
}

/// Asserts status 64, these texts, and no request.
fn refuses(state: impl FnOnce(Sandbox) -> Sandbox, facts: &[&str]) -> Outcome {
    let aws = served();
    let run = state(sandbox(&aws).case(facts[0])).run();
    run.refused(64).says(facts.iter().copied());
    assert!(aws.calls().is_empty(), "{run}");
    run
}

#[test]
fn a_variable_that_makes_no_sense_is_a_usage_error() {
    let port = "http://127.0.0.1:99999";
    for (name, value) in [
        ("AWS_REGION", "us east"),
        ("AWS_MAX_ATTEMPTS", "-1"),
        ("AWS_MAX_ATTEMPTS", "1.5"),
        ("AWS_ENDPOINT_URL", "notaurl"),
        ("AWS_ENDPOINT_URL", "http://"),
        ("AWS_ENDPOINT_URL", port),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", "ftp://localhost"),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", port),
        ("HTTPS_PROXY", port),
        ("HTTPS_PROXY", "http://[broken"),
        ("AWS_ROLE_ARN", "app"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "bogus"),
        ("AWS_METADATA_SERVICE_TIMEOUT", "soon"),
        ("AWS_METADATA_SERVICE_TIMEOUT", "0"),
        ("AWS_METADATA_SERVICE_NUM_ATTEMPTS", "-1"),
    ] {
        refuses(|sandbox| sandbox.env(name, value), &[name]);
    }
    let bytes = OsString::from_vec(b"/nowhere/\xff".to_vec());
    for name in ["AWS_REGION", "AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_MAX_ATTEMPTS", "HTTPS_PROXY"] {
        refuses(|sandbox| sandbox.env(name, &bytes), &[name]);
    }
    sandbox(&served()).env("HOME", &bytes).run().launched().has("A", "v-4c7a1e").has("HOME", b"/nowhere/\xff");
    refuses(|sandbox| sandbox.args(["--endpoint-url", port]), &["endpoint-url"]);
    let containers = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
    refuses(|sandbox| sandbox.env(containers, format!("/v2/credentials?id= {CANARY}")), &[containers, "a path"]);
}

#[test]
fn a_senseless_setting_of_a_profile_is_a_usage_error_even_if_overridden() {
    for (key, value) in [
        ("use_fips_endpoint", "ture"),
        ("use_dualstack_endpoint", "yes"),
        ("endpoint_url", "nope"),
        ("max_attempts", "many"),
        ("region", "us_east"),
    ] {
        refuses(|sandbox| sandbox.config(&format!("[default]\n{key} = {value}\n")), &[key, value, "default"]);
    }
    for name in ["config", "credentials"] {
        let broken = |sandbox: Sandbox| {
            let sandbox = sandbox.home_file(&format!(".aws/{name}"), "");
            std::fs::write(sandbox.home().join(".aws").join(name), b"[default]\n# \xff\n").unwrap();
            sandbox
        };
        refuses(broken, &[&format!(".aws/{name}")]);
    }
}

#[test]
fn a_proxy_is_asked_unless_no_proxy_a_cgi_header_or_an_empty_name_keeps_it_away() {
    side_by_side(
        [
            ("a proxy", true, &[("HTTP_PROXY", "PROXY")][..]),
            ("in lower case", true, &[("http_proxy", "PROXY")]),
            ("a star", false, &[("HTTP_PROXY", "PROXY"), ("NO_PROXY", "*")]),
            ("a star among others", false, &[("HTTP_PROXY", "PROXY"), ("NO_PROXY", "example.com, *")]),
            ("the host", false, &[("HTTP_PROXY", "PROXY"), ("NO_PROXY", "example.com,localhost")]),
            ("a header of a CGI program", false, &[("HTTP_PROXY", "PROXY"), ("REQUEST_METHOD", "GET")]),
            ("no header of one", true, &[("http_proxy", "PROXY"), ("REQUEST_METHOD", "GET")]),
            ("an empty name in lower case", false, &[("HTTP_PROXY", "PROXY"), ("http_proxy", "")]),
            ("empty exceptions", true, &[("HTTP_PROXY", "PROXY"), ("NO_PROXY", "*"), ("no_proxy", "")]),
            ("ALL_PROXY", false, &[("ALL_PROXY", "PROXY"), ("all_proxy", "socks5h://127.0.0.1:1")]),
        ],
        |(case, is_asked, settings)| {
            let aws = served();
            let proxy = Proxy::before(aws.address());
            let set = |sandbox: Sandbox, (name, value): &(&str, &str)| {
                sandbox.env(name, value.replace("PROXY", &proxy.url()))
            };
            let run = settings.iter().fold(sandbox(&aws).attempts(1).case(case), set).run();
            assert_eq!(!proxy.asked().is_empty(), is_asked, "{run}");
            if !is_asked {
                run.launched_silently().has("A", "v-4c7a1e");
            }
        },
    );
    // As an address, too, which a star covers.
    let aws = served();
    let star = sandbox(&aws).endpoint(&aws.agent()).env("HTTP_PROXY", "http://127.0.0.1:1").env("NO_PROXY", "*");
    star.run().launched_silently().has("A", "v-4c7a1e");
}

// The passwords and tokens are the canary, which the sandbox looks for.

#[test]
fn a_password_in_a_wrong_setting_is_not_repeated() {
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
        refuses(|sandbox| sandbox.env(name, &secret), &[name]);
        if name.contains("ENDPOINT") || name == "HTTPS_PROXY" {
            refuses(|sandbox| sandbox.env(name, &token), &[name]);
        }
    }
    for option in ["endpoint-url", "region", "timeout"] {
        refuses(|sandbox| sandbox.arg(format!("--{option}={secret}")), &[option]);
    }
    refuses(|sandbox| sandbox.config(&format!("[default]\nendpoint_url = {secret}\n")), &["endpoint_url"]);
    let declaration = format!("defaults:\n  endpoint-url: \"{secret}\"\n");
    let run = sandbox(&served()).declaration(&declaration).run();
    run.refused(78).says(["secrets-exec.yaml:2", "endpoint-url"]);
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
fn the_password_and_the_token_of_a_url_that_leads_nowhere_are_not_printed() {
    let url = format!("http://user:{CANARY}@127.0.0.1:1/path?token={CANARY}");
    for name in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SECRETS_MANAGER", "HTTP_PROXY", "SECRETS_EXEC_ENDPOINT_URL"] {
        let sandbox = sandbox(&served()).env(name, &url).timeout("300ms").case(name);
        sandbox.run().refused(75).says(["127.0.0.1:1"]);
    }
    for (name, source) in [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "container: "),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "instance metadata: "),
    ] {
        let sandbox = keyless(&served()).env_remove("AWS_EC2_METADATA_DISABLED").env(name, &url).attempts(1);
        sandbox.case(name).run().says([source, "127.0.0.1:1"]);
    }
    let agent = |url: &str| Sandbox::new().arg(format!("--agent={url}")).timeout("300ms").resolve("A=x");
    agent(&url).env("AWS_TOKEN", "t").run().refused(75).says(["127.0.0.1:1"]);
    let elsewhere = url.replace("127.0.0.1:1", "192.0.2.1");
    agent(&elsewhere).run().refused(77).says(["/var/run/awssmatoken: "]);
    let container = keyless(&served()).env("AWS_CONTAINER_CREDENTIALS_FULL_URI", elsewhere);
    container.run().refused(77).says(["container: ", "http://***@192.0.2.1/path?***"]);
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
fn the_services_section_of_the_profile_has_the_endpoint_of_each_service() {
    let aws = served();
    let with = |services: &str| {
        let settings = "services = mine\nendpoint_url = http://127.0.0.1:9";
        let config = format!("[default]\n{settings}\n[services mine]\n{services}");
        sandbox(&aws).env_remove("AWS_ENDPOINT_URL").config(&config)
    };
    let section = |name: &str, url: &str| format!("{name} =\n  endpoint_url = {url}\n");
    let secrets_manager_section = section("secrets_manager", &aws.endpoint());
    with(&secrets_manager_section).run().launched().has("A", "v-4c7a1e");
    with(&(secrets_manager_section + &section("sts", &aws.endpoint()))).args(["--role-arn", ROLE]).run().launched();
    assert_eq!(aws.calls_of("AssumeRole").len(), 1);
    let variable = ("AWS_ENDPOINT_URL_SECRETS_MANAGER", aws.endpoint());
    let elsewhere = section("secrets_manager", "http://127.0.0.1:9");
    with(&elsewhere).env(variable.0, variable.1).run().launched();
    let run = with(&section("secrets_manager", "nowhere")).run();
    run.refused(64).says(["profile", "services", "nowhere"]);
}

#[test]
fn the_attempts_at_the_metadata_service_have_a_variable_of_their_own() {
    let aws = served().fails_first("/latest/meta-data/iam/security-credentials/app", 1, fault::status(503));
    let sandbox = keyless(&aws).on_instance(&aws).env("AWS_METADATA_SERVICE_NUM_ATTEMPTS", "3");
    sandbox.attempts(1).run().launched();
}

#[test]
fn an_endpoint_that_is_to_be_ignored_gets_no_web_identity_token() {
    let aws = served();
    let sandbox = keyless(&aws).web_identity().env("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true");
    sandbox.timeout("1s").run().refused(75);
    assert!(aws.calls().is_empty());
}
