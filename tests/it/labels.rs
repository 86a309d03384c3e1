//! The lines on standard error: labels, the order of reason and entries, and colours on a terminal.

use crate::support::aws::Aws;
use crate::support::aws::fault;
use crate::support::aws::secret::Secret;
use crate::support::outcome::Outcome;
use crate::support::pty::terminal;
use crate::support::sandbox::{CANARY, Sandbox};

fn served() -> Aws {
    Aws::start()
        .secret("prod/db", Secret::json(r#"{"password":"p"}"#))
        .secret("prod/denied", Secret::failing(fault::denied("prod/denied")))
}

/// The lines without `secrets-exec: `.
fn lines(run: &Outcome) -> Vec<String> {
    run.stderr().lines().map(|line| line.trim_start_matches("secrets-exec: ").to_owned()).collect()
}

/// A launch that lacks one value, for lack of a key with a similar name.
fn misspelt(aws: &Aws) -> Sandbox {
    Sandbox::new().aws(aws).resolve("PASSWORD=prod/db:pasword").command(["true"])
}

#[test]
fn the_reason_is_an_error_the_entry_follows_and_a_remedy_is_help() {
    let run = misspelt(&served()).run();
    run.refused(78);
    assert_eq!(
        lines(&run),
        [
            "error: secret prod/db, region us-east-1: has no key \"pasword\"",
            "error:   PASSWORD (--env, prod/db:pasword)",
            "help: did you mean \"password\"?",
            "error: 1 value could not be read: true was not started",
        ]
    );
}

#[test]
fn a_reason_that_entries_share_is_told_once_and_first() {
    let aws = served();
    let sandbox = Sandbox::new().aws(&aws).resolve("A=prod/denied:a").resolve("B=prod/denied:b");
    let run = sandbox.resolve("C=prod/denied:c").command(["true"]).run();
    let lines = lines(run.refused(77));
    assert!(lines[0].starts_with("error: secret prod/denied, region us-east-1: denied: "), "{run}");
    let entries = ["A (--env, prod/denied:a)", "B (--env, prod/denied:b)", "C (--env, prod/denied:c)"];
    assert_eq!(lines[1..4], entries.map(|entry| format!("error:   {entry}")), "{run}");
    assert_eq!(lines.last().unwrap(), "error: 3 values could not be read: true was not started");
    assert_eq!(run.stderr().matches("denied: ").count(), 1, "{run}");
}

#[test]
fn a_reason_that_several_secrets_share_is_told_once() {
    let declaration = "secrets: { first: prod/one }\nenv:\n  A: first:k\n  B: prod/two:k\n";
    let sandbox = Sandbox::new().aws(&served()).endpoint("http://127.0.0.1:1").args(["--timeout", "1s"]);
    let run = sandbox.declaration(declaration).command(["true"]).run();
    let lines = lines(run.refused(75));
    assert!(lines[0].starts_with("error: region us-east-1: not reachable: "), "{run}");
    assert_eq!(lines[1], "error:   A (secrets-exec.yaml:3, first:k): secret prod/one");
    assert_eq!(lines[2], "error:   B (secrets-exec.yaml:4, prod/two:k)");
    assert_eq!(lines.last().unwrap(), "error: 2 values could not be read: true was not started");
}

#[test]
fn a_variable_that_several_references_lack_is_told_once() {
    let run = Sandbox::new().declaration("env:\n  A: ${STAGE}/x:k\n  B: ${STAGE}/y:k\n").run();
    assert_eq!(
        lines(run.refused(78)),
        [
            "error: the variable STAGE is not set; set it, or write ${STAGE:-default}",
            "error:   A (secrets-exec.yaml:2, ${STAGE}/x:k)",
            "error:   B (secrets-exec.yaml:3, ${STAGE}/y:k)",
        ]
    );
}

#[test]
fn a_directory_that_several_files_lack_is_told_once() {
    let files = "files:\n  - { value: a, path: /nowhere/a }\n  - { value: b, path: /nowhere/b }\n";
    let run = Sandbox::new().declaration(files).run();
    let lines = lines(run.refused(78));
    assert!(lines[0].starts_with("error: its directory does not exist"), "{run}");
    assert_eq!(lines[1..], ["error:   /nowhere/a (secrets-exec.yaml:2)", "error:   /nowhere/b (secrets-exec.yaml:3)"]);
}

#[test]
fn missing_credentials_are_told_before_the_names() {
    let declaration = "secrets: { db: prod/db }\nenv:\n  A: db:k\n  B: prod/api\n";
    let run = Sandbox::new().region("us-east-1").declaration(declaration).command(["true"]).run();
    let lines = lines(run.refused(77));
    let entries = ["error:   A (secrets-exec.yaml:3, db:k)", "error:   B (secrets-exec.yaml:4, prod/api)"];
    assert_eq!((lines[0].as_str(), &lines[1..3]), ("error: no AWS credentials", &entries.map(str::to_owned)[..]));
    assert!(lines[3..].iter().any(|line| line.starts_with("note: ")), "{lines:?}");
}

#[test]
fn verbose_lines_are_notes_and_a_local_file_is_a_warning() {
    let secrets = format!(r#"{{"x":{{"k":"{CANARY}"}}}}"#);
    let run = Sandbox::new().local(&secrets).resolve("A=x:k").arg("-v").run();
    run.launched();
    let lines = lines(&run);
    assert!(lines[0].starts_with("warning: secrets are read from local.json"), "{run}");
    assert!(lines[1].starts_with("note: A (--env, x:k): secret x"), "{run}");
}

#[test]
fn a_terminal_gets_coloured_labels() {
    let run = misspelt(&served()).env("TERM", "xterm").through(terminal(80)).run();
    run.refused(78)
        .says(["secrets-exec: \x1b[1;31merror:\x1b[0m secret prod/db", "\x1b[1;36mhelp:\x1b[0m did you mean"]);
}

#[test]
fn no_color_and_a_dumb_terminal_turn_colours_off() {
    for (name, value) in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let run = misspelt(&served()).env(name, value).through(terminal(80)).run();
        run.refused(78).says(["error: secret prod/db"]).says_nothing_of("\x1b");
    }
}

#[test]
fn nothing_wraps_on_a_narrow_terminal_and_nothing_is_coloured_without_one() {
    let run = misspelt(&served()).env("NO_COLOR", "1").through(terminal(40)).target_writes_stderr().run();
    assert_eq!(run.refused(78).stderr().lines().count(), 4, "{run}");
    let run = misspelt(&served()).env("TERM", "xterm").run();
    run.refused(78).says_nothing_of("\x1b");
    assert_eq!(run.stderr().lines().count(), 4, "{run}");
}
