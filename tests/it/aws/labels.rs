//! The lines on standard error: labels, the order of reason and entries, and colours on a terminal.

use crate::support::aws::Aws;
use crate::support::aws::fault;
use crate::support::aws::secret::{PREVIOUS_ID, Secret};
use crate::support::outcome::Outcome;
use crate::support::pty::terminal;
use crate::support::sandbox::{CANARY, Sandbox};

fn database() -> Aws {
    Aws::start()
        .secret("prod/db", Secret::text(r#"{"password":"p-4c7a1e"}"#))
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
fn verbose_lines_are_notes_and_a_local_file_is_a_warning() {
    let secrets = format!(r#"{{"x":{{"k":"{CANARY}"}}}}"#);
    let run = Sandbox::new().local(&secrets).resolve("A=x:k").arg("-v").run();
    let lines = lines(run.launched());
    assert!(lines[0].starts_with("warning: secrets are read from local.json"), "{run}");
    assert!(lines[1].starts_with("note: A (--env, x:k): secret x"), "{run}");
    let mut unlabelled = Secret::text("new-4c7a1e").previous(Secret::text("older-4c7a1e"));
    unlabelled.versions[1].stages.clear();
    let aws = Aws::start().secret("x", unlabelled);
    let run = Sandbox::new().aws(&aws).resolve(&format!("A=x:::{PREVIOUS_ID}")).arg("-v").run();
    run.launched().says([&*format!("secret x, version {PREVIOUS_ID}, region us-east-1")]);
}

#[test]
fn a_terminal_gets_coloured_labels_unless_dumb_or_under_no_color_and_nothing_wraps() {
    let aws = database();
    let on = |columns, name, value| misspelt(&aws).env("TERM", "xterm").env(name, value).through(terminal(columns));
    let coloured = ["secrets-exec: \x1b[1;31merror:\x1b[0m secret prod/db", "\x1b[1;36mhelp:\x1b[0m did you mean"];
    on(80, "LANG", "C").run().refused(78).says(coloured);
    on(80, "TERM", "dumb").run().refused(78).says(["error: secret prod/db"]).says_nothing_of("\x1b");
    let narrow = on(40, "NO_COLOR", "1").target_writes_stderr().run();
    narrow.refused(78).says_nothing_of("\x1b");
    assert_eq!(narrow.stderr().lines().count(), 4, "{narrow}");
    misspelt(&aws).env("TERM", "xterm").run().refused(78).says_nothing_of("\x1b");
}
