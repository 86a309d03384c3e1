//! What is seen of a launch: the environment of the command, the requests.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;

use super::{AND, Launch};
use crate::support::aws::Call;
use crate::support::identity::KEY;
use crate::support::outcome::{Outcome, assert_same};
use crate::support::sandbox::CANARY;

/// Asserts the whole environment of the command: the variables that the row says are seen, and
/// everything that the launch has inherited, except for those of `no NAME`.
#[track_caller]
pub fn assert_environment(
    run: &Outcome,
    launch: &Launch,
    inherited: &BTreeMap<OsString, OsString>,
) {
    let inherited = inherited
        .iter()
        .map(|(name, value)| (name.to_string_lossy(), value.to_string_lossy()))
        .filter(|(name, _)| !name.starts_with("SECRETS_EXEC_"));
    let mut expected: BTreeMap<String, String> = inherited
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    for variable in launch.seen.split(AND) {
        match variable.split_once('=') {
            Some((name, value)) => expected.insert(name.to_owned(), value.replace('⏎', "\n")),
            None => expected.remove(variable.strip_prefix("no ").expect("`no NAME`")),
        };
    }
    let expected: BTreeSet<String> = expected
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let printed = run.launched().stdout();
    let entries: Vec<&str> = printed.split_terminator('\0').collect();
    let seen: BTreeSet<String> = entries.iter().map(|entry| (*entry).to_owned()).collect();
    assert_same(&seen, &expected, run);
    assert_eq!(entries.len(), seen.len(), "an entry is there twice: {run}");
}

/// Asserts that the requests are those of the column `requests`. If the row doesn't have the
/// column, no request may be made twice; and if the exit status is 64, there must not be any
/// request.
#[track_caller]
pub fn assert_requests(run: &Outcome, launch: &Launch, calls: &[Call]) {
    if launch.column("requests") == Some("any number") {
        return;
    }
    let mut seen: Vec<String> = calls.iter().map(request).collect();
    seen.sort_unstable();
    let mut expected: Vec<&str> = launch
        .column("requests")
        .into_iter()
        .flat_map(|requests| requests.split(AND))
        .filter(|part| *part != "nothing")
        .collect();
    expected.sort_unstable();
    if launch.column("requests").is_some() || launch.seen.starts_with("exits with 64") {
        assert!(
            seen == expected,
            "requests\nexpected: {expected:?}\nseen:     {seen:?}\n{run}"
        );
    }
    assert!(
        launch.column("requests").is_some() || seen.windows(2).all(|two| two[0] != two[1]),
        "twice: {seen:?}\n{run}"
    );
}

/// A request in the form of a row: a reference without its key, or an operation; then `@` and its
/// region, unless that is us-east-1; its access key, unless that is the environment's; and `with`
/// and the session token that the row has set.
fn request(call: &Call) -> String {
    let operation = call.operation();
    let mut text = match &*operation {
        "GetSecretValue" => {
            let (id, stage) = (call.secret_id(), call.stage().unwrap_or_default());
            match call.version_id() {
                None if stage == "AWSCURRENT" => id,
                None => format!("{id}::{stage}"),
                Some(version) => format!("{id}::{stage}:{version}"),
            }
        }
        "GetParameters" => format!("ssm:{}", call.names().join(",")),
        "GetParametersByPath" => {
            let body = call.body();
            let end = if body["Recursive"] == true { "" } else { "*" };
            format!("ssm:{}{end}", body["Path"].as_str().expect("a Path"))
        }
        "AssumeRole" | "AssumeRoleWithWebIdentity" => assumption(&operation, &call.form()),
        _ if operation.starts_with('/') => call.path().to_owned(),
        _ => operation,
    };
    if let Some(region) = call.signed_region() {
        if region != "us-east-1" {
            text.extend(["@", &region]);
        }
        if call.access_key() != KEY {
            text.extend([" by ", &call.access_key()]);
        }
        // The tokens that the fake itself issues contain the canary.
        let token = call.header("x-amz-security-token");
        if let Some(token) = token.filter(|token| !token.starts_with(CANARY)) {
            text.extend([" with ", token]);
        }
    }
    text
}

/// A request for a role, with the optional fields that it has. The name of the session appears only
/// if it isn't the program's default.
fn assumption(operation: &str, form: &BTreeMap<String, String>) -> String {
    let fields = [
        "ExternalId",
        "DurationSeconds",
        "RoleSessionName",
        "SerialNumber",
        "TokenCode",
        "WebIdentityToken",
    ];
    let fields = fields.iter();
    let fields = fields.filter_map(|name| Some((name, form.get(*name)?)));
    let fields = fields.filter(|(_, value)| *value != "secrets-exec");
    let fields: String = fields
        .map(|(name, value)| format!(" {name}={value}"))
        .collect();
    assert!(form.contains_key("RoleSessionName"), "{form:?}");
    format!("{operation} {}{fields}", form["RoleArn"])
}
