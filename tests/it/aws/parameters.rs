//! SSM parameters: ten in one request, versions and labels, absences and denials of single parameters; and `ssm:/path/` in `env-from`,
//! all parameters below a path.

use serde_json::Value;

use crate::support::aws::fault::success;
use crate::support::*;

const ARN: &str = "arn:aws:ssm:us-east-1:123456789012:parameter/app/db";

/// The operation that a path is read with.
const BY_PATH: &str = "GetParametersByPath";

fn parameters() -> Aws {
    let old = Version::text(r#"{"k":"old-4c7a1e","port":1}"#).labelled("blue");
    let new = Version::text(r#"{"k":"new-4c7a1e","port":5432,"null":null}"#).labelled("green");
    Aws::start().parameter("/app/db", &[old, new]).parameter("/app/text", &[Version::text(CANARY)])
}

fn read(aws: &Aws, binding: &str) -> Outcome {
    Sandbox::new().aws(aws).resolve(binding).case(binding).run()
}

#[test]
fn keys_texts_labels_and_versions_are_read() {
    let aws = parameters();
    read(&aws, "A=ssm:/app/db:k").launched_silently().has("A", "new-4c7a1e");
    let calls = aws.calls();
    assert_eq!((calls.len(), calls[0].operation().as_str()), (1, "GetParameters"));
    assert_eq!(calls[0].names(), ["/app/db"]);
    assert!(calls[0].header("user-agent").unwrap().contains("app/secrets-exec-"));
    let bindings =
        ["A=ssm:/app/db:k", "B=ssm:/app/db:k:blue:", "C=ssm:/app/db:k::1", "D=ssm:/app/db:port", "E=ssm:/app/text"];
    let arns = [format!("F={ARN}:k::2"), format!("G={ARN}:k:blue"), format!("H={ARN}:port")];
    let sandbox = Sandbox::new().aws(&aws).arg("-v");
    let sandbox = bindings.iter().fold(sandbox, |sandbox, binding| sandbox.resolve(binding));
    let run = arns.iter().fold(sandbox, |sandbox, binding| sandbox.resolve(binding)).run();
    run.launched().has("A", "new-4c7a1e").has("B", "old-4c7a1e").has("C", "old-4c7a1e").has("D", "5432");
    run.has("E", CANARY).has("F", "new-4c7a1e").has("G", "old-4c7a1e").has("H", "5432");
    run.says(["parameter /app/db, version 1, label blue, region us-east-1"]);
}

#[test]
fn ten_parameters_are_one_request() {
    let mut aws = Aws::start();
    let mut sandbox = Sandbox::new();
    for n in 0..21 {
        aws = aws.parameter(&format!("/p/{n}"), &[Version::text(&format!("value-{n:02}-4c7a1e"))]);
        sandbox = sandbox.resolve(&format!("V{n}=ssm:/p/{n}"));
    }
    let run = sandbox.aws(&aws).run();
    run.launched();
    for n in 0..21 {
        run.has(&format!("V{n}"), format!("value-{n:02}-4c7a1e"));
    }
    let mut sizes: Vec<usize> = aws.calls().iter().map(|call| call.names().len()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 10, 10]);
}

#[test]
fn the_region_of_an_arn_and_the_role_of_an_alias_read_a_parameter() {
    let aws = parameters();
    let arn = ARN.replace("us-east-1", "eu-west-1");
    let declaration = format!(
        "secrets:\n  there: {{ id: \"ssm:/app/text\", role-arn: \"{ROLE}\" }}\nenv:\n  A: there\n  B: ssm:/app/db:k\n  C: {arn}:k\n"
    );
    Sandbox::new().aws(&aws).declaration(&declaration).run().launched();
    let mut reads: Vec<_> = aws
        .calls_of("GetParameters")
        .iter()
        .map(|read| (read.region(), read.names().concat(), read.access_key() == ROLE_KEY))
        .collect();
    reads.sort();
    let expected =
        [("eu-west-1", arn.as_str(), false), ("us-east-1", "/app/db", false), ("us-east-1", "/app/text", true)];
    assert_eq!(reads, expected.map(|(region, name, role)| (region.to_owned(), name.to_owned(), role)));
}

#[test]
fn a_parameter_that_is_denied_in_a_batch_is_reported_alone() {
    let aws = parameters().parameter("/app/closed", &[Version::text(CANARY)]).denies_parameter("/app/closed");
    let sandbox = || Sandbox::new().aws(&aws).resolve("A=ssm:/app/db:k").resolve("B=ssm:/app/closed");
    sandbox().run().refused(77);
    let run = sandbox().resolve("C=ssm:/app/nothing").run();
    run.refused(78).says(["B (", "parameter /app/closed", "denied", "ssm:GetParameters", "C (", "does not exist"]);
    run.says_nothing_of("A (");
}

#[test]
fn denied_parameters_are_at_most_32_requests_at_once() {
    let mut aws = Aws::start().gathers(32);
    let mut sandbox = Sandbox::new();
    for n in 0..320 {
        aws = aws.denies_parameter(&format!("/p/{n}"));
        sandbox = sandbox.resolve(&format!("V{n}=ssm:/p/{n}"));
    }
    sandbox.aws(&aws).run().refused(77).says(["V319 (", "320 values could not be read"]);
    assert_eq!((aws.calls().len(), aws.most_in_flight()), (32 + 320, 32));
}

#[test]
fn an_absent_parameter_has_a_default_and_may_be_optional() {
    let declaration = "env:\n  A: { from: \"ssm:/app/nothing\", default: d }\n  \
                       B: { from: \"ssm:/app/db:null\", default: e }\n  C: { from: \"ssm:/no:k:x\", optional: true }\n";
    let run = Sandbox::new().aws(&parameters()).declaration(declaration).run();
    run.launched().has("A", "d").has("B", "e").lacks("C");
}

#[test]
fn the_error_that_a_parameter_is_not_found_is_an_absence_of_that_parameter_alone() {
    for code in ["ParameterNotFound", "ParameterVersionNotFound"] {
        let aws = parameters().fails_first("GetParameters", 1, own(400, code));
        let declaration = "env:\n  A: { from: \"ssm:/app/db:k\", default: d }\n";
        Sandbox::new().aws(&aws).declaration(declaration).run().launched().has("A", "d");
        let aws = parameters().fails_first("GetParameters", 1, own(400, code));
        let run = Sandbox::new().aws(&aws).resolve("A=ssm:/app/db:k").resolve("B=ssm:/app/text").run();
        run.launched().has("A", "new-4c7a1e").has("B", CANARY);
    }
}

#[test]
fn an_outage_is_tried_again_and_is_no_absence() {
    let declaration = "env:\n  A: { from: \"ssm:/app/db:k\", default: d }\n";
    for fault in [fault::throttled(), fault::unavailable(), fault::empty_object()] {
        let aws = parameters().fails_first("GetParameters", 1, fault.clone());
        read(&aws, "A=ssm:/app/db:k").launched_silently().has("A", "new-4c7a1e");
        assert_eq!(aws.calls().len(), 2);
        let aws = parameters().fails("GetParameters", fault);
        let run = Sandbox::new().aws(&aws).attempts(1).declaration(declaration).run();
        run.refused(75).says(["A (", "/app/db", "us-east-1"]);
    }
    let null = success(r#"{"Parameters":[{"Name":"/app/db","ARN":null,"Value":null}],"InvalidParameters":null}"#);
    read(&parameters().fails("GetParameters", null), "A=ssm:/app/db").refused(78).says(["A (", "/app/db"]);
}

#[test]
fn the_endpoint_of_parameter_store_has_a_variable_of_its_own() {
    let aws = parameters();
    let sandbox = || Sandbox::new().aws(&aws).endpoint("http://127.0.0.1:9").resolve("A=ssm:/app/db:k");
    sandbox().env("AWS_ENDPOINT_URL_SSM", aws.endpoint()).run().launched().has("A", "new-4c7a1e");
    sandbox().env("AWS_ENDPOINT_URL_SSM", "nowhere").run().refused(64).says(["AWS_ENDPOINT_URL_SSM"]);
}

/// A fake with parameters below `/app/`.
fn tree() -> Aws {
    Aws::start()
        .parameter("/app/db/host", &[Version::text("db.internal")])
        .parameter("/app/db/pass-word", &[Version::text("old-4c7a1e"), Version::text(CANARY)])
        .parameter("/app/json", &[Version::text(r#"{"k":1.10}"#)])
        .parameter("/application/other", &[Version::text("of another path")])
}

fn below(aws: &Aws, option: &str) -> Sandbox {
    Sandbox::new().aws(aws).args(["--env-from", option]).case(option)
}

#[test]
fn every_parameter_below_the_path_is_a_variable() {
    let aws = tree();
    let run = below(&aws, "ssm:/app/").arg("-v").run();
    run.launched().has("DB_HOST", "db.internal").has("DB_PASS_WORD", CANARY).lacks("OTHER");
    assert!(run.stdout().contains(r#"JSON={""#), "{run}");
    run.says(["DB_PASS_WORD (", "parameter /app/db/pass-word, version 2, region us-east-1"]);
    for (option, path, region, variable) in [
        ("ssm:/", "/", "us-east-1", "APP_DB_HOST"),
        ("ssm:/${STAGE}/db/", "/app/db/", "us-east-1", "HOST"),
        ("arn:aws:ssm:eu-west-1:123456789012:parameter/app/", "/app/", "eu-west-1", "DB_HOST"),
    ] {
        let aws = tree();
        below(&aws, option).env("STAGE", "app").run().launched_silently().has(variable, "db.internal");
        let calls = aws.calls();
        assert_eq!((calls.len(), calls[0].operation().as_str()), (1, BY_PATH));
        assert_eq!((calls[0].body()["Path"].as_str(), calls[0].region().as_str()), (Some(path), region));
    }
}

#[test]
fn all_pages_are_read() {
    let mut aws = Aws::start();
    for n in 0..23 {
        aws = aws.parameter(&format!("/many/{n:02}"), &[Version::text(&format!("value-{n:02}-4c7a1e"))]);
    }
    let run = below(&aws, "V_=ssm:/many/").run();
    run.launched_silently();
    for n in 0..23 {
        run.has(&format!("V_{n:02}"), format!("value-{n:02}-4c7a1e"));
    }
    let tokens: Vec<_> = aws.calls().iter().map(|call| call.body()["NextToken"].clone()).collect();
    assert_eq!(tokens, [Value::Null, "/many/09".into(), "/many/19".into()]);
    let aws = tree().fails_first(BY_PATH, 1, success(r#"{"Parameters":[],"NextToken":"/app/"}"#));
    below(&aws, "ssm:/app/").run().launched_silently().has("DB_HOST", "db.internal");
}

#[test]
fn a_path_may_have_a_thousand_pages_of_ten_parameters_and_none_more() {
    let many =
        (0..10_000).fold(Aws::start(), |aws, n| aws.parameter(&format!("/many/{n:04}"), &[Version::text(CANARY)]));
    let run = below(&many, "V_=ssm:/many/").timeout("10m").run();
    run.launched_silently().has("V_0000", CANARY).has("V_9999", CANARY);
    assert_eq!(many.calls().len(), 1_000);
    let run = below(&many.parameter("/many/more", &[Version::text(CANARY)]), "V_=ssm:/many/").timeout("10m").run();
    run.refused(78).says([
        "1 value could not be read",
        "more than 10,000 parameters or 64 MiB are below the path: name a longer one",
    ]);
}

#[test]
fn a_declaration_chooses_and_renames_by_the_rest_of_the_path() {
    let declaration = "secrets: { app: \"ssm:/app/\" }\nenv-from:\n  - { from: app, prefix: X_, only: [db/host, json], \
                       except: [json], rename: { db/host: Host } }\n  - { from: \"ssm:/app/db/\", case: keep }\n";
    let run = Sandbox::new().aws(&tree()).declaration(declaration).run();
    run.launched_silently().has("X_Host", "db.internal").has("host", "db.internal").has("pass_word", CANARY);
    run.lacks("X_JSON").lacks("X_DB_PASS_WORD");
}

#[test]
fn a_denial_names_the_action_that_is_missing() {
    let aws = tree().denies_parameter("/app/");
    let run = below(&aws, "ssm:/app/").resolve("B=ssm:/app/json").run();
    run.refused(77)
        .says(["parameters below /app/", "denied", "ssm:GetParametersByPath on it and on all below it"])
        .says_nothing_of("B (");
}

#[test]
fn a_path_is_read_after_throttling_or_a_broken_page_by_fallback_regions_and_a_role() {
    for fault in [
        fault::throttled(),
        fault::unavailable(),
        fault::empty_object(),
        success(r#"{"Parameters":[{"Name":"/app","Value":"not below it"}]}"#),
        success(r#"{"Parameters":[{"Name":"/application/other","Value":"not below it"}]}"#),
        success(r#"{"Parameters":[{"Value":"of no name"}]}"#),
    ] {
        let aws = tree().fails_first(BY_PATH, 1, fault);
        below(&aws, "ssm:/app/").run().launched_silently().has("DB_HOST", "db.internal").lacks("OTHER");
        assert_eq!(aws.calls().len(), 2);
    }
    let aws = tree().region_fails("us-east-1", fault::unavailable());
    let run = below(&aws, "ssm:/app/").args(["--fallback-region", "us-west-2", "-v"]).attempts(1).run();
    let said = ["parameter /app/db/host", "region us-west-2", "in place of us-east-1"];
    run.launched().has("DB_HOST", "db.internal").says(said);
    let aws = tree();
    below(&aws, "ssm:/app/").args(["--role-arn", ROLE]).run().launched();
    assert_eq!(aws.calls_of(BY_PATH)[0].access_key(), ROLE_KEY);
}

#[test]
fn a_path_is_no_part_of_a_batch() {
    let aws = tree();
    let sandbox = below(&aws, "ssm:/app/db/").resolve("A=ssm:/app/json:k");
    let run = sandbox.resolve("HOST=ssm:/application/other").run();
    // A variable that is set explicitly beats the parameter.
    run.launched_silently().has("A", "1.10").has("HOST", "of another path").has("PASS_WORD", CANARY);
    assert_eq!((aws.calls_of("GetParameters").len(), aws.calls_of(BY_PATH).len()), (1, 1));
}

#[test]
fn a_local_file_matches_by_prefix() {
    let secrets = format!(
        r#"{{"ssm:/app/db/host":"h-4c7a1e","ssm:/app/json":{{"canary":"{CANARY}"}},"/app/secret":"y-4c7a1e",
            "ssm:/app/stages":{{"$stages":{{"AWSCURRENT":"new-4c7a1e","AWSPREVIOUS":"old-4c7a1e"}}}},
            "ssm:/application":"x-4c7a1e"}}"#
    );
    let sandbox = || Sandbox::new().local(&secrets);
    let run = sandbox().args(["--env-from", "ssm:/app/"]).run();
    run.launched().has("DB_HOST", "h-4c7a1e").has("STAGES", "new-4c7a1e").lacks("LICATION").lacks("SECRET");
    let run = sandbox().args(["--env-from", "ssm:/nothing/"]).run();
    run.refused(78).says(["no id that begins with \"ssm:/nothing/\""]);
}

#[test]
fn two_slashes_in_a_row_are_allowed_for_a_secret() {
    let aws = Aws::start().secret("a//b", Secret::text(CANARY));
    read(&aws, "A=a//b").launched_silently().has("A", CANARY);
}
