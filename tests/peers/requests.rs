//! Requests: one for each distinct secret and version, however many variables use it.

use serde_json::json;

use super::moto::Moto;
use super::proxy::Proxy;

#[test]
fn twenty_references_to_four_secrets_are_four_requests() {
    let Some(moto) = Moto::shared() else { return };
    let proxy = Proxy::before(&moto.url);
    let mut sandbox = moto.sandbox().endpoint(&proxy.url);
    for secret in ["A", "B", "C", "D"] {
        let values = json!({ "k0": secret, "k1": secret, "k2": secret, "k3": secret, "k4": secret });
        moto.secret(&format!("requests/{secret}"), &values.to_string());
        for key in 0..5 {
            sandbox = sandbox.resolve(&format!("{secret}{key}=requests/{secret}:k{key}"));
        }
    }
    let outcome = sandbox.run();
    outcome.launched_silently().has("A0", "A").has("D4", "D");
    let requests = proxy.requests();
    assert_eq!(requests.len(), 4, "{requests:#?}");
}

#[test]
fn two_versions_of_one_secret_are_two_requests() {
    let Some(moto) = Moto::shared() else { return };
    moto.secret("requests/versions", r#"{"a":"old a","b":"old b"}"#);
    moto.put("requests/versions", r#"{"a":"new a","b":"new b"}"#, &[]);
    let proxy = Proxy::before(&moto.url);
    let sandbox = moto
        .sandbox()
        .endpoint(&proxy.url)
        .resolve("A=requests/versions:a")
        .resolve("B=requests/versions:b:AWSCURRENT")
        .resolve("OLD_A=requests/versions:a:AWSPREVIOUS")
        .resolve("OLD_B=requests/versions:b:AWSPREVIOUS");
    let outcome = sandbox.run();
    outcome.launched_silently().has("B", "new b").has("OLD_B", "old b");
    let requests = proxy.requests();
    assert_eq!(requests.len(), 2, "{requests:#?}");
}

#[test]
fn a_request_asks_for_the_current_version_by_name_and_says_who_asks() {
    let Some(moto) = Moto::shared() else { return };
    moto.secret("requests/one", "value");
    let proxy = Proxy::before(&moto.url);
    let sandbox = moto.sandbox().endpoint(&proxy.url).resolve("VALUE=requests/one");
    sandbox.run().launched_silently();
    let requests = proxy.requests();
    let [request] = requests.as_slice() else { panic!("not one request: {requests:#?}") };
    let user_agent = concat!("app/secrets-exec-", env!("CARGO_PKG_VERSION"));
    for sent in ["secretsmanager.GetSecretValue", "AWSCURRENT", user_agent] {
        assert!(request.contains(sent), "{sent} is not sent: {request}");
    }
}

#[test]
fn a_missing_command_is_found_out_before_any_request() {
    let Some(moto) = Moto::shared() else { return };
    moto.secret("requests/none", "value");
    let proxy = Proxy::before(&moto.url);
    let sandbox = moto.sandbox().endpoint(&proxy.url).resolve("VALUE=requests/none");
    let outcome = sandbox.command(["no-such-command"]).run();
    outcome.refused(127).says(["no-such-command"]);
    assert_eq!(proxy.requests().len(), 0);
}
