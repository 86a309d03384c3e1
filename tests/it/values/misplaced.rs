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
    let denied = fault::denied_by(
        "hunter2",
        "because no identity-based policy allows the action",
    );
    let aws = Aws::start()
        .fails("GetSecretValue", denied.clone())
        .fails("DescribeSecret", denied);
    assert_never_shown_by_check(&aws, 77);
}

/// Passwords and keys that somebody may write instead of a reference.
const PASSWORDS: [&str; 4] = [
    "CANARYpw7",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCANARYKEY",
    "CANARY+abc/def==",
    "ssm:hunter2CANARY",
];

/// A reason for a failure: its description, the answer to every request, and a change of the run.
type Situation = (&'static str, Fault, fn(Sandbox) -> Sandbox);

/// The situations in which a launch fails.
fn situations() -> Vec<Situation> {
    let unchanged: fn(Sandbox) -> Sandbox = |sandbox| sandbox;
    let quoted = PASSWORDS.map(|password| password.trim_start_matches("ssm:"));
    let quoted = fault::denied_by(&quoted.join(" and "), "because no policy allows it");
    vec![
        ("there is no region", fault::not_found(), |sandbox| {
            sandbox.env_remove("AWS_REGION")
        }),
        ("there are no credentials", fault::not_found(), |sandbox| {
            sandbox.env_remove("AWS_ACCESS_KEY_ID")
        }),
        ("the host is unreachable", fault::not_found(), |sandbox| {
            sandbox.endpoint("http://127.0.0.1:9")
        }),
        ("the keys have expired", fault::expired_token(), unchanged),
        ("the secret doesn't exist", fault::not_found(), unchanged),
        ("AWS denies access and quotes the name", quoted, unchanged),
        ("AWS throttles the requests", fault::throttled(), unchanged),
        ("AWS fails", fault::internal_error(), unchanged),
        ("a portal answers", fault::page(), unchanged),
        ("AWS doesn't answer", Fault::Hang, unchanged),
        ("--wait is over", fault::unavailable(), |sandbox| {
            sandbox.args(["--wait", "1s"])
        }),
        ("the values are local", fault::not_found(), |sandbox| {
            sandbox.local("{}")
        }),
    ]
}

/// Runs a launch or a check in a situation, with these options.
fn run_in(
    (situation, fault, prepared): Situation,
    subcommand: &str,
    options: &[String],
) -> Outcome {
    let aws = Aws::start()
        .fails("GetSecretValue", fault.clone())
        .fails("GetParameters", fault);
    let sandbox = Sandbox::new()
        .aws(&aws)
        .args(subcommand.split_whitespace())
        .args(["--timeout", "1s"])
        .args(options)
        .declaration("{ secrets: { db: CANARYpw7 }, env: { A: CANARYpw7, B: db }, files: [{ from: CANARYpw7, env: C }] }")
        .env("RESOLVED", "{{resolve:secretsmanager:CANARYpw7}}")
        .args(["--resolve-env", "RESOLVED"])
        .case(format!("{situation}: {subcommand}"));
    let sandbox = prepared(sandbox);
    match subcommand.starts_with("check") {
        true => sandbox.bare().run(),
        false => sandbox.run(),
    }
}

#[test]
fn a_password_instead_of_a_reference_is_not_shown_whatever_the_reason_for_a_failure_is() {
    let options = PASSWORDS.iter().flat_map(|password| {
        [
            format!("--env=DB_PASSWORD{}={password}", password.len()),
            format!("--env-from={password}"),
            format!("--as-file=FILE{}={password}", password.len()),
        ]
    });
    let options = Vec::from_iter(options);
    let mut rows = Vec::new();
    for situation in situations() {
        for subcommand in ["", "-vv", "--log-format=json", "check -v", "check --json"] {
            rows.push((situation.clone(), subcommand));
        }
    }
    for subcommand in ["check --offline", "check --offline --json"] {
        rows.push((situations().remove(0), subcommand));
    }
    side_by_side(rows, |(situation, subcommand)| {
        let run = run_in(situation, subcommand, &options);
        let shown = run.stdout() + &run.stderr();
        assert!(!shown.contains("CANARY"), "{run}");
        assert!(shown.contains("DB_PASSWORD9"), "{run}");
    });
}

#[test]
fn names_of_secrets_are_shown_whatever_the_reason_for_a_failure_is() {
    let names = ["wordpress", "my-secret", "prod/db", "MyDatabaseSecret"];
    let options = names.map(|name| format!("--env-from={name}"));
    let (mut rows, offline) = (Vec::new(), situations().remove(0));
    for situation in situations() {
        for subcommand in ["", "check --json"] {
            rows.push((situation.clone(), subcommand));
        }
    }
    rows.push((offline, "check --offline"));
    side_by_side(rows, |(situation, subcommand)| {
        let run = run_in(situation, subcommand, &options);
        let shown = run.stdout() + &run.stderr();
        for name in names {
            assert!(shown.contains(name), "{name}: {run}");
        }
    });
}
