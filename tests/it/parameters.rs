//! SSM parameters: ten in one request, versions and labels, absences and denials of single parameters, and the rules
//! that they share with secrets.

use crate::support::aws::agent::own;
use crate::support::aws::{Aws, ROLE_KEY, Version, fault};
use crate::support::outcome::Outcome;
use crate::support::sandbox::{CANARY, Sandbox};

const ARN: &str = "arn:aws:ssm:us-east-1:123456789012:parameter/app/db";

fn served() -> Aws {
    let old = Version::json(r#"{"k":"old","port":1}"#).labelled("blue");
    let new = Version::json(r#"{"k":"new","port":5432,"null":null}"#).labelled("green");
    Aws::start().parameter("/app/db", &[old, new]).parameter("/app/text", &[Version::text(CANARY)])
}

fn launch(aws: &Aws, binding: &str) -> Outcome {
    Sandbox::new().aws(aws).resolve(binding).run()
}

#[test]
fn a_key_of_a_parameter_is_a_value() {
    let aws = served();
    launch(&aws, "A=ssm:/app/db:k").launched_silently().has("A", "new");
    let calls = aws.calls();
    assert_eq!(calls.len(), 1);
    assert_eq!((calls[0].operation().as_str(), calls[0].names()), ("GetParameters", vec!["/app/db".to_owned()]));
    assert!(calls[0].header("user-agent").unwrap().contains("app/secrets-exec-"));
}

#[test]
fn the_whole_parameter_is_its_text() {
    launch(&served(), "A=ssm:/app/text").launched().has("A", CANARY);
}

#[test]
fn a_number_of_a_parameter_is_its_literal() {
    launch(&served(), "A=ssm:/app/db:port").launched().has("A", "5432");
}

#[test]
fn a_label_or_a_version_chooses_what_is_read() {
    let aws = served();
    for (reference, value) in [
        ("ssm:/app/db:k:blue:", "old"),
        ("ssm:/app/db:k:green", "new"),
        ("ssm:/app/db:k::1", "old"),
        (&format!("{ARN}:k::2"), "new"),
        (&format!("{ARN}:k:blue"), "old"),
        (&format!("{ARN}:k"), "new"),
    ] {
        launch(&aws, &format!("A={reference}")).launched().has("A", value);
    }
}

#[test]
fn versions_of_one_parameter_are_not_mixed_up() {
    let aws = served();
    let sandbox = Sandbox::new().aws(&aws).resolve("A=ssm:/app/db:k").resolve("B=ssm:/app/db:k:blue");
    let run = sandbox.resolve("C=ssm:/app/db:k::1").resolve(&format!("D={ARN}:port")).run();
    run.launched().has("A", "new").has("B", "old").has("C", "old").has("D", "5432");
}

#[test]
fn ten_parameters_are_one_request() {
    let mut aws = Aws::start();
    let mut sandbox = Sandbox::new();
    for n in 0..21 {
        aws = aws.parameter(&format!("/p/{n}"), &[Version::bare(&format!("value {n}"))]);
        sandbox = sandbox.resolve(&format!("V{n}=ssm:/p/{n}"));
    }
    let run = sandbox.aws(&aws).run();
    run.launched();
    for n in 0..21 {
        run.has(&format!("V{n}"), format!("value {n}"));
    }
    let mut sizes: Vec<usize> = aws.calls().iter().map(|call| call.names().len()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 10, 10]);
}

#[test]
fn the_region_of_an_arn_is_where_it_is_read() {
    let aws = served();
    let arn = ARN.replace("us-east-1", "eu-west-1");
    let run = Sandbox::new().aws(&aws).resolve("A=ssm:/app/db:k").resolve(&format!("B={arn}:k")).run();
    run.launched();
    let mut regions: Vec<String> = aws.calls().iter().map(|call| call.region()).collect();
    regions.sort_unstable();
    assert_eq!(regions, ["eu-west-1", "us-east-1"]);
}

#[test]
fn an_absent_parameter_is_78_and_its_neighbours_are_told_of_only_when_they_fail() {
    let run = Sandbox::new().aws(&served()).resolve("A=ssm:/app/nothing").resolve("B=ssm:/app/db:k").run();
    run.refused(78).says(["A (", "parameter /app/nothing", "region us-east-1", "does not exist"]);
    run.says_nothing_of("B (");
}

#[test]
fn an_absent_version_or_label_is_78() {
    for reference in ["ssm:/app/db:k::9", "ssm:/app/db:k:red", "ssm:/app/nothing:k:red"] {
        launch(&served(), &format!("A={reference}")).refused(78).says(["A (", "does not exist, or has no such label"]);
    }
}

#[test]
fn an_absent_parameter_has_a_default_and_may_be_optional() {
    let declaration = "env:\n  A: { from: \"ssm:/app/nothing\", default: d }\n  \
                       B: { from: \"ssm:/app/db:null\", default: e }\n  C: { from: \"ssm:/no:k:x\", optional: true }\n";
    let run = Sandbox::new().aws(&served()).declaration(declaration).run();
    run.launched().has("A", "d").has("B", "e").lacks("C");
}

#[test]
fn the_error_that_a_parameter_is_not_found_is_an_absence_of_that_one_alone() {
    for code in ["ParameterNotFound", "ParameterVersionNotFound"] {
        let aws = served().fails_first("GetParameters", 1, own(400, code));
        let declaration = "env:\n  A: { from: \"ssm:/app/db:k\", default: d }\n";
        Sandbox::new().aws(&aws).declaration(declaration).run().launched().has("A", "d");
        let aws = served().fails_first("GetParameters", 1, own(400, code));
        let run = Sandbox::new().aws(&aws).resolve("A=ssm:/app/db:k").resolve("B=ssm:/app/text").run();
        run.launched().has("A", "new").has("B", CANARY);
    }
}

#[test]
fn aws_own_way_to_write_a_version_is_told_as_such() {
    launch(&served(), "A=ssm:/app/db:2").refused(78).says(["ssm:/app/db:::2"]);
}

#[test]
fn one_denied_parameter_of_a_batch_is_told_alone() {
    let aws = served().parameter("/app/closed", &[Version::text(CANARY)]).denies_parameter("/app/closed");
    let sandbox = Sandbox::new().aws(&aws).resolve("A=ssm:/app/db:k").resolve("B=ssm:/app/closed");
    let run = sandbox.resolve("C=ssm:/app/nothing").run();
    run.refused(78).says(["B (", "parameter /app/closed", "denied", "ssm:GetParameters", "C (", "does not exist"]);
    run.says_nothing_of("A (");
    let run = Sandbox::new().aws(&aws).resolve("A=ssm:/app/db:k").resolve("B=ssm:/app/closed").run();
    run.refused(77);
}

#[test]
fn throttling_of_parameters_is_tried_again() {
    let aws = served().fails_first("GetParameters", 1, fault::throttled());
    launch(&aws, "A=ssm:/app/db:k").launched_silently().has("A", "new");
    assert_eq!(aws.calls().len(), 2);
}

#[test]
fn an_outage_of_parameter_store_is_75() {
    let aws = served().fails("GetParameters", fault::unavailable());
    let run = Sandbox::new().aws(&aws).args(["--timeout", "1s"]).resolve("A=ssm:/app/db:k").run();
    run.refused(75).says(["A (", "/app/db", "us-east-1"]);
}

#[test]
fn an_answer_that_says_nothing_of_a_parameter_is_no_absence() {
    let aws = served().fails("GetParameters", fault::empty_object());
    let declaration = "env:\n  A: { from: \"ssm:/app/db:k\", default: d }\n";
    Sandbox::new().aws(&aws).args(["--timeout", "1s"]).declaration(declaration).run().refused(75);
}

#[test]
fn verbose_names_the_parameter_and_its_version() {
    let run = Sandbox::new().aws(&served()).arg("-v").resolve("A=ssm:/app/db:k:blue").run();
    run.launched().says(["parameter /app/db, version 1, label blue, region us-east-1"]);
}

#[test]
fn a_role_reads_parameters_too() {
    let aws = served();
    let role = "arn:aws:iam::210987654321:role/Reader";
    Sandbox::new().aws(&aws).args(["--role-arn", role]).resolve("A=ssm:/app/db:k").run().launched();
    assert_eq!(aws.calls_of("GetParameters")[0].access_key(), ROLE_KEY);
}

#[test]
fn parameters_of_two_roles_are_read_with_the_role_of_each() {
    let aws = served();
    let role = "arn:aws:iam::210987654321:role/Reader";
    let declaration = format!(
        "secrets:\n  there: {{ id: \"ssm:/app/text\", role-arn: \"{role}\" }}\nenv:\n  A: there\n  B: ssm:/app/db:k\n"
    );
    Sandbox::new().aws(&aws).declaration(&declaration).run().launched();
    let reads = aws.calls_of("GetParameters");
    assert_eq!(reads.len(), 2);
    for read in reads {
        let is_there = read.names() == ["/app/text"];
        assert_eq!(read.access_key() == ROLE_KEY, is_there, "{:?}", read.names());
    }
}

#[test]
fn its_endpoint_has_a_variable_of_its_own() {
    let aws = served();
    let sandbox = Sandbox::new().aws(&aws).endpoint("http://127.0.0.1:9").env("AWS_ENDPOINT_URL_SSM", aws.endpoint());
    sandbox.resolve("A=ssm:/app/db:k").run().launched().has("A", "new");
    let run = Sandbox::new().aws(&aws).env("AWS_ENDPOINT_URL_SSM", "nowhere").resolve("A=ssm:/app/db:k").run();
    run.refused(64).says(["AWS_ENDPOINT_URL_SSM"]);
}
