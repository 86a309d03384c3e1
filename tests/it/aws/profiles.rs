//! Roles: those of options, aliases and profiles, each assumed once and before the secrets that it reads; and the configuration files.

use crate::support::aws::secret::Secret;
use crate::support::aws::{Aws, CONTAINER_KEY, Call, ROLE_KEY, fault, served};
use crate::support::identity::{KEY, ROLE, keyless, pair};
use crate::support::sandbox::{Sandbox, sandbox};
use crate::support::skip;

const OTHER: &str = "arn:aws:iam::210987654321:role/Other";

/// A launch with a configuration file, and without credentials in variables.
fn with(aws: &Aws, config: &str) -> Sandbox {
    keyless(aws).config(config)
}

/// A profile that assumes a role with keys of its own, with more settings.
fn with_role(settings: &str) -> String {
    format!("[default]\nrole_arn = {ROLE}\nsource_profile = default\n{settings}\n{}", pair("AKIABASE"))
}

/// The roles that were assumed, sorted.
fn roles(aws: &Aws) -> Vec<String> {
    let calls = aws.calls_of("AssumeRole");
    let mut roles: Vec<String> = calls.iter().map(|call| call.form()["RoleArn"].clone()).collect();
    roles.sort_unstable();
    roles
}

#[test]
fn a_role_is_assumed_once_in_one_region_for_every_secret_and_round_of_reading() {
    let aws = served().secret("y", Secret::text(r#"{"k":"v-4c7a1e"}"#));
    // The absent optional entry does not override that of the first file, which is fetched in a second round.
    let sandbox = sandbox(&aws).file("first.yaml", "env:\n  B: y:k\n");
    let sandbox = sandbox.file("second.yaml", "env:\n  B: { from: \"gone:k\", optional: true }\n");
    let sandbox = sandbox.args(["-f", "first.yaml", "-f", "second.yaml", "--fallback-region", "us-west-2"]);
    sandbox.args(["--role-arn", ROLE]).run().launched().has("A", "v-4c7a1e").has("B", "v-4c7a1e");
    let assumed = aws.calls_of("AssumeRole");
    assert_eq!((assumed.len(), assumed[0].access_key().as_str()), (1, KEY));
    assert!(!assumed[0].form()["RoleSessionName"].is_empty());
    assert_eq!(aws.reads().len(), 3);
    assert!(aws.reads().iter().all(|read| read.access_key() == ROLE_KEY));
}

#[test]
fn options_and_variables_of_ours_give_the_role_and_an_external_id() {
    let aws = served();
    sandbox(&aws).args(["--role-arn", ROLE, "--external-id", "shared/secret=1"]).run().launched();
    let variables = sandbox(&aws).env("SECRETS_EXEC_ROLE_ARN", OTHER).env("SECRETS_EXEC_EXTERNAL_ID", "e2");
    variables.run().launched().has("A", "v-4c7a1e");
    let forms: Vec<_> = aws.calls_of("AssumeRole").iter().map(Call::form).collect();
    let sent = forms.iter().map(|form| (form["RoleArn"].as_str(), form["ExternalId"].as_str()));
    assert_eq!(sent.collect::<Vec<_>>(), [(ROLE, "shared/secret=1"), (OTHER, "e2")]);
}

#[test]
fn the_role_of_an_alias_reads_that_secret_alone_and_replaces_that_of_the_options() {
    let declaration = format!(
        "secrets:\n  there: {{ id: x, role-arn: \"{OTHER}\", external-id: e1 }}\nenv:\n  A: there:k\n  B: y:k\n"
    );
    for (options, key) in [(&[][..], KEY), (&["--role-arn", ROLE], ROLE_KEY)] {
        let aws = served().secret("y", Secret::text(r#"{"k":"v-4c7a1e"}"#));
        let sandbox = Sandbox::new().aws(&aws).declaration(&declaration).args(options);
        sandbox.run().launched().has("A", "v-4c7a1e").has("B", "v-4c7a1e");
        let assumed = aws.calls_of("AssumeRole");
        assert!(assumed.iter().all(|call| call.access_key() == KEY), "from the base");
        let other = assumed.iter().map(Call::form).find(|form| form["RoleArn"] == OTHER).unwrap();
        assert_eq!(other["ExternalId"], "e1");
        for read in aws.reads() {
            assert_eq!(read.access_key(), if read.secret_id() == "x" { ROLE_KEY } else { key });
        }
    }
}

#[test]
fn one_secret_by_two_roles_is_two_requests() {
    let aws = served();
    let declaration = format!(
        "secrets:\n  one: {{ id: x, role-arn: \"{ROLE}\" }}\n  two: {{ id: x, role-arn: \"{OTHER}\" }}\nenv:\n  A: one:k\n  B: two:k\n"
    );
    Sandbox::new().aws(&aws).declaration(&declaration).run().launched();
    assert_eq!((roles(&aws), aws.reads().len()), (vec![OTHER.to_owned(), ROLE.to_owned()], 2));
}

#[test]
fn a_role_that_is_denied_is_77_named_and_hides_no_other_failure() {
    let aws = served().denies_roles();
    let words = [ROLE, "is not authorized to perform: sts:AssumeRole"];
    sandbox(&aws).args(["--role-arn", ROLE]).run().refused(77).says(words);
    with(&aws, &with_role("")).run().refused(77).says(words);
    assert!(aws.reads().is_empty());
    let declaration =
        format!("secrets:\n  there: {{ id: x, role-arn: \"{ROLE}\" }}\nenv:\n  A: there:k\n  B: gone:k\n");
    Sandbox::new().aws(&aws).declaration(&declaration).run().refused(78).says([ROLE, "A (", "B (", "gone"]);
}

#[test]
fn a_role_gets_the_duration_the_session_name_and_the_external_id_of_the_profile() {
    let aws = served();
    let settings = "duration_seconds = 43200\nrole_session_name = nightly\nexternal_id = 42";
    with(&aws, &with_role(settings)).run().launched_silently().has("A", "v-4c7a1e");
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
         [profile middle]\nrole_arn = {OTHER}\nsource_profile = base\n[profile base]\n{}",
        pair("AKIABASE")
    );
    with(&aws, &config).run().launched_silently();
    let sent = aws.calls_of("AssumeRole").into_iter().map(|call| {
        let mut form = call.form();
        (call.access_key(), form.remove("RoleArn").unwrap(), form.remove("DurationSeconds"))
    });
    let expected = [("AKIABASE".into(), OTHER.into(), None), (ROLE_KEY.into(), ROLE.into(), Some("1800".to_owned()))];
    assert_eq!(sent.collect::<Vec<_>>(), expected);
}

#[test]
fn a_role_may_be_assumed_by_credentials_of_variables_a_container_or_a_web_identity() {
    let aws = served();
    let with_source = |source| format!("[profile a]\nrole_arn = {OTHER}\ncredential_source = {source}\n");
    with(&aws, &with_source("Environment")).keys().args(["--profile", "a"]).run().launched_silently();
    with(&aws, &with_source("EcsContainer")).in_container(&aws).args(["--profile", "a"]).run().launched_silently();
    let sandbox = keyless(&aws).file("token", "token-of-the-test");
    let token = format!("role_arn = {ROLE}\nweb_identity_token_file = {}\n", sandbox.path("token").display());
    let config = format!("[default]\nrole_arn = {OTHER}\nsource_profile = pod\n[profile pod]\n{token}");
    sandbox.config(&config).run().launched_silently().has("A", "v-4c7a1e");
    let exchanged = aws.calls_of("AssumeRoleWithWebIdentity")[0].form();
    assert_eq!((exchanged["RoleArn"].as_str(), exchanged["WebIdentityToken"].as_str()), (ROLE, "token-of-the-test"));
    let keys: Vec<_> = aws.calls_of("AssumeRole").iter().map(Call::access_key).collect();
    assert_eq!(keys, [KEY, CONTAINER_KEY, ROLE_KEY]);
}

#[test]
fn a_profile_that_makes_no_sense_is_reported_with_what_it_lacks_if_it_is_used() {
    let role = |rest: &str| format!("[default]\nrole_arn = {ROLE}\n{rest}\n");
    let middle = format!("source_profile = mid\n[profile mid]\nrole_arn = {ROLE}\nsource_profile = gone");
    for (config, status, said) in [
        (role(""), 77, "neither source_profile nor credential_source"),
        (role("source_profile = a\ncredential_source = Environment\n[profile a]"), 77, "both source_profile and"),
        (role("credential_source = Nowhere"), 64, "credential_source: \"Nowhere\""),
        (role(&format!("source_profile = a\n[profile a]\nrole_arn = {ROLE}\nsource_profile = default")), 77, "loop"),
        (role("source_profile = nope"), 64, "source_profile of \"default\""),
        (role(&middle), 64, "\"gone\" (source_profile of \"mid\")"),
        (with_role("duration_seconds = 899"), 64, "\"default\": duration_seconds"),
        (with_role("duration_seconds = 43201"), 64, "\"default\": duration_seconds"),
        (with_role("duration_seconds = -1"), 64, "\"default\": duration_seconds"),
        (with_role("duration_seconds ="), 64, "\"default\": duration_seconds"),
    ] {
        let aws = served();
        with(&aws, &config).case(&config).run().refused(status).says([said]);
        assert!(aws.calls().is_empty(), "{config}");
        with(&aws, &config).keys().case(&config).run().launched_silently();
    }
}

#[test]
fn a_configuration_file_without_read_permission_is_an_error_unless_unreachable() {
    let Some(user) = skip::as_nobody() else { return };
    let aws = served();
    for (name, folder) in [("HOME", "home"), ("AWS_CONFIG_FILE", "home/.aws/config")] {
        let sandbox = sandbox(&aws).file("locked/home/.aws/config", "[default]\nregion = eu-west-1\n");
        let sandbox = sandbox.mode("locked", 0o700).case(name);
        let path = sandbox.path("locked").join(folder);
        let sandbox = sandbox.env(name, path).through(user);
        sandbox.spawn_copy().wait().launched_silently().has("A", "v-4c7a1e");
        let keyless = sandbox.env_remove("AWS_ACCESS_KEY_ID").spawn_copy().wait();
        keyless.refused(77).says(["locked/home/.aws/config (permission denied)"]);
    }
    sandbox(&aws).env("HOME", "/dev/null").run().launched_silently().has("A", "v-4c7a1e");
    for name in ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"] {
        let sandbox = sandbox(&aws).file("secret", "[default]\n").mode("secret", 0).through(user);
        let file = sandbox.path("secret");
        let refused = "/secret: permission denied for the uid 65534: the file's owner is 0, its mode 0000";
        sandbox.env(name, file).spawn_copy().wait().refused(64).says([refused]);
    }
}

#[test]
fn names_with_blanks_are_found_in_every_section() {
    let aws = served();
    let config = format!(
        "[profile \"my role\"]\nrole_arn = {ROLE}\nsource_profile = my keys\nservices = my services\n\
         [profile \"my keys\"]\n{}[services \"my services\"]\nsts =\n  endpoint_url = {}\n",
        pair("AKIABASE"),
        aws.endpoint()
    );
    let sandbox = with(&aws, &config).env_remove("AWS_ENDPOINT_URL");
    let sandbox = sandbox.env("AWS_ENDPOINT_URL_SECRETS_MANAGER", aws.endpoint());
    sandbox.args(["--profile", "my role"]).run().launched_silently().has("A", "v-4c7a1e");
    assert_eq!(aws.calls_of("AssumeRole")[0].access_key(), "AKIABASE");
}

#[test]
fn a_profiles_role_is_asked_for_again_after_an_outage() {
    let aws = served().fails_first("AssumeRole", 2, fault::status(503));
    with(&aws, &with_role("")).run().launched_silently().has("A", "v-4c7a1e");
    assert_eq!(aws.calls_of("AssumeRole").len(), 3);
}
