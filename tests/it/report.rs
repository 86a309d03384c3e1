//! Reports of several failures: each has its variable, file and line, secret, key, region and a hint.

use crate::support::aws::Aws;
use crate::support::aws::fault;
use crate::support::aws::secret::Secret;
use crate::support::outcome::Outcome;
use crate::support::sandbox::Sandbox;

fn launch(declaration: &str) -> Outcome {
    let aws = Aws::start()
        .secret("prod/db", Secret::json(r#"{"password":"p","host":"h"}"#))
        .secret("prod/denied", Secret::failing(fault::denied("prod/denied")))
        .secret("prod/busy", Secret::failing(fault::unavailable()))
        .secret("prod/dying", Secret::failing(fault::marked_for_deletion()));
    Sandbox::new().aws(&aws).args(["--timeout", "2s"]).declaration(declaration).run()
}

/// The line of the report that names a variable.
fn line_of(run: &Outcome, name: &str) -> String {
    let stderr = run.stderr();
    let line = stderr.lines().find(|line| line.contains(name));
    line.unwrap_or_else(|| panic!("{name} is not said: {run}")).to_owned()
}

#[test]
fn every_failure_is_told_with_its_line_and_secret() {
    let run = launch(
        "env:\n  KEY_GONE: prod/db:passwrd\n  SECRET_GONE: prod/gone:k\n  FINE: prod/db:host\n  DENIED: prod/denied:k\n  DYING: prod/dying\n",
    );
    run.refused(78).says_nothing_of("FINE");
    for (name, line, secret) in [
        ("KEY_GONE", 2, "prod/db"),
        ("SECRET_GONE", 3, "prod/gone"),
        ("DENIED", 5, "prod/denied"),
        ("DYING", 6, "prod/dying"),
    ] {
        let said = line_of(&run, name);
        assert!(said.contains(&format!("secrets-exec.yaml:{line}")), "{said}");
        run.says([secret]);
    }
}

#[test]
fn a_missing_key_is_told_with_the_nearest_one_and_the_region() {
    let run = launch("env:\n  DB_PASSWORD: prod/db:passwrd\n");
    run.refused(78).says(["DB_PASSWORD", "secrets-exec.yaml:2", "prod/db", "passwrd", "password", "us-east-1"]);
}

#[test]
fn a_key_that_is_like_no_other_gets_no_wild_guess() {
    let run = launch("env:\n  A: prod/db:zzzzzzzzzzzzzzzzzzzz\n");
    run.refused(78).says(["zzzzzzzzzzzzzzzzzzzz"]);
}

#[test]
fn an_alias_that_is_misspelt_is_told_with_the_nearest_one() {
    let run = launch("secrets:\n  database: prod/db\nenv:\n  A: databse:host\n");
    run.refused(78).says(["A", "secrets-exec.yaml:4", "databse", "database"]);
}

#[test]
fn one_secret_that_fails_is_told_for_each_variable_that_needs_it() {
    let run = launch("env:\n  ONE: prod/gone:a\n  TWO: prod/gone:b\n");
    run.refused(78).says(["ONE", "TWO", "secrets-exec.yaml:2", "secrets-exec.yaml:3"]);
}

#[test]
fn failures_of_the_command_line_name_their_variables() {
    let aws = Aws::start();
    let run = Sandbox::new().aws(&aws).resolve("ONE=gone/one").resolve("TWO=gone/two:k").run();
    run.refused(78).says(["ONE", "gone/one", "TWO", "gone/two"]);
}

#[test]
fn a_failure_of_a_second_file_names_that_file() {
    let aws = Aws::start();
    let run = Sandbox::new()
        .aws(&aws)
        .file("a.yaml", "env:\n  A: gone:a\n")
        .file("conf/b.yaml", "# a comment\n\nenv:\n  B: gone:b\n")
        .args(["-f", "a.yaml", "-f", "conf/b.yaml"])
        .run();
    run.refused(78).says(["a.yaml:2", "conf/b.yaml:4"]);
}

#[test]
fn a_failure_of_a_long_entry_names_a_line_of_the_entry() {
    let run = launch("env:\n  B: prod/db:host\n\n  # of note\n  A:\n    from: prod/gone:k\n    decode: base64\n");
    run.refused(78).says(["A"]).says_one_of(["secrets-exec.yaml:5", "secrets-exec.yaml:6"]);
}

#[test]
fn an_outage_alone_is_75() {
    launch("env:\n  A: prod/busy:k\n").refused(75);
}

#[test]
fn a_denial_outweighs_an_outage() {
    launch("env:\n  A: prod/busy:k\n  B: prod/denied:k\n").refused(77);
}

#[test]
fn an_absence_outweighs_a_denial() {
    launch("env:\n  A: prod/denied:k\n  B: prod/gone:k\n  C: prod/busy:k\n").refused(78);
}

#[test]
fn many_failures_are_all_told() {
    let mut declaration = String::from("env:\n");
    for number in 0..40 {
        declaration += &format!("  VARIABLE_{number}: prod/gone{number}:k\n");
    }
    let run = launch(&declaration);
    for number in 0..40 {
        run.refused(78)
            .says([format!("VARIABLE_{number}").as_str(), format!("secrets-exec.yaml:{}", number + 2).as_str()]);
    }
}

#[test]
fn a_reason_that_several_entries_share_is_told_once() {
    let run =
        launch("env:\n  A: prod/db:passwrd\n  B: prod/db:host\n  C: prod/db:passwrd\n  D: { from: prod/db:passwrd }\n");
    let stderr = run.refused(78).stderr();
    assert_eq!(stderr.matches("has no key").count(), 1, "{run}");
    run.says(["A (secrets-exec.yaml:2", "C (secrets-exec.yaml:4", "D (secrets-exec.yaml:5"]);
}

#[test]
fn a_hint_that_errors_next_to_each_other_share_is_told_once_after_them() {
    let run = launch("env:\n  A: gone/a\n  B: gone/b\n  C: prod/db:passwrd\n  D: gone/d\n");
    let stderr = run.refused(78).stderr();
    let mut rest = stderr.as_str();
    for expected in ["gone/a", "gone/b", "check its name", "passwrd", "gone/d", "check its name"] {
        (_, rest) = rest.split_once(expected).unwrap_or_else(|| panic!("{expected:?} is missing or too early: {run}"));
    }
    assert_eq!(stderr.matches("check its name").count(), 2, "{run}");
    let options = (0..30).map(|number| format!("--nonsense-{number}"));
    let run = Sandbox::new().args(options).run();
    assert_eq!(run.refused(64).stderr().matches("--help").count(), 1, "{run}");
}

#[test]
fn a_region_that_is_not_the_default_is_told() {
    let run = launch("secrets:\n  s: { id: prod/gone, region: eu-west-1 }\nenv:\n  A: s:k\n");
    run.refused(78).says(["A", "prod/gone", "eu-west-1"]);
}

#[test]
fn characters_that_would_disguise_a_line_are_escaped() {
    for c in [
        '\u{7}',
        '\u{9b}',
        '\u{61c}',
        '\u{200b}',
        '\u{200d}',
        '\u{202e}',
        '\u{2060}',
        '\u{2066}',
        '\u{feff}',
        '\u{1160}',
        '\u{2800}',
        '\u{3164}',
        '\u{e0041}',
    ] {
        let run = Sandbox::new().args(["-f", &format!("a{c}b.yaml")]).run();
        let code = u32::from(c);
        run.refused(78).says([format!("a\\u{{{code:x}}}b.yaml").as_str()]).says_nothing_of(&c.to_string());
    }
}

#[test]
fn letters_quotes_and_backslashes_are_told_as_they_are() {
    let name = r#"café "x" 'y' \z 日本.yaml"#;
    Sandbox::new().args(["-f", name]).run().refused(78).says([name]);
}
