//! The cache between two accounts of moto with a secret of one name, and while moto is stopped.

use serde_json::json;

use super::moto::{Credentials, Moto, REGION};
use crate::support::cache::CacheDirectory;
use crate::support::sandbox::{CANARY, Sandbox};

/// A role of another account than that of the tests' keys.
const READER: &str = "arn:aws:iam::222222222222:role/reader";

const TTL: [&str; 2] = ["--cache-ttl", "1h"];

#[test]
fn two_accounts_with_a_secret_of_one_name_each_get_their_own() {
    let Some(moto) = Moto::shared() else { return };
    let (cache, name) = (CacheDirectory::new(), "cached/same-name");
    let there = moto.assume(READER);
    moto.secret(name, &format!("here {CANARY}"));
    moto.secret_of(&there, name, &format!("there {CANARY}"));
    let launch = || cache.with(moto.sandbox().resolve(&format!("VALUE={name}")), &TTL);
    let (here_text, there_text) = (format!("here {CANARY}"), format!("there {CANARY}"));
    for _ in 0..2 {
        launch().run().launched_silently().has("VALUE", &here_text);
        there.give(launch()).run().launched_silently().has("VALUE", &there_text);
        launch().args(["--role-arn", READER]).run().launched_silently().has("VALUE", &there_text);
    }
    assert_eq!(cache.names().len(), 3);
}

#[test]
fn values_that_boto3_stored_are_the_same_from_the_cache_when_moto_is_stopped() {
    let Some(moto) = Moto::start() else { return };
    let cache = CacheDirectory::new();
    let text = format!("{{\"k\":\"\\u00e4 {CANARY}\\n\",\"n\":1.10}}");
    moto.secret("cached/text", &text);
    moto.call(&json!({
        "service": "ssm",
        "operation": "put_parameter",
        "parameters": { "Name": "/cached/p", "Value": CANARY, "Type": "SecureString" },
    }));
    let sandbox = Sandbox::new().endpoint(&moto.url).region(REGION).attempts(1);
    let sandbox = Credentials::new("AKIADUMMY", "dummy").give(sandbox);
    let sandbox = sandbox.resolve("K=cached/text:k").resolve("N=cached/text:n").resolve("P=ssm:/cached/p");
    let launch = cache.with(sandbox, &[]);
    let run = launch.run();
    let value = format!("ä {CANARY}\n");
    run.launched_silently().has("K", &value).has("N", "1.10").has("P", CANARY);
    drop(moto);
    let run = launch.run();
    run.launched().has("K", &value).has("N", "1.10").has("P", CANARY);
    run.says(["not reachable", "secret cached/text, version ", "parameter /cached/p, version 1"]);
    assert_eq!(run.stderr().lines().count(), 1, "{run}");
}
