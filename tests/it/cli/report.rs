//! Reports: each failure has its variable, file and line, secret, key and region. One run reports
//! all failures in the order of the files, and the worst one decides the exit status.

use crate::support::*;

::rows::rows!("tests/it/cli/report.rows");

/// A launch with this declaration, which may request only the secrets and, at most once, the
/// identity of the caller.
fn report(declaration: &str) -> Outcome {
    let object = r#"{"password":"p-4c7a1e","host":"h-4c7a1e"}"#;
    let aws = Aws::start()
        .secret("prod/db", Secret::text(object))
        .secret("prod/denied", Secret::failing(fault::denied("prod/denied")))
        .secret("prod/busy", Secret::failing(fault::unavailable()))
        .secret("prod/dying", Secret::failing(fault::deleted()));
    let sandbox = Sandbox::new().aws(&aws).attempts(1);
    let run = sandbox.declaration(declaration).run();
    let whoami = aws.calls_of("GetCallerIdentity").len();
    let others = aws.calls().len() - aws.reads().len() - whoami;
    assert!(whoami <= 1 && others == 0, "another request: {run}");
    run
}

/// The line numbers that the report mentions, in the order of the report.
fn lines(run: &Outcome) -> Vec<usize> {
    let stderr = run.refused(78, []).stderr();
    let places = stderr.split("secrets-exec.yaml:").skip(1);
    let number = |place: &str| {
        place
            .split(|c: char| !c.is_ascii_digit())
            .next()?
            .parse()
            .ok()
    };
    places.filter_map(number).collect()
}

#[test]
fn all_failures_of_a_launch_are_reported_in_the_order_of_the_declaration() {
    let run = report(
        "env:\n  KEY_GONE: prod/db:passwrd\n  ZONE: prod/gone:b\n  SECRET_GONE: prod/gone:k\n  FINE: prod/db:host\n  DENIED: prod/denied:k\n  \
         DYING: prod/dying\n",
    );
    assert_eq!(lines(&run), [2, 3, 4, 6, 7], "{run}");
    run.says_nothing_of("FINE");
    for name in ["KEY_GONE", "ZONE", "SECRET_GONE", "DENIED", "DYING"] {
        run.says([&*format!("{name} (")]);
    }
    let many = (0..40).map(|number| format!("  VARIABLE_{number}: prod/gone{number}:k\n"));
    let run = report(&format!("env:\n{}", many.collect::<String>()));
    assert!(lines(&run).into_iter().eq(2..42), "{run}");
}

#[test]
fn control_characters_in_messages_are_escaped_and_other_characters_are_not() {
    let characters = "\u{7}\u{9b}\u{61c}\u{200b}\u{200d}\u{202e}\u{2060}\u{2066}\u{feff}\u{1160}\u{2800}\u{3164}\u{e0041}";
    for c in characters.chars() {
        let launch = || Sandbox::new().env("SECRETS_EXEC_FILE", format!("a{c}b.yaml"));
        let escaped = format!("a\\u{{{:x}}}b.yaml", u32::from(c));
        let run = launch().run();
        run.refused(78, [&*escaped]);
        run.says_nothing_of(&c.to_string());
        let run = launch().args(["--log-format", "json"]).run();
        let message = run.events()[0]["message"].to_string();
        assert!(message.contains(&escaped.replace('\\', r"\\")), "{run}");
    }
    let name = r#"café "x" 'y' \z 日本.yaml"#;
    let run = Sandbox::new().args(["-f", name]).run();
    run.refused(78, [name]);
}

#[test]
fn a_right_to_left_override_in_a_version_id_is_escaped_in_json_lines() {
    let secret = Secret::text("v-4c7a1e").with_id("one\u{9b}two\u{202e}three");
    let aws = Aws::start().secret("x", secret);
    let sandbox = Sandbox::new().aws(&aws).args(["--log-format", "json"]);
    let run = sandbox.arg("-v").resolve("A=x").run();
    let version = run.launched().events()[1]["row"]["sources"][0]["version"].take();
    assert_eq!(version, r"one\u{9b}two\u{202e}three", "{run}");
    run.says_nothing_of("\u{9b}").says_nothing_of("\u{202e}");
}
