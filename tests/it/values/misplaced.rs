//! A value that was written instead of a reference, as in `-e DB_PASSWORD=hunter2`. AWS receives it
//! as a name, and no report shows it.

use crate::support::*;

::rows::rows!("tests/it/values/misplaced.rows");

/// Asserts that no form of `check` prints the value in its table, its document or its messages.
fn assert_never_shown_by_check(aws: &Aws, status: i32) {
    for options in ["", "-v", "--describe", "--metadata"] {
        for format in ["", "--json"] {
            let options = [options, format];
            let run = Sandbox::new()
                .aws(aws)
                .declaration("env: { DB_PASSWORD: \"prod/db:password\" }")
                .arg("check")
                .args(options.iter().filter(|option| !option.is_empty()))
                .args(["-e", "DB_PASSWORD=hunter2"])
                .bare()
                .run();
            run.ended(Status::Exit(status)).says_nothing_of("hunter");
            assert!(!run.stdout().contains("hunter"), "{run}");
        }
    }
}

#[test]
fn check_never_shows_a_password_that_was_written_instead_of_a_secret_name() {
    assert_never_shown_by_check(&Aws::start(), 78);
}

#[test]
fn check_never_shows_a_password_that_was_written_instead_of_a_secret_name_even_if_aws_denies_access_to_that_name()
 {
    let denied = fault::denied_on(
        "hunter2",
        "because no identity-based policy allows the action",
    );
    let aws = Aws::start()
        .fails("GetSecretValue", denied.clone())
        .fails("DescribeSecret", denied);
    assert_never_shown_by_check(&aws, 77);
}
