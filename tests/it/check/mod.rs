//! `check` and `policy`: they show the values, secrets and permissions that a launch needs, and
//! never print a value. [`console`] runs the pages.

use std::time::SystemTime;

use serde_json::{Value, json};

use crate::support::console::Situation;
use crate::support::*;

mod documented;
mod requests;

::rows::pages!("tests/it/check", prints_what_it_says);

/// The pages without any request, not even to the metadata of the instance.
const WITHOUT_REQUESTS: [&str; 2] = ["offline", "policy"];

const KEY: &str = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";

/// Asserts that each command of a situation prints what the page shows, and that some pages don't
/// cause requests.
fn prints_what_it_says(situation: &Situation) {
    let aws = catalogue();
    let sandbox = Sandbox::new()
        .aws(&aws)
        .env_remove("AWS_EC2_METADATA_DISABLED");
    let sandbox = sandbox.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", aws.url());
    situation.assert_printed(sandbox, aws.address().port());
    if WITHOUT_REQUESTS.contains(&situation.page_name()) {
        assert!(aws.calls().is_empty(), "{:?}", aws.calls());
    }
}

/// A secret with an older version that no longer has a label. moto lists such a version in
/// DescribeSecret's answer, while AWS leaves it out.
fn with_unlabelled_version() -> Secret {
    let mut secret = Secret::text(CANARY).previous(Secret::text(CANARY));
    secret.versions[1].stages.clear();
    secret
}

/// The seconds of a day.
const DAY: u64 = 24 * 60 * 60;

fn seconds_ago(seconds: u64) -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() - seconds
}

/// The secrets and parameters of all pages.
fn catalogue() -> Aws {
    let days = |count: u64| json!({ "AutomaticallyAfterDays": count });
    let schedule = |text: &str| json!({ "ScheduleExpression": text });
    // An additional minute, so that an age doesn't depend on how long the page takes.
    let ago = |days: u64| json!(seconds_ago(days * DAY + 60));
    let after = |days: u64| json!(seconds_ago(0) + days * DAY);
    let (created, due) = (json!(1_523_477_145.713), json!(1_524_341_145));
    let described = [
        ("late", days(10), ago(40), ago(30)),
        ("undated", days(10), ago(40), Value::Null),
        ("due", days(10), ago(5), after(5)),
        ("lastday", days(10), ago(10), Value::Null),
        ("cron", schedule("cron(0 8 1 * ? *)"), ago(40), ago(9)),
        ("hourly", schedule("rate(4 hours)"), ago(40), Value::Null),
        ("endless", days(u32::MAX.into()), ago(40), Value::Null),
        ("daily", schedule("rate(1 day)"), Value::Null, Value::Null),
        ("dated", schedule("rate(10 days)"), created, due),
        ("rotated", days(30), ago(12), after(18)),
    ];
    let rotated = |aws: Aws, (id, rules, last, next): (&str, Value, Value, Value)| {
        let rotation = json!({
            "RotationEnabled": true, "RotationRules": rules, "LastRotatedDate": last, "NextRotationDate": next, "KmsKeyId": KEY, "PrimaryRegion": "us-east-1",
            "ReplicationStatus": [
                { "Region": "us-west-2", "Status": "Failed", "StatusMessage": "no key", "KmsKeyId": "alias/aws/secretsmanager" },
                { "Region": "eu-west-1", "Status": "InSync" },
            ],
        });
        aws.secret(id, Secret::text(r#"{"host": "v-4c7a1e"}"#))
            .describes(id, rotation)
    };
    let db = r#"{"host": "v-4c7a1e", "password": "w-4c7a1e", "none": null}"#;
    let odd = r#"{"Jwt:Key": "v-4c7a1e", "k": "w-4c7a1e", "Smtp:Pass": "v-4c7a1e\u0000"}"#;
    described
        .into_iter()
        .fold(Aws::start(), rotated)
        .secret("prod/db", Secret::text(db))
        .secret(
            "prod/all",
            Secret::text(r#"{"one": "v-4c7a1e", "two": "w-4c7a1e"}"#),
        )
        .secret("prod/more", Secret::text(r#"{"two": "more-4c7a1e"}"#))
        .secret("prod/list", Secret::text(r#"["one-4c7a1e"]"#))
        .secret("prod/text", Secret::text(CANARY))
        .secret("prod/nul", Secret::binary(format!("{CANARY}\0").as_bytes()))
        .secret("prod/long", Secret::text(&CANARY.repeat(20_000)))
        .secret("prod/large", Secret::text(&CANARY.repeat(7500)))
        .secret(
            "prod/nested",
            Secret::text(
                r#"{"tls":{"key":"key-4c7a1e"},"hosts":["host-4c7a1e"],"text":"{\"k\":\"v-4c7a1e\"}"}"#,
            ),
        )
        .secret("prod/odd", Secret::text(odd))
        .secret(
            "prod/flawed",
            Secret::text(r#"{"empty":"","line":"v-4c7a1e\n"}"#),
        )
        .secret(
            "denied",
            Secret::failing(fault::denied("arn:aws:secretsmanager:x:secret:denied")),
        )
        .secret("gone", Secret::failing(fault::deleted()))
        .describes("gone", json!({ "DeletedDate": ago(3) }))
        .secret("kms", Secret::failing(fault::denied_by_kms()))
        .describes("kms", json!({ "KmsKeyId": KEY }))
        .secret("silent", Secret::failing(Fault::Hang))
        .secret("undescribed", Secret::text(CANARY))
        .refuses_to_describe("undescribed", fault::denied_description())
        .secret("long", Secret::text(CANARY))
        .refuses_to_describe("long", fault::denied_long_description())
        .secret("broken", Secret::text(CANARY))
        .refuses_to_describe("broken", fault::internal_error())
        .secret("unlabelled", with_unlabelled_version())
        .secret("replica", Secret::text(CANARY))
        .describes("replica", json!({ "PrimaryRegion": "eu-west-1" }))
        .parameter("/app/db/host", &[Version::text(CANARY)])
        .parameter("/app/port", &[Version::text("5432-port")])
}

fn check(aws: &Aws) -> Sandbox {
    Sandbox::new().aws(aws).arg("check").bare()
}

#[test]
fn check_on_a_terminal_shows_failures_in_red_and_odd_values_in_yellow() {
    let aws = Aws::start().secret("prod/payments/postgres", Secret::text(r#"{"host": ""}"#));
    let check = || {
        Sandbox::new()
            .aws(&aws)
            .args(["check", "-e", "PAYMENTS_HOST=prod/payments/postgres:host"])
            .args(["-e", "PAYMENTS_PASSWORD=prod/payments/postgres:password"])
            .bare()
            .through(terminal("1x80", "", ""))
    };
    let shown = check().run().stdout();
    assert!(shown.contains("\x1b[31mkey-not-found\x1b[0m"), "{shown}");
    assert!(shown.contains("\x1b[33mok, empty\x1b[0m"), "{shown}");
    let has_room = shown.contains("VERSION") && !shown.contains("STAGES");
    assert!(has_room, "{shown}");

    let plain = check().env("NO_COLOR", "1").run().stdout();
    assert!(!plain.contains('\x1b'), "{plain}");
    assert!(
        plain.ends_with("\n\n"),
        "no blank line before the errors: {plain}"
    );
    let mut table = plain.lines().take(3);
    assert!(
        table.all(|line| line.trim_end().chars().count() <= 80),
        "{plain}"
    );
}

#[test]
fn check_on_a_terminal_shows_only_the_end_of_a_reference_that_is_too_long() {
    let aws = Aws::start();
    let arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/payments-AbCdEf";
    let entries = [
        "-e",
        &format!("PASSWORD={arn}:password"),
        "-e",
        "USER=db:user",
    ];
    let check = check(&aws).args(entries).env("NO_COLOR", "1");
    let shown = check.through(terminal("1x80", "", "")).run().stdout();
    let table: Vec<&str> = shown.lines().take(3).collect();
    assert!(table[1].contains("  …"), "{shown}");
    assert!(
        table[1].contains(":prod/payments-AbCdEf:password  not-found"),
        "{shown}"
    );
    assert!(table[2].contains("  db:user  "), "{shown}");
    assert!(
        table.iter().all(|line| line.chars().count() <= 80),
        "{shown}"
    );
}
