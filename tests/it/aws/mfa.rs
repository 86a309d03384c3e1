//! `mfa_serial` of a profile: secrets-exec asks for the code on the terminal, only once, and then
//! restores the terminal's modes. `profiles.rows` has launches that don't ask.

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

fn question() -> String {
    format!("secrets-exec: MFA code (six digits) for {SERIAL}: ")
}

/// How a user types a code: what STS does, the launch's options, what is typed, what the terminal
/// shows, and the number of requests for a role. Before each part is typed, the shell waits 0.1 s.
const ASKED: &str = r"
for two secrets                      | answers     | -e B=x:k:AWSCURRENT | 123456\n         | ASKED[v-4c7a1e][status 0]            | 1
after a code that is too short       | answers     |                     | 12345\n|123456\n | ASKEDASKED[v-4c7a1e][status 0]       | 1
for two roles of its device          | fails twice | --profile two       | 123456\n         | ASKED[v-4c7a1e][status 0]            | 4
without limiting the time for typing | answers     | --timeout 1s        | LATE123456\n     | ASKED[v-4c7a1e][status 0]            | 1
after a stop                         | answers     |                     | \x1a|123456\n    | ASKED[stopped][v-4c7a1e][status 0]   | 1
where the terminal echoes            | answers     |                     | 123456\n         | ASKED123456⏎[v-4c7a1e][status 0]     | 1
in the background                    | answers     |                     | 123456\n         | [stopped]ASKED[v-4c7a1e][status 0]   | 1
that STS rejects                     | rejects     |                     | 123456\n         | ASKED…[status 77]                    | 1
after the end of input               | answers     |                     | \x04             | ASKED…[status 77]                    | 0
until Ctrl-C                         | answers     |                     | \x03             | ASKEDsecrets-exec: error: SIGINT ENDED…WAITING⏎[signal 2]  | 0
until Ctrl-backslash                 | answers     |                     | \x1c             | ASKEDsecrets-exec: error: SIGQUIT ENDED…WAITING⏎[signal 3] | 0
";

#[test]
fn the_user_types_an_mfa_code_only_once_for_all_attempts_and_roles() {
    for line in ASKED.trim().lines() {
        let cells: Vec<&str> = line.split(" | ").map(str::trim).collect();
        let [case, sts, options, typed, expected, calls] = cells[..] else {
            panic!("{line}");
        };
        let invalid = fault::sts(403, "AccessDenied", "invalid MFA one time pass code.");
        let aws = match sts {
            "fails twice" => served().fails_first("AssumeRole", 2, fault::status(503)),
            "rejects" => served().fails("AssumeRole", invalid),
            _ => served(),
        };
        // The shell continues every job that stops in the foreground.
        let background = "python3 -c 'import os, signal\n\
            signal.signal(signal.SIGTTOU, signal.SIG_IGN); os.tcsetpgrp(0, '$PPID')' </dev/tty; exec \"$@\"";
        let wrapper = match case {
            "where the terminal echoes" => "stty echo </dev/tty; exec \"$@\"",
            "in the background" => background,
            _ => "exec \"$@\"",
        };
        let typed = typed.replace("LATE", &"|".repeat(29));
        let again = if typed.starts_with("\\x1a") {
            "|[stopped]"
        } else {
            "|: "
        };
        let shown = ": ".to_owned() + &again.repeat(typed.matches('|').count());
        let sandbox = with_device(&aws).args(options.split_whitespace());
        let wrapper = ["sh", "-c", wrapper, "sh"];
        let run = or_skip!(at_a_terminal(sandbox.case(case), &wrapper, &shown, &typed)).run();

        // Afterwards the terminal doesn't echo, unless it did before.
        let echoes = case == "where the terminal echoes";
        run.ended(Status::Exit(i32::from(echoes)));
        let expected = expected
            .replace("ASKED", &question())
            .replace("ENDED", "ended secrets-exec after ")
            .replace(
                "WAITING",
                &format!("while it was waiting for the MFA code for {SERIAL}"),
            )
            .replace('⏎', "\n")
            + "\n";
        let (begin, end) = expected.split_once('…').unwrap_or((&expected, ""));
        let (text, is_whole) = (run.stdout(), !expected.contains('…'));
        let rest = text.strip_prefix(begin).unwrap_or("…");
        assert!(
            rest.ends_with(end) && (!is_whole || rest.is_empty()),
            "{expected:?}: {run}"
        );
        let forms: Vec<_> = aws.calls_of("AssumeRole").iter().map(Call::form).collect();
        assert_eq!(forms.len().to_string(), calls, "{run}");
        let codes = forms
            .iter()
            .map(|form| (&*form["SerialNumber"], &*form["TokenCode"]));
        assert!(codes.eq(vec![(SERIAL, "123456"); forms.len()]), "{run}");
        let keys: Vec<_> = aws.reads().iter().map(Call::access_key).collect();
        assert!(keys.iter().all(|key| key == ROLE_KEY), "{run}");
    }
}

#[test]
fn an_mfa_code_is_sent_only_once_although_the_next_role_has_to_be_requested_again() {
    let config =
        role("one", "base") + &role("two", "one").replace("mfa_serial", "# mfa_serial") + &base();
    let second = "AssumeRole arn:aws:iam::210987654321:role/two";
    for (fault, options) in [
        (fault::status(503), &["--timeout", "20s"][..]),
        // The second request is made in the second try of --wait.
        (Fault::Close, &["--wait", "20s"]),
    ] {
        let aws = served().fails_first(second, 1, fault);
        let sandbox = with_device(&aws).config(&config).args(["--profile", "two"]);
        let sandbox = match options {
            ["--wait", ..] => sandbox.attempts(1),
            _ => sandbox,
        };
        let sandbox = sandbox.args(options);
        let run = or_skip!(at_a_terminal(sandbox, &[], ": ", "123456\\n")).run();
        run.launched()
            .printed(&(question() + "[v-4c7a1e][status 0]\n"));
        let requests: Vec<_> = aws
            .calls_of("AssumeRole")
            .iter()
            .map(Call::form)
            .map(|form| {
                let name = form["RoleArn"].rsplit('/').next().unwrap().to_owned();
                (name, form.get("TokenCode").cloned())
            })
            .collect();
        let two = || ("two".to_owned(), None);
        let one = ("one".to_owned(), Some("123456".to_owned()));
        assert_eq!(requests, [one, two(), two()], "{run}");
    }
}

#[test]
fn control_characters_in_an_mfa_serial_number_are_escaped_on_the_terminal() {
    let config = role("one", "base").replace(SERIAL, "mfa/\u{202e}jane") + &base();
    let aws = served();
    let sandbox = with_device(&aws).config(&config);
    let sandbox = or_skip!(at_a_terminal(sandbox, &[], ": ", "123456\\n"));
    sandbox.run().launched().printed(
        "secrets-exec: MFA code (six digits) for mfa/\\u{202e}jane: [v-4c7a1e][status 0]\n",
    );
}

#[test]
fn a_launch_whose_roles_do_not_need_a_code_does_not_look_for_stored_sessions() {
    let tracing = or_skip!(skip::traced("-f -e trace=file"));
    let config = role("one", "base").replace("mfa_serial", "# mfa_serial") + &base();
    let aws = served();
    let sandbox = with_device(&aws).config(&config).command(["true"]);
    let sandbox = sandbox.through(tracing);
    sandbox.run().launched();
    let trace = std::fs::read_to_string(sandbox.path("trace")).unwrap();
    assert!(trace.contains(".aws/config"), "{trace}");
    assert!(!trace.contains(".aws/cli"), "{trace}");
}
