//! `migrate`: what is requested, stored, printed and left alone.

use std::fs;
use std::os::unix::fs::MetadataExt;

use serde_json::{Value, json};

use crate::support::aws::secret::Secret;
use crate::support::aws::{Aws, ROLE_KEY};
use crate::support::outcome::Outcome;
use crate::support::sandbox::{CANARY, Sandbox};

/// A file whose values hold the canary.
const FILE: &str = "# comment\nDB_HOST=cAnArY-7f3a9c51.example.com\nexport DB_PASSWORD=\"cAnArY-7f3a9c51 \\\"q\\\"\"\n";

const DECLARATION: &str = "env:\n  DB_HOST: prod/app:DB_HOST\n  DB_PASSWORD: prod/app:DB_PASSWORD\n";

fn stored() -> Value {
    json!({ "DB_HOST": format!("{CANARY}.example.com"), "DB_PASSWORD": format!("{CANARY} \"q\"") })
}

/// A run for the secret `prod/app`.
fn migrating(aws: &Aws, options: &[&str]) -> Sandbox {
    let sandbox = Sandbox::new().aws(aws).file("app.env", FILE).args(["migrate", "app.env", "--secret", "prod/app"]);
    sandbox.args(options).bare()
}

/// The operations that were requested.
fn operations(aws: &Aws) -> Vec<String> {
    aws.calls().iter().map(|call| call.operation()).collect()
}

/// The JSON object of `prod/app`.
fn object(aws: &Aws) -> Value {
    serde_json::from_str(&aws.text_of("prod/app").expect("the secret exists")).unwrap()
}

fn last_line(run: &Outcome) -> String {
    run.stderr().lines().last().unwrap_or_default().to_owned()
}

#[test]
fn without_apply_it_says_what_would_be_created_and_prints_the_declaration() {
    let aws = Aws::start();
    let run = migrating(&aws, &[]).run();
    run.launched().printed(DECLARATION);
    run.says(["note: secret prod/app, region us-east-1: would be created; 2 keys added: DB_HOST and DB_PASSWORD"]);
    assert!(last_line(&run).contains("nothing was changed") && last_line(&run).contains("--apply"), "{run}");
    assert_eq!(operations(&aws), ["GetSecretValue"]);
}

#[test]
fn without_apply_it_says_what_would_be_changed() {
    let secret = Secret::json(r#"{"DB_HOST":"other","OTHER":1}"#);
    let aws = Aws::start().secret("prod/app", secret);
    let run = migrating(&aws, &["--update", "--overwrite"]).run();
    run.launched().printed(DECLARATION);
    run.says(["would be changed; 1 key added: DB_PASSWORD; 1 key changed: DB_HOST"]).says_nothing_of("OTHER");
    assert_eq!(operations(&aws), ["GetSecretValue"]);
}

#[test]
fn with_apply_the_secret_is_created_and_read_back() {
    let aws = Aws::start();
    let run = migrating(&aws, &["--apply"]).run();
    run.launched().printed(DECLARATION).says(["was created, version ", "read back; 2 keys added"]);
    assert_eq!(object(&aws), stored());
    assert_eq!(operations(&aws), ["CreateSecret", "GetSecretValue"]);
    let creation = aws.calls()[0].body();
    assert_eq!(creation.as_object().unwrap().len(), 3, "{creation}");
    run.says([creation["ClientRequestToken"].as_str().unwrap()]);
}

#[test]
fn a_new_secret_gets_its_key_and_tags() {
    let aws = Aws::start();
    let options = ["--apply", "--kms-key", "alias/app", "--tag", "team=a=b", "--tag", "empty="];
    migrating(&aws, &options).run().launched();
    let creation = aws.calls()[0].body();
    assert_eq!(creation["KmsKeyId"], "alias/app");
    let tags = json!([{ "Key": "team", "Value": "a=b" }, { "Key": "empty", "Value": "" }]);
    assert_eq!(creation["Tags"], tags);
}

#[test]
fn a_launch_with_the_declaration_has_the_variables() {
    let aws = Aws::start();
    let sandbox = migrating(&aws, &["--apply", "--output", "secrets-exec.yaml"]);
    let run = sandbox.run();
    run.launched().printed("");
    assert!(last_line(&run).contains("secrets-exec -f secrets-exec.yaml -- COMMAND, then remove app.env"), "{run}");
    assert_eq!(fs::metadata(sandbox.path("secrets-exec.yaml")).unwrap().mode() & 0o7777, 0o644);
    let declaration = fs::read_to_string(sandbox.path("secrets-exec.yaml")).unwrap();
    let launch = Sandbox::new().aws(&aws).declaration(&declaration).prints_values().run();
    launch.launched_silently().has("DB_HOST", format!("{CANARY}.example.com"));
    launch.has("DB_PASSWORD", format!("{CANARY} \"q\""));
}

#[test]
fn the_file_is_not_touched() {
    let aws = Aws::start();
    let sandbox = migrating(&aws, &["--apply"]);
    let facts = || {
        let found = fs::metadata(sandbox.path("app.env")).unwrap();
        (fs::read(sandbox.path("app.env")).unwrap(), found.ino(), found.mode(), found.mtime(), found.mtime_nsec())
    };
    let before = facts();
    sandbox.run().launched();
    assert_eq!(facts(), before);
}

#[test]
fn a_secret_that_exists_is_an_error_and_stays_as_it_is() {
    for options in [&[][..], &["--apply"]] {
        let aws = Aws::start().secret("prod/app", Secret::json("{}"));
        let run = migrating(&aws, options).run();
        run.refused(78).says(["secret prod/app: exists already", "--update"]);
        assert_eq!(aws.versions_of("prod/app"), 1);
    }
}

#[test]
fn a_role_that_may_only_create_needs_no_read_before() {
    // AWS denies the read of a name that does not exist to a role that is limited by ARN.
    let aws = Aws::start();
    migrating(&aws, &["--apply"]).run().launched();
    assert_eq!(operations(&aws)[0], "CreateSecret");
}

#[test]
fn update_adds_keys_and_leaves_the_others_as_they_are() {
    let aws = Aws::start().secret("prod/app", Secret::json(r#"{"N":1e400,"DB_HOST":null}"#));
    let run = migrating(&aws, &["--apply", "--update"]).run();
    run.launched().says(["was changed, version ", "2 keys added: DB_HOST and DB_PASSWORD"]);
    let text = aws.text_of("prod/app").unwrap();
    assert!(text.starts_with(&format!(r#"{{"zz_canary":"{CANARY}","N":1e400,"DB_HOST":"#)), "{text}");
    assert_eq!(operations(&aws), ["GetSecretValue", "PutSecretValue", "GetSecretValue"]);
    assert_eq!(aws.versions_of("prod/app"), 2);
}

#[test]
fn a_key_and_tags_have_no_effect_on_a_secret_that_exists_and_it_says_so() {
    let aws = Aws::start().secret("prod/app", Secret::json("{}"));
    let run = migrating(&aws, &["--apply", "--update", "--kms-key", "k", "--tag", "a=b"]).run();
    run.launched().says(["warning: --kms-key and --tag: no effect on a secret that exists"]);
}

#[test]
fn update_creates_a_secret_that_does_not_exist() {
    let aws = Aws::start();
    migrating(&aws, &["--apply", "--update"]).run().launched().says(["was created"]);
    assert_eq!(object(&aws), stored());
}

#[test]
fn update_fills_a_secret_without_a_value() {
    let aws = Aws::start().secret("prod/app", Secret { versions: Vec::new(), ..Secret::empty() });
    migrating(&aws, &["--apply", "--update"]).run().launched().says(["was changed", "2 keys added"]);
    assert_eq!(object(&aws), stored());
}

#[test]
fn a_key_with_another_value_wants_overwrite() {
    let secret = || Secret::json(r#"{"DB_HOST":"elsewhere","OTHER":"kept"}"#);
    for options in [&["--update"][..], &["--update", "--apply"]] {
        let aws = Aws::start().secret("prod/app", secret());
        let run = migrating(&aws, options).run();
        run.refused(78).says(["DB_HOST has another value there; nothing was changed", "--overwrite"]);
        assert_eq!(aws.versions_of("prod/app"), 1);
    }
    let aws = Aws::start().secret("prod/app", secret());
    let run = migrating(&aws, &["--update", "--apply", "--overwrite"]).run();
    run.launched().says(["1 key added: DB_PASSWORD; 1 key changed: DB_HOST"]);
    assert_eq!((&object(&aws)["DB_HOST"], &object(&aws)["OTHER"]), (&stored()["DB_HOST"], &json!("kept")));
}

#[test]
fn nothing_to_change_makes_no_version() {
    let aws = Aws::start().secret("prod/app", Secret::json(&stored().to_string()));
    let run = migrating(&aws, &["--apply", "--update", "--overwrite"]).run();
    run.launched().printed(DECLARATION).says(["nothing to change; 2 keys already as in the file"]);
    assert_eq!((operations(&aws), aws.versions_of("prod/app")), (vec!["GetSecretValue".to_owned()], 1));
}

#[test]
fn an_answer_that_is_lost_makes_no_second_secret_or_version() {
    for aws in [Aws::start(), Aws::start().forgets_tokens()] {
        let aws = aws.loses("CreateSecret", 1);
        migrating(&aws, &["--apply"]).run().launched().says(["was created"]);
        assert_eq!((aws.calls_of("CreateSecret").len(), aws.versions_of("prod/app")), (2, 1));
    }
    let aws = Aws::start().secret("prod/app", Secret::json("{}")).loses("PutSecretValue", 2);
    migrating(&aws, &["--apply", "--update"]).run().launched().says(["was changed"]);
    assert_eq!((aws.calls_of("PutSecretValue").len(), aws.versions_of("prod/app")), (3, 2));
}

#[test]
fn a_change_that_reads_do_not_show_at_once_is_waited_for() {
    let aws = Aws::start().lags(2);
    migrating(&aws, &["--apply"]).run().launched();
    assert_eq!(aws.reads().len(), 3);
    let aws = Aws::start().secret("prod/app", Secret::json("{}")).lags(2);
    migrating(&aws, &["--apply", "--update"]).run().launched();
    // One of them is before the change.
    assert_eq!(aws.reads().len(), 4);
}

#[test]
fn a_writer_at_the_same_time_is_told_and_no_declaration_written() {
    let text = format!(r#"{{"canary":"{CANARY}","DB_HOST":"other"}}"#);
    let aws = Aws::start().secret("prod/app", Secret::json("{}")).overtaken_by(&text);
    let sandbox = migrating(&aws, &["--apply", "--update", "--output", "new.yaml"]);
    sandbox.run().refused(75).says(["another program changed it", "run this again with --update"]);
    assert!(!sandbox.path("new.yaml").exists());
}

#[test]
fn after_an_interruption_update_goes_on() {
    use crate::support::aws::fault;
    let aws = Aws::start().fails_first("GetSecretValue", 1, fault::denied("prod/app"));
    let sandbox = migrating(&aws, &["--apply", "--output", "new.yaml"]);
    let run = sandbox.run();
    run.refused(77).says(["the secret is written, and could not be read back; run this again with --update"]);
    assert!(!sandbox.path("new.yaml").exists());
    let sandbox = migrating(&aws, &["--apply", "--update", "--output", "new.yaml"]);
    sandbox.run().launched().says(["nothing to change"]);
    assert_eq!(fs::read_to_string(sandbox.path("new.yaml")).unwrap(), DECLARATION);
    assert_eq!(aws.versions_of("prod/app"), 1);
}

#[test]
fn an_output_that_exists_is_an_error_before_any_request() {
    for options in [&["-o", "app.env"][..], &["--apply", "-o", "app.env"], &["--apply", "-o", "missing/new.yaml"]] {
        let aws = Aws::start();
        let sandbox = migrating(&aws, options);
        sandbox.run().refused(78).says(["(--output)"]).says_one_of(["exists already", "directory does not exist"]);
        assert!(aws.calls().is_empty());
        assert_eq!(fs::read_to_string(sandbox.path("app.env")).unwrap(), FILE);
    }
}

#[test]
fn without_apply_no_output_is_written() {
    let aws = Aws::start();
    let sandbox = migrating(&aws, &["--output", "new.yaml"]);
    sandbox.run().launched().printed(DECLARATION);
    assert!(!sandbox.path("new.yaml").exists());
}

#[test]
fn the_region_of_the_option_is_in_the_declaration_and_that_of_a_variable_is_not() {
    let aws = Aws::start();
    let run = migrating(&aws, &["--apply", "--region", "eu-west-1"]).run();
    run.launched().printed(format!("defaults:\n  region: eu-west-1\n{DECLARATION}")).says(["region eu-west-1"]);
    assert_eq!(aws.calls()[0].region(), "eu-west-1");
}

#[test]
fn the_role_of_the_option_writes() {
    let aws = Aws::start();
    migrating(&aws, &["--apply", "--role-arn", "arn:aws:iam::123456789012:role/Writer"]).run().launched();
    assert_eq!(aws.calls_of("CreateSecret")[0].access_key(), ROLE_KEY);
}

#[test]
fn variables_that_choose_where_a_launch_reads_do_not_matter() {
    let aws = Aws::start();
    let sandbox = migrating(&aws, &["--apply"]).env("SECRETS_EXEC_LOCAL", "none").env("SECRETS_EXEC_AGENT", "1");
    sandbox.env("SECRETS_EXEC_FALLBACK_REGION", "eu-west-1").run().launched();
    assert_eq!(object(&aws), stored());
}

#[test]
fn variables_of_options_that_it_does_not_have_are_not_read() {
    let aws = Aws::start();
    let sandbox = migrating(&aws, &["--apply"]).env("SECRETS_EXEC_CACHE_TTL", "5s").env("SECRETS_EXEC_GRACE", "x");
    sandbox.env("SECRETS_EXEC_KEEP_EXISTING", "x").run().launched();
}

#[test]
fn the_identity_is_traced() {
    let aws = Aws::start();
    migrating(&aws, &["-vv"]).run().launched().says(["identity: arn:aws:"]);
}

#[test]
fn a_number_is_changed_only_with_overwrite_if_a_launch_prints_it_otherwise() {
    let of = |options: &[&str]| {
        let aws = Aws::start().secret("prod/app", Secret::json(r#"{"A":1e5}"#));
        let sandbox =
            Sandbox::new().aws(&aws).file("app.env", "A=1e5\n").args(["migrate", "app.env", "--secret", "prod/app"]);
        (sandbox.args(["--apply", "--update"]).args(options).bare().run(), aws)
    };
    of(&[]).0.refused(78).says(["A has another value there"]);
    let (run, aws) = of(&["--overwrite"]);
    run.launched().says(["1 key changed: A"]);
    assert_eq!(object(&aws)["A"], "1e5");
}

#[test]
fn a_number_of_a_file_is_read_back_as_a_launch_prints_it() {
    let aws = Aws::start();
    let sandbox =
        Sandbox::new().aws(&aws).file("a.json", r#"{"A":1e5}"#).args(["migrate", "a.json", "--secret", "app"]);
    sandbox.arg("--apply").bare().run().launched();
    assert!(aws.text_of("app").unwrap().contains(r#""A":1e5"#));
}

#[test]
fn the_last_line_names_what_is_not_moved_and_the_options_that_lead_to_the_secret() {
    let aws = Aws::start();
    let file = "A=1\nLOG=x\nAWS_REGION=r\nmy-var=1\nB=\"x\n";
    let sandbox =
        Sandbox::new().aws(&aws).file("a.env", file).args(["migrate", "a.env", "--secret", "app", "--apply", "-q"]);
    let run = sandbox.args(["--only", "A", "--role-arn", "arn:aws:iam::123456789012:role/Writer"]).bare().run();
    run.launched();
    let rest = "-- COMMAND in the account and region that --role-arn chose, declare what is not moved (a.env:2, 3, 4 and 5), then";
    assert!(last_line(&run).contains(rest), "{run}");
}

#[test]
fn a_declaration_that_cannot_be_written_leaves_a_way_to_go_on() {
    let aws = Aws::start();
    let run = migrating(&aws, &["--apply"]).prepared_by("exec \"$@\" >/dev/full").run();
    run.says(["the secret is written, and the declaration is not; run this again with --update", "no space left"]);
}

#[test]
fn an_arn_names_a_secret_that_exists() {
    let arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/app-AbCdEf";
    let of = |aws: &Aws, options: &[&str]| {
        let sandbox = Sandbox::new().aws(aws).file("app.env", "A=a\n").args(["migrate", "app.env", "--secret", arn]);
        sandbox.args(options).bare().run()
    };
    let aws = Aws::start().secret(arn, Secret::json("{}"));
    of(&aws, &["--apply", "--update"]).launched().printed(format!("env:\n  A: {arn}:A\n"));
    of(&Aws::start(), &["--apply"]).refused(78).says(["--update"]);
    of(&Aws::start(), &["--apply", "--update"]).refused(78).says(["does not exist"]);
}
