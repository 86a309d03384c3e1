//! `mfa_serial` of a profile: the code is asked for on the terminal, once, in the terminal's own modes.

use nix::sys::signal::Signal;

use crate::support::terminal::at_a_terminal;
use crate::support::*;

const SERIAL: &str = "arn:aws:iam::123456789012:mfa/jane";

fn role(name: &str, source: &str) -> String {
    let arn = format!("arn:aws:iam::210987654321:role/{name}");
    format!("[profile {name}]\nrole_arn = {arn}\nsource_profile = {source}\nmfa_serial = {SERIAL}\n")
}

/// The profile with the keys.
fn base() -> String {
    format!("[profile base]\n{}", pair("AKIABASE"))
}

/// A run with a profile that assumes a role with the code of a device.
fn with_device(aws: &Aws) -> Sandbox {
    let config = format!("{}{}{}", role("one", "base"), role("two", "one"), base());
    let sandbox = keyless(aws).config(&config).args(["--profile", "one"]);
    sandbox.script("printf \"[$A]\" >/dev/tty").prints_values()
}

/// Runs at a terminal on which `typed` is typed once `shown` is shown.
fn typing(aws: &Aws, shown: &str, typed: &str, state: impl FnOnce(Sandbox) -> Sandbox) -> Option<Outcome> {
    at_a_terminal(state(with_device(aws)), &[], shown, typed).map(|sandbox| sandbox.run())
}

/// The question, as it is shown.
fn question() -> String {
    format!("secrets-exec: MFA code for {SERIAL}: ")
}

/// Asserts that the terminal showed this, without a line break for the one that was typed, and does not echo as before.
fn showed(run: &Outcome, shown: &str) {
    run.ended(Status::Exit(0));
    assert_eq!(run.stdout(), shown, "{run}");
}

#[test]
fn one_code_is_asked_for_and_sent_with_the_serial_number_for_all_attempts_and_roles() {
    let again = format!("secrets-exec: six digits are expected; MFA code for {SERIAL}: ");
    // The shell types 0.1 s after each text is shown.
    let (long, late) = (vec![": "; 30].join("|"), "|".repeat(29) + "123456\\n");
    let code = "123456\\n";
    for (case, options, outages, shown, typed, between, calls) in [
        ("for two secrets", ["-e", "B=x:k:AWSCURRENT"], 0, ": ", code, "", 1),
        ("again after one that is none", ["-e", "B=x:k"], 0, ": |six digits", "12345\\n|123456\\n", &*again, 1),
        ("for two roles of its device", ["--profile", "two"], 2, ": ", code, "", 4),
        ("the time for typing does not count", ["--timeout", "1s"], 0, &long, &late, "", 1),
        ("the launch goes on after a stop", ["-e", "B=x:k"], 0, ": |[stopped]", "\\x1a|123456\\n", "[stopped]", 1),
    ] {
        let aws = served().fails_first("AssumeRole", outages, fault::status(503));
        let state = |sandbox: Sandbox| sandbox.args(options).case(case);
        let Some(run) = typing(&aws, shown, typed, state) else { return };
        showed(&run, &format!("{}{between}[v-4c7a1e][status 0]\n", question()));
        let forms: Vec<_> = aws.calls_of("AssumeRole").iter().map(Call::form).collect();
        assert_eq!(forms.len(), calls, "{run}");
        assert!(forms.iter().all(|form| form["SerialNumber"] == SERIAL && form["TokenCode"] == "123456"), "{run}");
        assert_eq!(aws.reads()[0].access_key(), ROLE_KEY);
    }
}

#[test]
fn the_code_is_echoed_where_the_terminal_echoes() {
    let aws = served();
    let echoing = ["sh", "-c", "stty echo </dev/tty; exec \"$@\"", "sh"];
    let Some(sandbox) = at_a_terminal(with_device(&aws), &echoing, ": ", "123456\\n") else { return };
    let run = sandbox.run();
    run.ended(Status::Exit(1));
    assert_eq!(run.stdout(), format!("{}123456\n[v-4c7a1e][status 0]\n", question()), "{run}");
}

#[test]
fn a_serial_number_cannot_disguise_the_question() {
    let aws = served();
    let config = role("one", "base").replace(SERIAL, "mfa/\u{202e}jane") + &base();
    let state = |sandbox: Sandbox| sandbox.config(&config);
    let Some(run) = typing(&aws, ": ", "123456\\n", state) else { return };
    showed(&run, "secrets-exec: MFA code for mfa/\\u{202e}jane: [v-4c7a1e][status 0]\n");
}

#[test]
fn a_code_that_sts_rejects_and_the_end_of_input_are_77() {
    let words = "MultiFactorAuthentication failed with invalid MFA one time pass code.";
    for (typed, calls) in [("123456\\n", 1), ("\\x04", 0)] {
        let aws = served().fails("AssumeRole", fault::sts(403, "AccessDenied", words));
        let Some(run) = typing(&aws, ": ", typed, |sandbox| sandbox) else { return };
        assert!(run.launched().stdout().ends_with("[status 77]\n"), "{run}");
        assert_eq!(aws.calls_of("AssumeRole").len(), calls);
    }
}

#[test]
fn a_signal_at_the_question_ends_the_launch() {
    for (typed, signal) in [("\\x03", Signal::SIGINT), ("\\x1c", Signal::SIGQUIT)] {
        let aws = served();
        let Some(run) = typing(&aws, ": ", typed, |sandbox| sandbox) else { return };
        let shown = run.stdout();
        let begin = format!("{}secrets-exec: error: {signal} after ", question());
        let awaited = format!("waiting for the MFA code for {SERIAL}; nothing was started\n");
        assert!(shown.starts_with(&begin) && shown.contains(&awaited), "{run}");
        assert!(shown.ends_with(&format!("started\n[signal {}]\n", signal as i32)), "{run}");
        run.ended(Status::Exit(0));
    }
}

#[test]
fn a_background_job_asks_when_it_is_brought_to_the_foreground() {
    let aws = served();
    // The shell continues every job that stops in the foreground.
    let background = "python3 -c 'import os, signal\n\
        signal.signal(signal.SIGTTOU, signal.SIG_IGN); os.tcsetpgrp(0, '$PPID')' </dev/tty; exec \"$@\"";
    let Some(sandbox) = at_a_terminal(with_device(&aws), &["sh", "-c", background, "sh"], ": ", "123456\\n") else {
        return;
    };
    showed(&sandbox.run(), &format!("[stopped]{}[v-4c7a1e][status 0]\n", question()));
}

#[test]
fn a_code_without_a_terminal_to_ask_on_is_77_at_once() {
    let aws = served();
    let run = with_device(&aws).through(["setsid", "--wait"]).args(["--wait", "1h"]).run();
    run.refused(77).says([SERIAL, "no terminal"]);
    assert!(aws.calls().is_empty());
}

#[test]
fn nothing_is_asked_when_variables_have_credentials() {
    let aws = served();
    let config = role("one", "one") + &pair("AKIABASE");
    keyless(&aws).keys().env("AWS_PROFILE", "one").config(&config).run().launched_silently().has("A", "v-4c7a1e");
}

#[test]
fn an_empty_serial_number_counts_as_not_set() {
    let aws = served();
    let config = role("one", "base").replace(SERIAL, "") + &base();
    keyless(&aws).config(&config).args(["--profile", "one"]).run().launched_silently().has("A", "v-4c7a1e");
    assert!(!aws.calls_of("AssumeRole")[0].form().contains_key("SerialNumber"));
}
