//! Profiles of AWS's configuration files: the roles that they assume, and settings that count as in the AWS CLI.

use crate::support::aws::secret::Secret;
use crate::support::aws::{Aws, CONTAINER_KEY, Call, ROLE_KEY, fault};
use crate::support::sandbox::{ACCESS_SECRET, Sandbox};
use crate::support::skip;

const ROLE: &str = "arn:aws:iam::210987654321:role/Reader";

fn served() -> Aws {
    Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#))
}

/// A sandbox with a configuration file, and without credentials in variables.
fn sandbox(aws: &Aws, config: &str) -> Sandbox {
    Sandbox::new().endpoint(&aws.endpoint()).region("us-east-1").home_file(".aws/config", config).resolve("A=x:k")
}

/// The settings of keys.
fn keys(id: &str) -> String {
    format!("aws_access_key_id = {id}\naws_secret_access_key = {ACCESS_SECRET}\n")
}

/// A profile that assumes a role with keys of its own, with more settings.
fn with_role(settings: &str) -> String {
    format!("[default]\nrole_arn = {ROLE}\nsource_profile = default\n{settings}\n{}", keys("AKIABASE"))
}

#[test]
fn a_role_gets_the_duration_the_session_name_and_the_external_id_of_the_profile() {
    let aws = served();
    let settings = "duration_seconds = 43200\nrole_session_name = nightly\nexternal_id = 42";
    sandbox(&aws, &with_role(settings)).run().launched_silently().has("A", "v");
    let assumed = &aws.calls_of("AssumeRole")[0];
    let form = assumed.form();
    let sent = ["RoleArn", "DurationSeconds", "RoleSessionName", "ExternalId"].map(|name| form[name].as_str());
    assert_eq!((assumed.access_key().as_str(), sent), ("AKIABASE", [ROLE, "43200", "nightly", "42"]));
    assert_eq!(aws.only_read().access_key(), ROLE_KEY);
}

#[test]
fn roles_are_assumed_from_the_source_profile_on_each_with_its_own_duration() {
    let aws = served();
    let config = format!(
        "[default]\nrole_arn = {ROLE}\nsource_profile = middle\nduration_seconds = 1800\n\
         [profile middle]\nrole_arn = {ROLE}2\nsource_profile = base\n\
         [profile base]\n{}",
        keys("AKIABASE")
    );
    sandbox(&aws, &config).run().launched_silently();
    let assumed = aws.calls_of("AssumeRole");
    let sent = assumed.iter().map(|call| (call.access_key(), call.form()["RoleArn"].clone()));
    let expected = [("AKIABASE", format!("{ROLE}2")), (ROLE_KEY, ROLE.to_owned())];
    assert_eq!(sent.collect::<Vec<_>>(), expected.map(|(key, role)| (key.to_owned(), role)));
    let durations = assumed.iter().map(|call| call.form().remove("DurationSeconds"));
    assert_eq!(durations.collect::<Vec<_>>(), [None, Some("1800".to_owned())]);
}

#[test]
fn a_duration_that_makes_no_sense_is_a_usage_error() {
    for text in ["899", "43201", "an hour", "-1", ""] {
        let aws = served();
        let run = sandbox(&aws, &with_role(&format!("duration_seconds = {text}"))).run();
        run.refused(64).says(["duration_seconds", "\"default\""]);
        assert!(aws.calls().is_empty());
    }
}

#[test]
fn a_profile_that_is_not_used_may_have_any_duration() {
    let aws = served();
    sandbox(&aws, &with_role("duration_seconds = 0")).aws(&aws).run().launched_silently();
}

#[test]
fn a_role_of_a_profile_that_sts_denies_is_77_with_its_words() {
    let aws = served().denies_roles();
    sandbox(&aws, &with_role("")).run().refused(77).says([ROLE, "is not authorized to perform: sts:AssumeRole"]);
}

#[test]
fn a_role_of_a_profile_is_asked_for_again_after_an_outage() {
    let aws = served().fails_first("AssumeRole", 2, fault::status(503));
    sandbox(&aws, &with_role("")).run().launched_silently().has("A", "v");
    assert_eq!(aws.calls_of("AssumeRole").len(), 3);
}

#[test]
fn a_profile_with_a_role_and_no_source_says_what_it_lacks() {
    let aws = served();
    let lacks = sandbox(&aws, &format!("[default]\nrole_arn = {ROLE}\n")).run();
    lacks.refused(77).says(["neither source_profile nor credential_source"]);
    let config =
        format!("[default]\nrole_arn = {ROLE}\nsource_profile = a\ncredential_source = Environment\n[profile a]\n");
    sandbox(&aws, &config).run().refused(77).says(["both source_profile and credential_source"]);
    let config = format!("[default]\nrole_arn = {ROLE}\ncredential_source = Nowhere\n");
    sandbox(&aws, &config).run().refused(64).says(["credential_source", "Nowhere", "EcsContainer"]);
}

#[test]
fn a_role_may_be_assumed_with_credentials_of_variables_or_of_a_container() {
    let aws = served();
    let with_source = |source| format!("[profile a]\nrole_arn = {ROLE}\ncredential_source = {source}\n");
    let of_variables = sandbox(&aws, &with_source("Environment")).aws(&aws).args(["--profile", "a"]);
    of_variables.run().launched_silently();
    let of_container = sandbox(&aws, &with_source("EcsContainer")).args(["--profile", "a"]);
    of_container.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", aws.container_credentials()).run().launched_silently();
    let keys: Vec<_> = aws.calls_of("AssumeRole").iter().map(Call::access_key).collect();
    assert_eq!(keys, ["AKIAIOSFODNN7EXAMPLE", CONTAINER_KEY]);
}

#[test]
fn a_web_identity_of_a_profile_is_exchanged() {
    let aws = served();
    let sandbox = Sandbox::new().file("token", "token-of-the-test");
    let file = sandbox.path("token");
    let settings = format!("role_arn = {ROLE}\nweb_identity_token_file = {}\n", file.display());
    let config = format!("[default]\nrole_arn = {ROLE}2\nsource_profile = pod\n[profile pod]\n{settings}");
    let sandbox = sandbox.endpoint(&aws.endpoint()).region("us-east-1").home_file(".aws/config", &config);
    sandbox.resolve("A=x:k").run().launched_silently().has("A", "v");
    let exchanged = aws.calls_of("AssumeRoleWithWebIdentity")[0].form();
    assert_eq!((exchanged["RoleArn"].as_str(), exchanged["WebIdentityToken"].as_str()), (ROLE, "token-of-the-test"));
    assert_eq!(aws.calls_of("AssumeRole")[0].form()["RoleArn"], format!("{ROLE}2"));
}

/// The beginning of a command that runs its arguments as another user; `None` where that does not work.
fn as_another_user() -> Option<[&'static str; 4]> {
    let user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    skip::can(&[&user[..], &["true"]].concat(), "a home directory of another user").then_some(user)
}

#[test]
fn a_configuration_file_in_a_directory_that_may_not_be_entered_counts_as_absent_with_a_note() {
    let Some(user) = as_another_user() else { return };
    let aws = served();
    let config = "[default]\nregion = eu-west-1\n";
    for (name, folder) in [("HOME", "home"), ("AWS_CONFIG_FILE", "home/.aws/config")] {
        let sandbox = Sandbox::new().aws(&aws).file("locked/home/.aws/config", config).mode("locked", 0o700);
        let path = sandbox.path("locked").join(folder);
        let sandbox = sandbox.env(name, path).resolve("A=x:k").through(user);
        sandbox.spawn_copy().wait().launched_silently().has("A", "v");
        let verbose = sandbox.arg("-v").spawn_copy().wait();
        verbose.launched().says(["locked/home/.aws/config", "counts as absent", "permission denied"]);
    }
}

#[test]
fn a_home_that_is_no_directory_has_no_configuration_files() {
    let aws = served();
    let sandbox = Sandbox::new().aws(&aws).env("HOME", "/dev/null").resolve("A=x:k");
    sandbox.run().launched_silently().has("A", "v");
    let verbose = sandbox.arg("-v").run();
    verbose.launched().says([
        "/dev/null/.aws/config",
        "/dev/null/.aws/credentials",
        "counts as absent",
        "not a directory",
    ]);
}

#[test]
fn settings_are_read_in_the_dialect_of_botocore() {
    let secret = format!("    aws_secret_access_key: {ACCESS_SECRET}\n");
    let config = format!(
        "[profile \"my dev\"]\n    region: eu-west-1\n    # indented\n    aws_access_key_id: AKIADEV\n{secret}"
    );
    let aws = served();
    let run = sandbox(&aws, &config).env_remove("AWS_REGION").args(["--profile", "my dev"]).run();
    run.launched_silently();
    let read = aws.only_read();
    assert_eq!((read.region().as_str(), read.access_key().as_str()), ("eu-west-1", "AKIADEV"));
}

#[test]
fn names_with_blanks_are_found_in_other_sections_too() {
    let aws = served();
    let config = format!(
        "[profile \"my role\"]\nrole_arn = {ROLE}\nsource_profile = my keys\nservices = my services\n\
         [profile \"my keys\"]\n{}[services \"my services\"]\nsts =\n  endpoint_url = {}\n",
        keys("AKIABASE"),
        aws.endpoint()
    );
    let sandbox = sandbox(&aws, &config).env_remove("AWS_ENDPOINT_URL");
    let sandbox = sandbox.env("AWS_ENDPOINT_URL_SECRETS_MANAGER", aws.endpoint()).args(["--profile", "my role"]);
    sandbox.run().launched_silently().has("A", "v");
    assert_eq!(aws.calls_of("AssumeRole")[0].access_key(), "AKIABASE");
}

#[test]
fn a_profile_that_does_not_exist_is_told_with_the_nearest_name_as_it_is_written() {
    let aws = served();
    let run = sandbox(&aws, "[profile \"my dev\"]\n").args(["--profile", "my dew"]).run();
    run.refused(64).says(["\"my dew\"", "did you mean \"my dev\"?"]);
}

#[test]
fn a_line_that_is_no_setting_is_a_usage_error_with_its_place() {
    let aws = served();
    let run = sandbox(&aws, "[default]\n# x\nregion eu-west-1\n").run();
    run.refused(64).says([".aws/config:3: expected KEY = VALUE"]);
}
