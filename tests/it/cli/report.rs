//! Reports: each failure has its variable, file and line, secret, key and region. One run reports
//! all failures in the order of the files, and the worst one decides the exit status.

use crate::support::*;

::rows::rows!("tests/it/cli/report.rows");

/// A launch with this declaration, which may request only the secrets and, at most once, the
/// identity of the caller.
fn report(declaration: &str) -> Outcome {
    let aws = Aws::start()
        .secret(
            "prod/db",
            Secret::text(r#"{"password":"p-4c7a1e","host":"h-4c7a1e"}"#),
        )
        .secret("prod/denied", Secret::failing(fault::denied("prod/denied")))
        .secret("prod/busy", Secret::failing(fault::unavailable()))
        .secret("prod/dying", Secret::failing(fault::marked_for_deletion()));
    let run = Sandbox::new()
        .aws(&aws)
        .attempts(1)
        .declaration(declaration)
        .run();
    let whoami = aws.calls_of("GetCallerIdentity").len();
    assert!(
        whoami <= 1 && aws.calls().len() == aws.reads().len() + whoami,
        "another operation was requested"
    );
    run
}

/// The line numbers of a file that the report mentions, in the order of the report.
fn lines(run: &Outcome, file: &str) -> Vec<usize> {
    let stderr = run.stderr();
    let places = stderr
        .lines()
        .filter_map(|line| line.split_once(&format!("{file}:")));
    places
        .map(|(_, rest)| {
            rest.split(|c: char| !c.is_ascii_digit())
                .next()
                .unwrap()
                .parse()
                .unwrap()
        })
        .collect()
}

#[test]
fn all_failures_of_a_launch_are_reported_in_the_order_of_their_lines_in_the_declaration() {
    let run = report(
        "env:\n  KEY_GONE: prod/db:passwrd\n  ZONE: prod/gone:b\n  SECRET_GONE: prod/gone:k\n  FINE: prod/db:host\n  DENIED: prod/denied:k\n  \
         DYING: prod/dying\n",
    );
    run.refused(78).says_nothing_of("FINE");
    assert_eq!(lines(&run, "secrets-exec.yaml"), [2, 3, 4, 6, 7], "{run}");
    run.says([
        "KEY_GONE (",
        "ZONE (",
        "SECRET_GONE (",
        "DENIED (",
        "DYING (",
    ]);
    let many: String = (0..40)
        .map(|number| format!("  VARIABLE_{number}: prod/gone{number}:k\n"))
        .collect();
    let run = report(&format!("env:\n{many}"));
    assert_eq!(
        lines(run.refused(78), "secrets-exec.yaml"),
        (2..42).collect::<Vec<_>>(),
        "{run}"
    );
}

#[test]
fn control_characters_in_messages_are_escaped_and_other_characters_are_not() {
    for c in
        "\u{7}\u{9b}\u{61c}\u{200b}\u{200d}\u{202e}\u{2060}\u{2066}\u{feff}\u{1160}\u{2800}\u{3164}\u{e0041}".chars()
    {
        let run = Sandbox::new().env("SECRETS_EXEC_FILE", format!("a{c}b.yaml")).run();
        let code = u32::from(c);
        run.refused(78).says([format!("a\\u{{{code:x}}}b.yaml").as_str()]).says_nothing_of(&c.to_string());
        let run = Sandbox::new().env("SECRETS_EXEC_FILE", format!("a{c}b.yaml")).args(["--log-format", "json"]).run();
        assert!(run.events()[0]["message"].as_str().unwrap().contains(&format!("a\\u{{{code:x}}}b.yaml")), "{run}");
    }
    let name = r#"café "x" 'y' \z 日本.yaml"#;
    Sandbox::new()
        .args(["-f", name])
        .run()
        .refused(78)
        .says([name]);
}

#[test]
fn a_right_to_left_override_in_a_version_id_is_escaped_in_json_lines() {
    let secret = Secret::text("v-4c7a1e").with_id("one\u{9b}two\u{202e}three");
    let aws = Aws::start().secret("x", secret);
    let run = Sandbox::new()
        .aws(&aws)
        .args(["-v", "--log-format", "json"])
        .resolve("A=x")
        .run();
    let events = run.launched().events();
    assert_eq!(events[0]["version"], r"one\u{9b}two\u{202e}three", "{run}");
    run.says_nothing_of("\u{9b}").says_nothing_of("\u{202e}");
}

#[test]
fn a_right_to_left_override_in_the_path_of_a_file_is_escaped_in_json_lines() {
    let run = Sandbox::new()
        .args(["--log-format", "json"])
        .declaration("files: [{ value: one, path: \"gone\u{202e}/file\" }]")
        .run();
    let events = run.refused(78).events();
    assert_eq!(events[0]["variables"][0], r"gone\u{202e}/file", "{run}");
    run.says_nothing_of("\u{202e}");
}
