//! `ssm:/path/` in `env-from`: all parameters below a path, each as one variable.

use crate::support::aws::agent::TOKEN;
use crate::support::aws::fault::{self, success};
use crate::support::aws::secret::Secret;
use crate::support::aws::{Aws, ROLE_KEY, Version};
use crate::support::outcome::Outcome;
use crate::support::sandbox::{CANARY, Sandbox};

/// The operation that a path is read with.
const BY_PATH: &str = "GetParametersByPath";

fn served() -> Aws {
    Aws::start()
        .parameter("/app/db/host", &[Version::bare("db.internal")])
        .parameter("/app/db/pass-word", &[Version::bare("old"), Version::text(CANARY)])
        .parameter("/app/json", &[Version::json(r#"{"k":1.10}"#)])
        .parameter("/application/other", &[Version::bare("of another path")])
}

fn launch(aws: &Aws, option: &str) -> Outcome {
    Sandbox::new().aws(aws).args(["--env-from", option]).run()
}

#[test]
fn every_parameter_below_the_path_is_a_variable() {
    let aws = served();
    let run = launch(&aws, "ssm:/app/");
    run.launched_silently().has("DB_HOST", "db.internal").has("DB_PASS_WORD", CANARY).lacks("OTHER");
    assert!(run.stdout().contains(r#"JSON={""#), "{run}");
    assert_eq!(aws.calls().len(), 1);
    assert_eq!((aws.calls()[0].operation(), aws.calls()[0].parameter_path()), (BY_PATH.to_owned(), "/app/".to_owned()));
}

#[test]
fn all_pages_are_read() {
    let mut aws = Aws::start();
    for n in 0..23 {
        aws = aws.parameter(&format!("/many/{n:02}"), &[Version::bare(&format!("value {n}"))]);
    }
    let run = launch(&aws, "V_=ssm:/many/");
    run.launched_silently();
    for n in 0..23 {
        run.has(&format!("V_{n:02}"), format!("value {n}"));
    }
    let tokens: Vec<_> = aws.calls().iter().map(|call| call.next_token()).collect();
    assert_eq!(tokens, [None, Some("10".to_owned()), Some("20".to_owned())]);
}

#[test]
fn an_empty_page_that_names_a_next_one_is_not_the_end() {
    let aws = served().fails_first(BY_PATH, 1, success(r#"{"Parameters":[],"NextToken":"0"}"#));
    launch(&aws, "ssm:/app/").launched_silently().has("DB_HOST", "db.internal");
}

#[test]
fn a_page_that_names_itself_as_the_next_one_is_an_outage() {
    let aws = served().fails(BY_PATH, success(r#"{"Parameters":[],"NextToken":"again"}"#));
    launch(&aws, "ssm:/app/").refused(75).says(["parameters below /app/", "its own next page"]);
}

#[test]
fn a_declaration_chooses_and_renames_by_the_rest_of_the_path() {
    let declaration = "secrets: { app: \"ssm:/app/\" }\nenv-from:\n  - { from: app, prefix: X_, only: [db/host, json], \
                       except: [json], rename: { db/host: Host } }\n  - { from: \"ssm:/app/db/\", case: keep }\n";
    let run = Sandbox::new().aws(&served()).declaration(declaration).run();
    run.launched_silently().has("X_Host", "db.internal").has("host", "db.internal").has("pass_word", CANARY);
    run.lacks("X_JSON").lacks("X_DB_PASS_WORD");
}

#[test]
fn a_name_that_only_or_rename_lists_must_exist() {
    let declaration = "env-from:\n  - { from: \"ssm:/app/\", only: [db/hots], rename: { nope: X } }\n";
    let run = Sandbox::new().aws(&served()).declaration(declaration).run();
    run.refused(78).says(["parameters below /app/", "there is no \"db/hots\", which `only` names"]);
    run.says(["did you mean \"db/host\"?", "there is no \"nope\", which `rename` names"]);
}

#[test]
fn a_variable_in_the_path_is_expanded() {
    let run = Sandbox::new().aws(&served()).env("STAGE", "app").args(["--env-from", "ssm:/${STAGE}/db/"]).run();
    run.launched().has("HOST", "db.internal");
}

#[test]
fn the_slash_alone_is_the_path_of_all() {
    let aws = served();
    launch(&aws, "ssm:/").launched().has("APP_DB_HOST", "db.internal").has("APPLICATION_OTHER", "of another path");
    assert_eq!(aws.calls()[0].parameter_path(), "/");
}

#[test]
fn the_arn_of_a_path_names_its_region() {
    let aws = served();
    launch(&aws, "arn:aws:ssm:eu-west-1:123456789012:parameter/app/").launched().has("DB_HOST", "db.internal");
    assert_eq!(
        (aws.calls()[0].parameter_path(), aws.calls()[0].region()),
        ("/app/".to_owned(), "eu-west-1".to_owned())
    );
}

#[test]
fn a_path_with_nothing_below_it_is_absent() {
    let run = launch(&served(), "ssm:/nothing/");
    run.refused(78).says(["env-from (", "parameters below /nothing/", "region us-east-1", "there are none"]);
}

#[test]
fn a_variable_that_is_set_explicitly_beats_a_parameter() {
    let aws = served();
    let sandbox = Sandbox::new().aws(&aws).args(["--env-from", "ssm:/app/"]).resolve("DB_HOST=ssm:/application/other");
    sandbox.run().launched_silently().has("DB_HOST", "of another path").has("DB_PASS_WORD", CANARY);
}

#[test]
fn two_parameters_of_one_name_and_names_that_run_code_are_errors() {
    let aws =
        served().parameter("/app/db_host", &[Version::bare("x")]).parameter("/app/ld/preload", &[Version::bare("x")]);
    let run = launch(&aws, "ssm:/app/");
    run.refused(78).says(["db/host", "db_host", "both give the variable DB_HOST"]);
    run.says(["the parameter \"ld/preload\" would set LD_PRELOAD"]);
}

#[test]
fn a_key_a_label_or_a_version_with_a_path_is_a_wrong_reference() {
    let aws = served();
    for reference in ["ssm:/app/:k", "ssm:/app/:$.k", "ssm:/app/::blue", "ssm:/app/:::1"] {
        launch(&aws, reference).refused(64).says([reference, "has a KEY, LABEL or VERSION"]);
        let declaration = format!("env-from: [{reference:?}]\n");
        let run = Sandbox::new().aws(&aws).declaration(&declaration).run();
        run.refused(78).says(["secrets-exec.yaml:1", "has a KEY, LABEL or VERSION"]);
    }
    launch(&aws, "ssm:app/").refused(64).says(["does not begin with a slash"]);
    assert!(aws.calls().is_empty());
}

#[test]
fn a_path_outside_of_env_from_is_a_wrong_reference() {
    let aws = served();
    for option in ["--env", "--as-file"] {
        let run = Sandbox::new().aws(&aws).args([option, "A=ssm:/app/"]).run();
        run.refused(64).says(["A (", "\"ssm:/app/\"", "--env-from"]);
    }
    for entry in [
        "env: { A: { from: \"ssm:/app/\", default: d } }",
        "env: { A: { from: app, optional: true } }",
        "env: { A: { template: \"{{ app.db }}\" } }",
        "files: [{ from: \"ssm:/app/\", env: A }]",
    ] {
        let declaration = format!("secrets: {{ app: \"ssm:/app/\" }}\n{entry}\n");
        Sandbox::new().aws(&aws).declaration(&declaration).run().refused(78).says(["secrets-exec.yaml:2", "env-from"]);
    }
    for value in ["{{resolve:ssm:/app/}}", "arn:aws:ssm:us-east-1:123456789012:parameter/app/"] {
        let sandbox = Sandbox::new().aws(&aws).env("A", value).args(["--resolve-env", "A"]);
        sandbox.run().refused(78).says(["A (--resolve-env)", "only --env-from"]);
    }
    assert!(aws.calls().is_empty());
}

#[test]
fn a_denial_names_the_action_that_is_missing() {
    let aws = served().denies_parameter("/app/");
    let sandbox = Sandbox::new().aws(&aws).args(["--env-from", "ssm:/app/"]).resolve("B=ssm:/app/json");
    let run = sandbox.run();
    run.refused(77)
        .says(["parameters below /app/", "denied", "ssm:GetParametersByPath on it and on all below it"])
        .says_nothing_of("B (");
}

#[test]
fn throttling_and_a_broken_page_are_tried_again() {
    for fault in [
        fault::throttled(),
        fault::unavailable(),
        fault::empty_object(),
        success(r#"{"Parameters":[{"Name":"/app","Value":"not below it"}]}"#),
        success(r#"{"Parameters":[{"Name":"/application/other","Value":"not below it"}]}"#),
        success(r#"{"Parameters":[{"Value":"of no name"}]}"#),
    ] {
        let aws = served().fails_first(BY_PATH, 1, fault);
        launch(&aws, "ssm:/app/").launched_silently().has("DB_HOST", "db.internal").lacks("OTHER");
        assert_eq!(aws.calls().len(), 2);
    }
}

#[test]
fn a_fallback_region_reads_the_path() {
    let aws = served().region_fails("us-east-1", fault::unavailable());
    let sandbox = Sandbox::new().aws(&aws).args(["--env-from", "ssm:/app/", "--fallback-region", "us-west-2"]);
    let run = sandbox.args(["--timeout", "2s", "-v"]).run();
    run.launched().has("DB_HOST", "db.internal").says([
        "parameter /app/db/host",
        "region us-west-2",
        "in place of us-east-1",
    ]);
}

#[test]
fn a_role_reads_a_path_too() {
    let aws = served();
    let role = "arn:aws:iam::210987654321:role/Reader";
    Sandbox::new().aws(&aws).args(["--role-arn", role, "--env-from", "ssm:/app/"]).run().launched();
    assert_eq!(aws.calls_of(BY_PATH)[0].access_key(), ROLE_KEY);
}

#[test]
fn a_path_is_no_part_of_a_batch() {
    let aws = served();
    let sandbox = Sandbox::new().aws(&aws).args(["--env-from", "ssm:/app/db/"]).resolve("A=ssm:/app/json:k");
    sandbox.resolve("B=ssm:/application/other").run().launched_silently().has("A", "1.10").has("HOST", "db.internal");
    assert_eq!((aws.calls_of("GetParameters").len(), aws.calls_of(BY_PATH).len()), (1, 1));
}

#[test]
fn verbose_names_each_parameter_and_its_version() {
    let run = Sandbox::new().aws(&served()).args(["-v", "--env-from", "ssm:/app/"]).run();
    run.launched().says(["DB_PASS_WORD (", "parameter /app/db/pass-word, version 2, region us-east-1"]);
}

#[test]
fn a_local_file_matches_by_prefix() {
    let secrets = format!(
        r#"{{"ssm:/app/db/host":"h","ssm:/app/json":{{"canary":"{CANARY}"}},"ssm:/application":"x",
            "ssm:/app/stages":{{"$stages":{{"AWSCURRENT":"new","AWSPREVIOUS":"old"}}}},"/app/secret":"y"}}"#
    );
    let sandbox = || Sandbox::new().local(&secrets);
    let run = sandbox().args(["--env-from", "ssm:/app/"]).run();
    run.launched().has("DB_HOST", "h").has("STAGES", "new").lacks("LICATION").lacks("SECRET");
    let run = sandbox().args(["--env-from", "ssm:/nothing/"]).run();
    run.refused(78).says(["no id that begins with \"ssm:/nothing/\""]);
}

#[test]
fn the_agent_reads_no_paths() {
    let aws = served();
    let sandbox = Sandbox::new().args([format!("--agent={}", aws.agent())]).env("AWS_TOKEN", TOKEN);
    let run = sandbox.args(["--env-from", "ssm:/app/"]).run();
    run.refused(78).says(["parameters below /app/", "reads no parameters"]);
    assert!(aws.calls().is_empty());
}

#[test]
fn two_slashes_in_a_row_are_a_wrong_reference_that_is_never_sent() {
    for (written, right) in
        [("ssm:/app//", "ssm:/app/"), ("ssm://app/", "ssm:/app/"), ("ssm:/app///db/", "ssm:/app/db/")]
    {
        let aws = served();
        let run = launch(&aws, written);
        run.refused(64).says([written, "two slashes in a row", &format!("write {right}")]);
        assert!(aws.calls().is_empty());
    }
    let aws = served();
    let declaration = "env:\n  A: { from: 'ssm:/app//db', optional: true }\n  B: { from: 'ssm:${P}/db', default: x }\n";
    let run = Sandbox::new().aws(&aws).env("P", "/app/").declaration(declaration).run();
    run.refused(78).says(["secrets-exec.yaml:2:", "secrets-exec.yaml:3", "ssm:${P}/db", "two slashes in a row"]);
    let arn = "arn:aws:ssm:us-east-1:123456789012:parameter//app/db/host";
    let run = Sandbox::new().aws(&aws).resolve(&format!("A={arn}")).run();
    run.refused(64).says(["two slashes in a row", "write arn:aws:ssm:us-east-1:123456789012:parameter/app/db/host"]);
    assert!(aws.calls().is_empty());
}

#[test]
fn a_secrets_name_may_have_two_slashes_in_a_row() {
    let aws = Aws::start().secret("a//b", Secret::text(CANARY));
    Sandbox::new().aws(&aws).resolve("A=a//b").run().launched_silently().has("A", CANARY);
}
