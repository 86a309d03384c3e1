//! `mfa_serial` of a profile: secrets-exec asks for the code on the terminal, only once, and then
//! restores the terminal's modes. `profiles.rows` has launches that don't ask.

use nix::sys::signal::Signal;

use crate::support::*;

const SERIAL: &str = "arn:aws:iam::123456789012:mfa/jane";

fn role(name: &str, source: &str) -> String {
    let arn = format!("arn:aws:iam::210987654321:role/{name}");
    format!(
        "[profile {name}]\nrole_arn = {arn}\nsource_profile = {source}\nmfa_serial = {SERIAL}\n"
    )
}

/// The profile with the keys.
fn base() -> String {
    format!("[profile base]\n{}", pair("AKIABASE"))
}

/// A run with a profile that assumes a role with the code of an MFA device.
fn with_device(aws: &Aws) -> Sandbox {
    let config = format!("{}{}{}", role("one", "base"), role("two", "one"), base());
    let sandbox = keyless(aws).config(&config).args(["--profile", "one"]);
    sandbox.script("printf \"[$A]\" >/dev/tty").prints_values()
}

/// The question as the terminal shows it.
fn question() -> String {
    format!("secrets-exec: MFA code (six digits) for {SERIAL}: ")
}

/// Asserts that a text is the expected one, in which `…` matches any text.
fn assert_matches(text: &str, expected: &str, run: &Outcome) {
    let (begin, end) = expected.split_once('…').unwrap_or((expected, ""));
    assert!(
        text.starts_with(begin) && text[begin.len()..].ends_with(end),
        "{expected:?}: {run}"
    );
    assert!(
        expected.contains('…') || text == expected,
        "{expected:?}: {run}"
    );
}

#[test]
fn the_user_types_an_mfa_code_only_once_for_all_attempts_and_roles() {
    // After each text that is shown, the shell waits for 0.1 s before it types.
    let (long, late) = (vec![": "; 30].join("|"), "|".repeat(29) + "123456\\n");
    let echoing = ["sh", "-c", "stty echo </dev/tty; exec \"$@\"", "sh"];
    // The shell continues every job that stops in the foreground.
    let background = "python3 -c 'import os, signal\n\
        signal.signal(signal.SIGTTOU, signal.SIG_IGN); os.tcsetpgrp(0, '$PPID')' </dev/tty; exec \"$@\"";
    let background = ["sh", "-c", background, "sh"];
    let rejected = || {
        served().fails(
            "AssumeRole",
            fault::sts(403, "AccessDenied", "invalid MFA one time pass code."),
        )
    };
    let failing = || served().fails_first("AssumeRole", 2, fault::status(503));
    let (code, good) = ("123456\\n", "QUESTION[v-4c7a1e][status 0]\n");
    let again = "QUESTIONQUESTION[v-4c7a1e][status 0]\n";
    let on_signal = |signal: Signal| {
        let line = "while it was waiting for the MFA code for SERIAL";
        format!(
            "QUESTIONsecrets-exec: error: {signal} ended secrets-exec after …{line}\n[signal {}]\n",
            signal as i32
        )
    };
    let (interrupted, quit) = (on_signal(Signal::SIGINT), on_signal(Signal::SIGQUIT));
    let (stopped, typed_again) = ("QUESTION[stopped][v-4c7a1e][status 0]\n", "\\x1a|123456\\n");
    let echoed = "QUESTION123456\n[v-4c7a1e][status 0]\n";
    let continued = "[stopped]QUESTION[v-4c7a1e][status 0]\n";
    // The service, options, a wrapper, the text to wait for before each typed text, everything that
    // the terminal shows, and the number of AssumeRole calls.
    for (case, aws, options, wrapper, (shown, typed), expected, calls) in [
        (
            "for two secrets",
            served(),
            ["-e", "B=x:k:AWSCURRENT"],
            &[][..],
            (": ", code),
            good,
            1,
        ),
        (
            "after a code that is too short",
            served(),
            ["-e", "B=x:k"],
            &[],
            (": |six digits", "12345\\n|123456\\n"),
            again,
            1,
        ),
        (
            "for two roles of its device",
            failing(),
            ["--profile", "two"],
            &[],
            (": ", code),
            good,
            4,
        ),
        (
            "without limiting the time for typing",
            served(),
            ["--timeout", "1s"],
            &[],
            (&long, &late),
            good,
            1,
        ),
        (
            "after a stop",
            served(),
            ["-e", "B=x:k"],
            &[],
            (": |[stopped]", typed_again),
            stopped,
            1,
        ),
        (
            "where the terminal echoes",
            served(),
            ["-e", "B=x:k"],
            &echoing,
            (": ", code),
            echoed,
            1,
        ),
        (
            "in the background",
            served(),
            ["-e", "B=x:k"],
            &background,
            (": ", code),
            continued,
            1,
        ),
        (
            "that STS rejects",
            rejected(),
            ["-e", "B=x:k"],
            &[],
            (": ", code),
            "QUESTION…[status 77]\n",
            1,
        ),
        (
            "after the end of input",
            served(),
            ["-e", "B=x:k"],
            &[],
            (": ", "\\x04"),
            "QUESTION…[status 77]\n",
            0,
        ),
        (
            "until Ctrl-C",
            served(),
            ["-e", "B=x:k"],
            &[],
            (": ", "\\x03"),
            &interrupted,
            0,
        ),
        (
            "until Ctrl-backslash",
            served(),
            ["-e", "B=x:k"],
            &[],
            (": ", "\\x1c"),
            &quit,
            0,
        ),
    ] {
        let sandbox = with_device(&aws).args(options).case(case);
        let sandbox = or_skip!(at_a_terminal(sandbox, wrapper, shown, typed));
        let run = sandbox.run();
        // Afterwards the terminal doesn't echo, unless it did before.
        run.ended(Status::Exit(i32::from(wrapper == echoing)));
        assert_matches(
            &run.stdout(),
            &expected
                .replace("QUESTION", &question())
                .replace("SERIAL", SERIAL),
            &run,
        );
        let forms: Vec<_> = aws.calls_of("AssumeRole").iter().map(Call::form).collect();
        assert_eq!(forms.len(), calls, "{run}");
        assert!(
            forms
                .iter()
                .all(|form| form["SerialNumber"] == SERIAL && form["TokenCode"] == "123456"),
            "{run}"
        );
        assert!(
            aws.reads().iter().all(|read| read.access_key() == ROLE_KEY),
            "{run}"
        );
    }
}

#[test]
fn control_characters_in_an_mfa_serial_number_are_escaped_on_the_terminal() {
    let aws = served();
    let config = role("one", "base").replace(SERIAL, "mfa/\u{202e}jane") + &base();
    let sandbox = or_skip!(at_a_terminal(
        with_device(&aws).config(&config),
        &[],
        ": ",
        "123456\\n"
    ));
    sandbox.run().launched().printed(
        "secrets-exec: MFA code (six digits) for mfa/\\u{202e}jane: [v-4c7a1e][status 0]\n",
    );
}

/// The file with the session of the role `one`, and the session. `peers/sessions.rs` compares the
/// names of such files with botocore's.
fn stored_session() -> (String, String) {
    let name = "1fef384f72c41b06ffc82f611224e683250a0539";
    let session = serde_json::json!({
        "Credentials": {
            "AccessKeyId": "ASIASTORED",
            "SecretAccessKey": "secret-4c7a1e",
            "SessionToken": "token-4c7a1e",
            "Expiration": "2099-01-01T00:00:00UTC",
        },
        "AssumedRoleUser": { "Arn": "arn:aws:sts::210987654321:assumed-role/one/s" },
    });
    (format!(".aws/cli/cache/{name}.json"), session.to_string())
}

#[test]
fn a_user_with_a_stored_session_is_asked_for_a_code_only_if_aws_refuses_the_session() {
    let (name, session) = stored_session();
    let refusing = || served().fails_first("GetSecretValue", 1, fault::expired_token());
    for (aws, shown, expected, keys) in [
        (
            served(),
            "",
            "[v-4c7a1e][status 0]\n".to_owned(),
            &["ASIASTORED"][..],
        ),
        (
            refusing(),
            ": ",
            format!("{}[v-4c7a1e][status 0]\n", question()),
            &["ASIASTORED", ROLE_KEY],
        ),
    ] {
        let sandbox = with_device(&aws).home_file(&name, &session);
        let sandbox = or_skip!(at_a_terminal(sandbox, &[], shown, "123456\\n"));
        let run = sandbox.run();
        run.launched().printed(expected);
        let reads: Vec<_> = aws.reads().iter().map(Call::access_key).collect();
        assert_eq!(reads, keys, "{run}");
    }
}

#[test]
fn a_launch_whose_roles_do_not_need_a_code_does_not_look_for_stored_sessions() {
    let tracing = or_skip!(skip::traced(
        &["-f", "-e", "trace=file"],
        "the files that are opened"
    ));
    let (name, session) = stored_session();
    let config = role("one", "base").replace("mfa_serial", "# mfa_serial") + &base();
    let aws = served();
    let sandbox = with_device(&aws).config(&config);
    let sandbox = sandbox.home_file(&name, &session).command(["true"]);
    let sandbox = sandbox.through(tracing);
    sandbox.run().launched();
    let trace = std::fs::read_to_string(sandbox.path("trace")).unwrap();
    assert!(trace.contains(".aws/config"), "{trace}");
    assert!(!trace.contains(".aws/cli"), "{trace}");
}
