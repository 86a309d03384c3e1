//! Mistakes that operators and developers make, each with everything that it prints. Each paragraph
//! of a page is one mistake, and [`console`] runs the pages.
//!
//! AWS is a fake with the secrets of [`catalogue`]. The environment has the endpoint of the fake,
//! us-east-1 and keys, which `unset` and `env -u` can remove. There is no instance metadata. Every
//! value of a secret ends with `-4c7a1e`, in the catalogue and in the local files of a page, and no
//! command may print it.

use crate::support::*;

console::pages! { "mistakes", prints_what_it_says:
    arguments: a_mistake_on_the_command_line_is_refused_with_a_message_that_helps_to_correct_it
    cache: a_cache_directory_that_is_missing_or_unsafe_is_refused_with_the_reason
    command: a_command_that_cannot_be_started_is_reported_with_the_reason
    credentials: missing_or_invalid_aws_credentials_are_reported_with_the_source_that_failed
    declaration: a_mistake_in_a_declaration_is_reported_with_its_line_and_its_column
    denied: denied_access_is_reported_with_the_reason_and_the_remedy
    export: a_mistake_with_export_policy_migrate_or_install_is_reported_with_the_reason
    files: a_file_that_cannot_be_written_or_is_declared_wrongly_is_reported_with_the_reason
    local: a_mistake_in_the_local_file_or_its_options_is_reported_with_the_reason
    missing: a_missing_secret_parameter_or_value_is_reported_with_the_most_likely_cause
    network: a_failure_of_aws_or_of_the_network_is_reported_with_its_cause
    offline: mistakes_that_can_be_found_without_secrets_are_reported_by_a_launch_and_by_check_offline
    references: a_wrong_reference_is_reported_with_the_right_way_to_write_it
    regions: a_wrong_region_or_profile_is_reported_with_the_setting_that_chose_it
    templates: a_mistake_in_a_template_is_reported_even_if_the_entry_has_a_default
}

/// The pages of mistakes that are found before any request.
const WITHOUT_REQUESTS: [&str; 2] = ["arguments", "declaration"];

/// The end of every value that a page or [`catalogue`] has.
const VALUE: &str = "4c7a1e";

/// Asserts that each command of a page prints what the page shows, that no value is among that, and
/// that some pages don't cause requests.
fn prints_what_it_says(page: &str) {
    let aws = catalogue();
    console::assert_printed(page, Sandbox::new().aws(&aws), aws.address().port());
    assert!(
        !console::outputs(page).any(|output| output.contains(VALUE)),
        "a value is printed"
    );
    if WITHOUT_REQUESTS
        .iter()
        .any(|name| page.ends_with(&format!("/{name}.console")))
    {
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
        .secret("prod/flags", Secret::text(r#"{"FEATURES": "{\"limits\": \"v-4c7a1e\"}"}"#))
        .secret("prod/list", Secret::text(r#"["one-4c7a1e", "two-4c7a1e"]"#))
        .secret("prod/text", Secret::text("words-4c7a1e"))
        .secret("prod/double", Secret::text(r#""{\"password\": \"p-4c7a1e\"}""#))
        .secret("prod/dotenv", Secret::text("# The database\nDB_HOST=db-4c7a1e\nDB_PORT=5432\n"))
        .secret("prod/accounts", Secret::text(r#"{"2fa": "v-4c7a1e", "AWS_PROFILE": "prod-4c7a1e", "token": "t-4c7a1e"}"#))
        .secret("prod/cut", Secret::text(r#"{"key": "v-4c7a1e""#))
        .secret("prod/empty", Secret::text(r#"{"": "v-4c7a1e"}"#))
        .secret("prod/nul", Secret::text(r#"{"key": "a\u0000b-4c7a1e"}"#))
        .secret("denied/identity", Secret::failing(fault::denied(&arn("denied/identity"))))
        .secret("debug", Secret::failing(fault::denied(&arn("debug"))))
        .secret("denied/absent", Secret::failing(fault::denied("denied/absent")))
        .secret("denied/scp", Secret::failing(fault::denied_on(&arn("denied/scp"), by_scp)))
        .secret("denied/kms", Secret::failing(fault::denied_by_kms()))
        .secret("denied/decryption", Secret::failing(fault::not_decrypted()))
        .secret("denied/account", Secret::failing(fault::default_key_of_another_account()))
        .secret("denied/expired", Secret::failing(fault::expired_token()))
        .secret("denied/client", Secret::failing(fault::unrecognized_client()))
        .secret("gone/deleted", Secret::failing(fault::marked_for_deletion()))
        .secret("gone/novalue", Secret::failing(fault::no_such_version("staging label: AWSCURRENT")))
        .secret("throttled", Secret::failing(fault::throttled()))
        .secret("broken", Secret::failing(fault::internal_error()))
        .secret("silent", Secret::failing(Fault::Hang))
        .secret("closed", Secret::failing(Fault::Close))
        .secret("portal", Secret::failing(fault::page()))
        .secret("short", Secret::text(r#"{"key": "v-4c7a1e"}"#).cut_short())
        .secret("clock", Secret::failing(fault::clock_skew()))
        .denies_roles()
        .secret("denied/signature", Secret::failing(fault::wrong_signature()))
        .fails_first("AssumeRoleWithWebIdentity", 1, fault::sts(400, "InvalidIdentityToken", no_provider))
        .fails("/federation/credentials", fault::role_not_assigned())
        .fails("/latest/api/token", Fault::Hang)
        .fails("/token", fault::ended_session())
        .denies_parameter("/denied/key")
        .parameter("/clash/db/host", &[Version::text("one-4c7a1e")])
        .parameter("/clash/db_host", &[Version::text("two-4c7a1e")])
        .parameter("/clash/ld/preload", &[Version::text("three-4c7a1e")])
        .parameter("/prod/app/level", &[Version::text("debug-4c7a1e")])
}
