//! `mfa_serial` of a profile: the code is asked for on the terminal, once, and not echoed.

use std::time::Duration;

use nix::sys::signal::Signal;

use crate::support::aws::secret::Secret;
use crate::support::aws::{Aws, ROLE_KEY, fault};
use crate::support::outcome::{Outcome, Status};
use crate::support::sandbox::{ACCESS_SECRET, Sandbox};
use crate::support::terminal::at_a_terminal;

const SERIAL: &str = "arn:aws:iam::123456789012:mfa/jane";

/// Starts the program on a terminal that echoes what is typed, as a shell does.
const ECHOING: [&str; 4] = ["sh", "-c", "stty echo </dev/tty; exec \"$@\"", "sh"];

fn served() -> Aws {
    Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#)).secret("y", Secret::json(r#"{"k":"w"}"#))
}

fn role(name: &str, source: &str) -> String {
    let arn = format!("arn:aws:iam::210987654321:role/{name}");
    format!("[profile {name}]\nrole_arn = {arn}\nsource_profile = {source}\nmfa_serial = {SERIAL}\n")
}

/// The profile with the keys.
fn base() -> String {
    format!("[profile base]\naws_access_key_id = AKIABASE\naws_secret_access_key = {ACCESS_SECRET}\n")
}

/// A run with a profile that assumes a role with the code of a device.
fn sandbox(aws: &Aws) -> Sandbox {
    let config = format!("{}{}{}", role("one", "base"), role("two", "one"), base());
    let sandbox = Sandbox::new().endpoint(&aws.endpoint()).region("us-east-1").home_file(".aws/config", &config);
    let sandbox = sandbox.args(["--profile", "one"]).resolve("A=x:k");
    sandbox.script("printf \"[$A]\" >/dev/tty; stty -a </dev/tty | tr ' ' '\\n' | grep -w echo >/dev/tty")
}

/// Runs at a terminal on which `typed` is typed once `shown` is shown.
fn typing(aws: &Aws, shown: &str, typed: &str, state: impl FnOnce(Sandbox) -> Sandbox) -> Option<Outcome> {
    at_a_terminal(state(sandbox(aws)), &ECHOING, shown, typed).map(|sandbox| sandbox.run())
}

/// The question, as it is shown, after the sequence that erases the progress line.
fn question() -> String {
    format!("\r\x1b[Ksecrets-exec: MFA code for {SERIAL}: ")
}

/// Asserts that the terminal showed this and echoes again.
fn showed(run: &Outcome, shown: &str) {
    run.ended(Status::Exit(1));
    assert_eq!(run.stdout(), shown, "{run}");
}

#[test]
fn the_code_is_asked_for_once_and_not_echoed_and_sent_with_the_serial_number() {
    let aws = served();
    let Some(run) = typing(&aws, ": ", "123456\\n", |sandbox| sandbox.resolve("B=y:k")) else { return };
    showed(&run, &format!("{}\n[v]echo\n[status 0]\n", question()));
    let assumed = aws.calls_of("AssumeRole");
    assert_eq!(assumed.len(), 1);
    let form = assumed[0].form();
    assert_eq!((form["SerialNumber"].as_str(), form["TokenCode"].as_str()), (SERIAL, "123456"));
    assert_eq!(aws.reads()[0].access_key(), ROLE_KEY);
}

#[test]
fn a_code_that_is_none_is_asked_for_again() {
    let aws = served();
    let typed = "12345\\n|123456\\n";
    let Some(run) = typing(&aws, ": |\r\nsecrets", typed, |sandbox| sandbox) else { return };
    let again = format!("secrets-exec: six digits are expected; MFA code for {SERIAL}: ");
    showed(&run, &format!("{}\n{again}\n[v]echo\n[status 0]\n", question()));
    assert_eq!(aws.calls_of("AssumeRole").len(), 1);
}

#[test]
fn a_serial_number_cannot_disguise_the_question() {
    let aws = served();
    let config = role("one", "base").replace(SERIAL, "mfa/\u{202e}jane") + &base();
    let state = |sandbox: Sandbox| sandbox.home_file(".aws/config", &config);
    let Some(run) = typing(&aws, ": ", "123456\\n", state) else { return };
    showed(&run, "\r\x1b[Ksecrets-exec: MFA code for mfa/\\u{202e}jane: \n[v]echo\n[status 0]\n");
}

#[test]
fn one_code_serves_all_attempts_and_all_roles_of_its_device() {
    let aws = served().fails_first("AssumeRole", 2, fault::status(503));
    let state = |sandbox: Sandbox| sandbox.args(["--profile", "two"]);
    let Some(run) = typing(&aws, ": ", "123456\\n", state) else { return };
    showed(&run, &format!("{}\n[v]echo\n[status 0]\n", question()));
    let codes = aws.calls_of("AssumeRole").iter().map(|call| call.form()["TokenCode"].clone()).collect::<Vec<_>>();
    assert_eq!(codes, ["123456"; 4]);
}

#[test]
fn the_time_for_typing_does_not_count() {
    let aws = served();
    // The shell types 0.1 s after each text is shown.
    let state = |sandbox: Sandbox| sandbox.args(["--timeout", "1s"]);
    let shown = vec![": "; 30].join("|");
    let typed = format!("{}123456\\n", "|".repeat(29));
    let Some(run) = typing(&aws, &shown, &typed, state) else { return };
    showed(&run, &format!("{}\n[v]echo\n[status 0]\n", question()));
}

#[test]
fn the_progress_line_is_erased_before_the_question_and_not_shown_below_it() {
    let aws = served().fails_for("/latest/meta-data/placement/region", Duration::from_millis(2500), fault::status(503));
    let metadata = aws.instance_metadata();
    let state = |sandbox: Sandbox| {
        let sandbox = sandbox.env_remove("AWS_REGION").env_remove("AWS_EC2_METADATA_DISABLED").env("TERM", "xterm");
        sandbox.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata).args(["--wait", "20s"])
    };
    // The shell types 0.1 s after each text is shown.
    let shown = vec!["code for "; 15].join("|");
    let typed = format!("{}123456\\n", "|".repeat(14));
    let Some(run) = typing(&aws, &shown, &typed, state) else { return };
    let shown = run.stdout();
    assert!(shown.starts_with("secrets-exec: note: waiting up to "), "{run}");
    let end = format!("{}\n\r\x1b[K[v]echo\n[status 0]\n", question());
    assert!(shown.ends_with(&end) && !shown.contains("waiting for the MFA code"), "{run}");
}

#[test]
fn a_code_that_sts_rejects_is_77_with_its_words() {
    let words = "MultiFactorAuthentication failed with invalid MFA one time pass code.";
    let aws = served().fails("AssumeRole", fault::sts(403, "AccessDenied", words));
    let Some(run) = typing(&aws, ": ", "123456\\n", |sandbox| sandbox) else { return };
    assert!(run.stdout().ends_with("[status 77]\n"), "{run}");
    assert_eq!(aws.calls_of("AssumeRole").len(), 1);
}

#[test]
fn the_end_of_input_is_77() {
    let aws = served();
    let Some(run) = typing(&aws, ": ", "\\x04", |sandbox| sandbox) else { return };
    run.ended(Status::Exit(1));
    assert!(run.stdout().ends_with("[status 77]\n"), "{run}");
    assert!(aws.calls().is_empty());
}

#[test]
fn a_signal_at_the_question_ends_the_launch_and_the_terminal_echoes_again() {
    for (typed, signal) in [("\\x03", Signal::SIGINT), ("\\x1c", Signal::SIGQUIT)] {
        let aws = served();
        let Some(run) = typing(&aws, ": ", typed, |sandbox| sandbox) else { return };
        let shown = run.stdout();
        let begin = format!("{}\nsecrets-exec: error: {signal} after ", question());
        let awaited = format!("waiting for the MFA code for {SERIAL}; nothing was started\n");
        assert!(shown.starts_with(&begin) && shown.contains(&awaited), "{run}");
        assert!(shown.ends_with(&format!("started\n[signal {}]\n", signal as i32)), "{run}");
        run.ended(Status::Exit(1));
    }
}

#[test]
fn a_stop_at_the_question_stops_the_launch_which_then_asks_again() {
    let aws = served();
    let Some(run) = typing(&aws, ": |[stopped]", "\\x1a|123456\\n", |sandbox| sandbox) else { return };
    showed(&run, &format!("{}[stopped]{}\n[v]echo\n[status 0]\n", question(), question()));
}

#[test]
fn a_background_job_asks_when_it_is_brought_to_the_foreground() {
    let aws = served();
    // The shell continues every job that stops in the foreground.
    let background = "stty echo </dev/tty; python3 -c 'import os, signal\n\
        signal.signal(signal.SIGTTOU, signal.SIG_IGN); os.tcsetpgrp(0, '$PPID')' </dev/tty; exec \"$@\"";
    let Some(sandbox) = at_a_terminal(sandbox(&aws), &["sh", "-c", background, "sh"], ": ", "123456\\n") else {
        return;
    };
    showed(&sandbox.run(), &format!("[stopped]{}\n[v]echo\n[status 0]\n", question()));
}

#[test]
fn without_a_terminal_it_is_77_at_once_and_says_so() {
    let aws = served();
    let run = sandbox(&aws).through(["setsid", "--wait"]).args(["--wait", "1h"]).run();
    run.refused(77).says([SERIAL, "no terminal"]);
    assert!(aws.calls().is_empty());
}

#[test]
fn nothing_is_asked_when_variables_have_credentials() {
    let aws = served();
    let keys = Sandbox::new().aws(&aws).env("AWS_PROFILE", "one");
    let config = role("one", "one") + "aws_access_key_id = AKIABASE\naws_secret_access_key = x\n";
    keys.home_file(".aws/config", &config).resolve("A=x:k").run().launched_silently().has("A", "v");
}

#[test]
fn an_empty_serial_number_counts_as_not_set() {
    let aws = served();
    let config = role("one", "base").replace(SERIAL, "") + &base();
    let sandbox = Sandbox::new().endpoint(&aws.endpoint()).region("us-east-1").home_file(".aws/config", &config);
    sandbox.args(["--profile", "one"]).resolve("A=x:k").run().launched_silently().has("A", "v");
    assert!(!aws.calls_of("AssumeRole")[0].form().contains_key("SerialNumber"));
}
