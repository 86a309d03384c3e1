//! SSM parameters: labels, ten names in one request, and the pages of a path. `parameters.rows` has
//! all other tests.

use serde_json::Value;

use crate::support::*;

::rows::rows!("tests/it/aws/parameters.rows");

#[test]
fn a_label_or_version_selects_the_value_of_a_parameter_given_by_name_or_arn() {
    let old = Version::text(r#"{"k":"old-4c7a1e"}"#).labelled("blue");
    let new = Version::text(r#"{"k":"new-4c7a1e","port":5432}"#).labelled("green");
    let aws = Aws::start().parameter("/app/db", &[old, new]);
    let arn = "arn:aws:ssm:us-east-1:123456789012:parameter/app/db";
    let sandbox = Sandbox::new()
        .aws(&aws)
        .arg("-v")
        .resolve("A=ssm:/app/db:k:blue:")
        .resolve("B=ssm:/app/db:k::1");
    let sandbox = sandbox
        .resolve(&format!("C={arn}:k:blue"))
        .resolve(&format!("D={arn}:k::2"));
    let run = sandbox.resolve(&format!("E={arn}:port")).run();
    run.launched()
        .has("A", "old-4c7a1e")
        .has("B", "old-4c7a1e")
        .has("C", "old-4c7a1e")
        .has("D", "new-4c7a1e");
    run.has("E", "5432")
        .says(["the parameter \"/app/db\" (version 1, label blue, us-east-1) gives "]);
    assert!(
        aws.calls()[0]
            .header("user-agent")
            .unwrap()
            .contains("app/secrets-exec-")
    );
}

#[test]
fn twenty_one_parameters_are_read_with_three_requests() {
    let mut aws = Aws::start();
    let mut sandbox = Sandbox::new();
    for n in 0..21 {
        aws = aws.parameter(
            &format!("/p/{n}"),
            &[Version::text(&format!("value-{n:02}-4c7a1e"))],
        );
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
fn all_of_320_denied_parameters_are_reported_with_at_most_32_requests_at_the_same_time() {
    let mut aws = Aws::start().gathers(32);
    let mut sandbox = Sandbox::new();
    for n in 0..320 {
        aws = aws.denies_parameter(&format!("/p/{n}"));
        sandbox = sandbox.resolve(&format!("V{n}=ssm:/p/{n}"));
    }
    sandbox
        .aws(&aws)
        .run()
        .refused(77)
        .says(["V319 (", "320 values are missing"]);
    assert_eq!((aws.calls().len(), aws.most_in_flight()), (32 + 320, 32));
}

#[test]
fn all_parameters_below_a_path_of_three_pages_are_read() {
    let mut aws = Aws::start();
    for n in 0..23 {
        aws = aws.parameter(
            &format!("/many/{n:02}"),
            &[Version::text(&format!("value-{n:02}-4c7a1e"))],
        );
    }
    let run = Sandbox::new()
        .aws(&aws)
        .args(["--env-from", "V_=ssm:/many/"])
        .run();
    run.launched_silently();
    for n in 0..23 {
        run.has(&format!("V_{n:02}"), format!("value-{n:02}-4c7a1e"));
    }
    let tokens: Vec<_> = aws
        .calls()
        .iter()
        .map(|call| call.body()["NextToken"].clone())
        .collect();
    assert_eq!(tokens, [Value::Null, "/many/09".into(), "/many/19".into()]);
}

#[test]
fn ten_thousand_parameters_below_a_path_are_read_and_one_more_is_refused() {
    let many = (0..10_000).fold(Aws::start(), |aws, n| {
        aws.parameter(&format!("/many/{n:04}"), &[Version::text(CANARY)])
    });
    let sandbox = Sandbox::new()
        .aws(&many)
        .args(["--env-from", "V_=ssm:/many/"])
        .timeout("10m");
    let run = sandbox.run();
    run.launched_silently()
        .has("V_0000", CANARY)
        .has("V_9999", CANARY);
    assert_eq!(many.calls().len(), 1_000);
    let _many = many.parameter("/many/more", &[Version::text(CANARY)]);
    sandbox
        .run()
        .refused(78)
        .says(["the path \"/many/\" has more than 10,000 parameters: use a longer path"]);
}
