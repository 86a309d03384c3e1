//! A value that was written instead of a reference, as in `-e DB_PASSWORD=ghp_…`. AWS receives it
//! as a name, and no report shows more than its beginning.

use crate::support::*;

::rows::rows!("tests/it/values/misplaced.rows");

/// Tokens and keys that somebody may write instead of a reference.
const TOKENS: [&str; 4] = [
    "AKIACANARYCANARYCANA",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCANARYbX4Kq9",
    "ghp_16C7e42F292c6912CANARYE7710c838347Ae1",
    "ssm:AKIACANARYCANARYCANA",
];

/// The situations in which a launch fails: the reason, the answer to every request, and a variable
/// or options of the launch.
fn situations() -> [(&'static str, Fault, &'static str); 12] {
    // AWS's text is masked only where a token has a known beginning.
    let quoted = fault::denied_by(
        &[TOKENS[0], TOKENS[2]].join(" and "),
        "because no policy allows it",
    );
    let unreachable = "AWS_ENDPOINT_URL=http://127.0.0.1:9";
    [
        ("there is no region", fault::absent(), "AWS_REGION="),
        ("there are no keys", fault::absent(), "AWS_ACCESS_KEY_ID="),
        ("the host is unreachable", fault::absent(), unreachable),
        ("the keys have expired", fault::expired(), ""),
        ("the secret doesn't exist", fault::absent(), ""),
        ("AWS denies access and quotes the name", quoted, ""),
        ("AWS throttles the requests", fault::throttled(), ""),
        ("AWS fails", fault::internal_error(), ""),
        ("a portal answers", fault::page(), ""),
        ("AWS doesn't answer", Fault::Hang, "--timeout 4s"),
        ("--wait is over", fault::unavailable(), "--wait 1s"),
        ("it is local", fault::absent(), "SECRETS_EXEC_LOCAL=empty"),
    ]
}

/// Runs these subcommands with these options in every situation, or only in the first one if they
/// are offline. Calls `test` with each outcome.
fn in_every_situation(subcommands: &[&str], options: &[String], test: impl Fn(Outcome) + Sync) {
    let rows = subcommands.iter().flat_map(|subcommand| {
        let is_offline = subcommand.contains("--offline");
        let situations = situations().into_iter();
        let situations = situations.take(if is_offline { 1 } else { 12 });
        situations.map(move |row| (row, *subcommand))
    });
    side_by_side(rows, |((situation, fault, setting), subcommand)| {
        let aws = Aws::start()
            .fails("GetSecretValue", fault.clone())
            .fails("GetParameters", fault);
        let sandbox = Sandbox::new()
            .aws(&aws)
            .args(subcommand.split_whitespace())
            .args(["--resolve-env", "RESOLVED"])
            .args(options)
            .declaration("{ secrets: { db_token: AKIACANARYCANARYCANA }, env: { A: AKIACANARYCANARYCANA, B: db_token }, files: [{ from: AKIACANARYCANARYCANA, env: C }] }")
            .file("empty", "{}")
            .env("RESOLVED", "{{resolve:secretsmanager:AKIACANARYCANARYCANA}}")
            .case(format!("{situation}: {subcommand}"));
        let sandbox = match setting.split_once('=') {
            Some((name, value)) => sandbox.env(name, value),
            None => sandbox.args(setting.split_whitespace()),
        };
        test(if subcommand.starts_with("check") {
            sandbox.bare().run()
        } else {
            sandbox.run()
        });
    });
}

#[test]
fn a_token_instead_of_a_reference_is_not_shown_whatever_the_reason_for_a_failure_is() {
    let options = TOKENS.iter().flat_map(|token| {
        [
            format!("--env=DB_PASSWORD{}={token}", token.len()),
            format!("--env-from={token}"),
            format!("--as-file=FILE{}={token}", token.len()),
        ]
    });
    let subcommands = [
        "",
        "-vv",
        "--log-format=json",
        "check -v",
        "check --json",
        "check --offline",
        "check --offline --json",
    ];
    in_every_situation(&subcommands, &Vec::from_iter(options), |run| {
        let shown = run.stdout() + &run.stderr();
        assert!(!shown.contains("CANARY"), "{run}");
        assert!(shown.contains("DB_PASSWORD20"), "{run}");
    });
}

#[test]
fn names_of_secrets_are_shown_whatever_the_reason_for_a_failure_is() {
    let names = [
        "hunter2",
        "my-secret",
        "prod-db-1a2b3c4d",
        "MyDatabaseSecret",
    ];
    let options = names.map(|name| format!("--env-from={name}"));
    in_every_situation(&["", "check --json", "check --offline"], &options, |run| {
        let shown = run.stdout() + &run.stderr();
        for name in names {
            assert!(shown.contains(name), "{name}: {run}");
        }
    });
}
