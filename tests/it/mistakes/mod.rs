//! Mistakes that operators and developers make. The pages show the mistakes that people meet every
//! month, each with everything that it prints: each paragraph is one mistake and one test, and
//! [`console`] runs the commands. The rows in [`rare`] show a part of every other message.
//!
//! AWS is a fake with the secrets of [`catalogue`]. The environment has the endpoint of the fake,
//! us-east-1 and keys, which `unset` and `env -u` can remove. There is no instance metadata. Every
//! value of a secret ends with `-4c7a1e`, in the catalogue and in the local files of a page, and no
//! command may print it.

use crate::support::console::Situation;
use crate::support::*;

::rows::pages!("tests/it/mistakes", prints_what_it_says);

/// Mistakes that few people make.
mod rare {
    ::rows::files!(
        "tests/it/mistakes",
        arguments command credentials declaration files local missing places references regions
        templates
    );
}

/// The pages of mistakes that are found before any request.
const WITHOUT_REQUESTS: [&str; 2] = ["arguments", "declaration"];

/// The end of every value that a page or [`catalogue`] has.
const VALUE: &str = "4c7a1e";

/// Asserts that each command of a situation prints what the page shows, that no value is among
/// that, and that some pages don't cause requests.
fn prints_what_it_says(situation: &Situation) {
    let aws = catalogue();
    situation.assert_printed(Sandbox::new().aws(&aws), aws.address().port());
    assert!(!situation.outputs().contains(VALUE), "a value is printed");
    if WITHOUT_REQUESTS.contains(&situation.page_name()) {
        assert!(aws.calls().is_empty(), "{:?}", aws.calls());
    }
}

/// The secrets and parameters of all pages.
fn catalogue() -> Aws {
    let arn =
        |name: &str| format!("arn:aws:secretsmanager:us-east-1:123456789012:secret:{name}-AbCdEf");
    let no_provider = "No OpenIDConnect provider found in your account for https://oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF";
    let by_scp = "with an explicit deny in a service control policy";
    Aws::start()
        .secret(
            "prod/db",
            Secret::text(
                r#"{"host": "db.internal-4c7a1e", "port": 5432, "user": "app-4c7a1e", "password": "p-4c7a1e", "none": null,
                    "replicas": ["one-4c7a1e", "two-4c7a1e"], "tls": {"key": "key-4c7a1e"}}"#,
            ),
        )
        .secret(
            "billing/ledger",
            Secret::text(
                r#"{"host": "ledger-4c7a1e", "port": 5432, "login": "billing-4c7a1e", "passphrase": "p-4c7a1e", "none": null,
                    "shards": ["one-4c7a1e", "two-4c7a1e"], "tls": {"key": "key-4c7a1e"}}"#,
            ),
        )
        .secret("prod/list", Secret::text(r#"["one-4c7a1e", "two-4c7a1e"]"#))
        .secret("prod/text", Secret::text("words-4c7a1e"))
        .secret(
            "prod/special",
            Secret::text(r#"{"at": "p@-4c7a1e", "semicolon": "p;-4c7a1e", "quote": "p\"-4c7a1e"}"#),
        )
        .secret("prod/cut", Secret::text(r#"{"key": "v-4c7a1e""#))
        .secret("denied/identity", Secret::failing(fault::denied(&arn("denied/identity"))))
        .secret("debug", Secret::failing(fault::denied(&arn("debug"))))
        .secret("denied/absent", Secret::failing(fault::denied("denied/absent")))
        .secret("denied/scp", Secret::failing(fault::denied_by(&arn("denied/scp"), by_scp)))
        .secret("denied/kms", Secret::failing(fault::denied_by_kms()))
        .secret("denied/expired", Secret::failing(fault::expired()))
        .secret("denied/client", Secret::failing(fault::unrecognized_client()))
        .secret("gone/deleted", Secret::failing(fault::deleted()))
        .secret("throttled", Secret::failing(fault::throttled()))
        .secret("broken", Secret::failing(fault::internal_error()))
        .secret("silent", Secret::failing(Fault::Hang))
        .secret("closed", Secret::failing(Fault::Close))
        .secret("portal", Secret::failing(fault::page()))
        .secret("short", Secret::failing(plain(200, r#"{"Name":"short","SecretString":"v-4c7a"#)))
        .secret("clock", Secret::failing(fault::clock_skew()))
        .denies_roles()
        .fails_first("AssumeRoleWithWebIdentity", 1, fault::sts(400, "InvalidIdentityToken", no_provider))
        .fails("/federation/credentials", fault::role_not_assigned())
        .fails("/latest/api/token", Fault::Hang)
        .fails("/token", fault::ended_session())
        .denies_parameter("/denied/key")
        .parameter("/prod/app/level", &[Version::text("debug-4c7a1e")])
}

/// A name of each form from which a help may guess something: with an ending of CloudFormation or
/// of an ARN, with a slash at the beginning, with dots, of digits, of one word, or with three
/// parts.
const UNUSUAL_NAMES: [&str; 10] = [
    "MyDatabaseSecret-ZGPdGkDhFpOQ",
    "legacy-AbCdEf",
    "/prod/app/level",
    "billing.stripe",
    "12345678",
    "2fa/keys",
    "info",
    "team/orders/config",
    "prod/app@v2/key",
    "rds!db-1a2b3c4d-5e6f-7081-92a3-b4c5d6e7f809",
];

#[test]
fn an_absent_or_denied_name_is_reported_with_the_region_and_the_account_first() {
    for name in UNUSUAL_NAMES {
        let denied = Aws::start().secret(name, Secret::failing(fault::denied(name)));
        for (aws, status) in [(Aws::start(), 78), (denied, 77)] {
            let run = Sandbox::new()
                .aws(&aws)
                .case(name)
                .resolve(&format!("A={name}"))
                .run();
            let help =
                "help: check the name, the region (us-east-1, from AWS_REGION) and the account (";
            run.refused(status, [help]);
        }
    }
}
