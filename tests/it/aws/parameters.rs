//! SSM parameters: labels, ten names in one request, and the pages of a path. `parameters.rows` has
//! all other tests.

use crate::support::*;

::rows::rows!("tests/it/aws/parameters.rows");

#[test]
fn a_label_selects_the_value_of_a_parameter_and_v_shows_the_version() {
    let old = Version::text("old-4c7a1e").labelled("blue");
    let aws = Aws::start().parameter("/app/db", &[old, Version::text("new-4c7a1e")]);
    let entry = "A=arn:aws:ssm:us-east-1:123456789012:parameter/app/db::blue";
    let run = Sandbox::new().aws(&aws).arg("-v").resolve(entry).run();
    run.launched().has("A", "old-4c7a1e");
    run.says(["us-east-1  1           ok"]);
}

fn with_parameters(count: usize) -> Aws {
    (0..count).fold(Aws::start(), |aws, n| {
        let value = Version::text(&format!("value-{n:02}-4c7a1e"));
        aws.parameter(&format!("/p/{n:02}"), &[value])
    })
}

#[test]
fn twenty_one_parameters_are_read_with_three_requests() {
    let aws = with_parameters(21);
    let sandbox = (0..21).fold(Sandbox::new().aws(&aws), |sandbox, n| {
        sandbox.resolve(&format!("V{n}=ssm:/p/{n:02}"))
    });
    let run = sandbox.run();
    run.launched_silently();
    for n in 0..21 {
        run.has(&format!("V{n}"), format!("value-{n:02}-4c7a1e"));
    }
    let mut sizes: Vec<usize> = aws.calls().iter().map(|call| call.names().len()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 10, 10]);
}

#[test]
fn all_of_320_denied_parameters_are_reported_with_at_most_32_requests_at_a_time() {
    let mut aws = Aws::start().gathers(32);
    let mut sandbox = Sandbox::new();
    for n in 0..320 {
        aws = aws.denies_parameter(&format!("/p/{n}"));
        sandbox = sandbox.resolve(&format!("V{n}=ssm:/p/{n}"));
    }
    sandbox
        .aws(&aws)
        .run()
        .refused(77, ["V319 (", "access to 320 parameters was denied"]);
    assert_eq!((aws.calls().len(), aws.most_in_flight()), (32 + 320, 32));
}

#[test]
fn ten_thousand_parameters_below_a_path_are_read_and_one_more_is_refused() {
    let many = with_parameters(10_000);
    let sandbox = Sandbox::new().aws(&many).args(["--env-from", "V_=ssm:/p/"]);
    let sandbox = sandbox.timeout("10m");
    let run = sandbox.run();
    run.launched_silently()
        .has("V_00", "value-00-4c7a1e")
        .has("V_9999", "value-9999-4c7a1e");
    assert_eq!(many.calls().len(), 1_000);
    let _many = many.parameter("/p/more", &[Version::text(CANARY)]);
    let said = "the path \"/p/\" has more than 10,000 parameters: use a longer path";
    sandbox.run().refused(78, [said]);
}
