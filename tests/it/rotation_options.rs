//! The options of `--on-rotation` and `--log-format`: their values, their conflicts, and the places where they can be set.

use crate::support::outcome::Outcome;
use crate::support::sandbox::{CANARY, Sandbox};

fn local() -> Sandbox {
    Sandbox::new().local(&format!(r#"{{"x":"{CANARY}"}}"#)).arg("-q").resolve("A=x")
}

fn refused(options: &[&str]) -> Outcome {
    let run = local().args(options).run();
    run.refused(64);
    run
}

const FILE: &str = "files:\n  - { value: text, path: ./text }\n";

#[test]
fn an_unknown_mode_is_an_error_with_the_most_similar_one() {
    for (mode, nearest) in [("restrat", "restart"), ("HUP", "signal=HUP"), ("signal=HPU", "signal=HUP")] {
        refused(&["--on-rotation", mode]).says([mode, &format!("did you mean {nearest}?")]);
    }
    refused(&["--on-rotation", "never"]).says(["restart, signal=NAME or exit"]).says_nothing_of("did you mean");
}

#[test]
fn the_most_similar_value_is_suggested_for_a_variable_and_a_declaration_too() {
    let run = local().env("SECRETS_EXEC_ON_ROTATION", "restar").run();
    run.refused(64).says(["SECRETS_EXEC_ON_ROTATION", "did you mean restart?"]);
    let run = local().declaration("defaults: { on-rotation: exti }\n").run();
    run.refused(78).says(["secrets-exec.yaml:1", "did you mean exit?"]);
}

#[test]
fn a_misspelt_option_is_an_error_with_the_most_similar_one() {
    for (option, nearest) in [("--on-rotate=exit", "--on-rotation"), ("--pol-interval=1m", "--poll-interval")] {
        refused(&[option]).says([nearest]);
    }
}

#[test]
fn an_interval_below_ten_seconds_is_an_error() {
    for interval in ["9s", "9999ms", "1s"] {
        refused(&["--on-rotation", "restart", "--poll-interval", interval]).says(["--poll-interval", "at least 10s"]);
    }
}

#[test]
fn a_signal_that_does_not_exist_is_an_error() {
    for signal in ["HUPP", "0", "32", "65", "RTMIN+31", ""] {
        refused(&["--on-rotation", "restart", "--stop-signal", signal]).says(["--stop-signal"]);
        refused(&["--on-rotation", "restart", "--poll-signal", signal]).says(["--poll-signal"]);
    }
}

#[test]
fn the_number_of_a_signal_is_a_number_in_a_declaration_too() {
    let declaration = "defaults: { on-rotation: restart, stop-signal: 3, poll-signal: 10 }\n";
    local().declaration(declaration).command(["true"]).run().launched();
}

#[test]
fn a_signal_that_is_never_forwarded_is_an_error() {
    for signal in ["KILL", "STOP", "CHLD", "PIPE", "TTIN", "TTOU", "SEGV", "BUS", "FPE", "ILL", "SIGKILL", "9"] {
        refused(&["--on-rotation", "restart", "--stop-signal", signal]).says(["--stop-signal", signal]);
        refused(&["--on-rotation", "restart", "--poll-signal", signal]).says(["--poll-signal", signal]);
        refused(&["--on-rotation", &format!("signal={signal}")]).says(["--on-rotation", signal]);
    }
}

#[test]
fn kill_as_the_signal_to_stop_is_answered_with_grace() {
    refused(&["--on-rotation", "restart", "--stop-signal", "KILL"]).says(["--grace 0s"]);
}

#[test]
fn the_signal_for_a_poll_is_not_one_that_the_command_needs() {
    for signal in ["TERM", "INT", "CONT", "sigterm", "15"] {
        let run = refused(&["--on-rotation", "restart", "--poll-signal", signal]);
        run.says(["--poll-signal", "command"]).says_nothing_of("did you mean");
    }
}

#[test]
fn the_signal_for_a_poll_is_neither_the_one_to_stop_nor_the_one_about_a_change() {
    let run = refused(&["--on-rotation", "restart", "--stop-signal", "QUIT", "--poll-signal", "SIGQUIT"]);
    run.says(["--poll-signal and --stop-signal exclude each other"]);
    let run = local().args(["--on-rotation", "signal=HUP", "--poll-signal", "1"]).declaration(FILE).run();
    run.refused(64).says(["--poll-signal and --on-rotation exclude each other"]);
}

#[test]
fn the_other_options_require_a_mode() {
    let options = ["--poll-interval=1m", "--splay=1s", "--stop-signal=INT", "--grace=1s", "--poll-signal=USR1"];
    let run = refused(&options);
    for option in options {
        run.says([&*format!("{} requires --on-rotation", option.split('=').next().unwrap())]);
    }
    let run = local().env("SECRETS_EXEC_GRACE", "1s").run();
    run.refused(64).says(["--grace requires --on-rotation"]);
}

#[test]
fn a_signal_without_a_file_that_has_a_path_is_an_error() {
    refused(&["--on-rotation", "signal=HUP"]).says(["path", "--on-rotation restart"]);
    let run = local().args(["--as-file", "B=x", "--on-rotation", "signal=HUP"]).run();
    run.refused(64).says(["path"]);
}

#[test]
fn check_reports_what_a_launch_would() {
    let check = |options: &[&str]| {
        Sandbox::new().arg("check").local(&format!(r#"{{"x":"{CANARY}"}}"#)).resolve("A=x").args(options).bare().run()
    };
    assert_eq!(check(&["--on-rotation", "restart"]).launched().stderr().matches("error").count(), 0);
    let run = check(&["--on-rotation", "signal=HUP"]);
    assert!(run.says(["--on-rotation signal=", "path"]).stderr().contains("error: "), "{run}");
    check(&["--splay", "1s"]).says(["--splay requires --on-rotation"]);
}

#[test]
fn export_and_policy_do_not_ask_for_a_file() {
    for command in [&["export", "--format", "json"][..], &["policy"]] {
        let run =
            Sandbox::new().args(command).arg("--no-file").resolve("A=prod/db:k").args(["--on-rotation", "signal=HUP"]);
        let run = run.region("us-east-1").bare().run();
        run.says_nothing_of("signal=");
    }
}

#[test]
fn the_values_of_the_options_are_completed() {
    let run = Sandbox::new().args(["completions", "bash"]).bare().run();
    let script = run.launched().stdout();
    for value in ["restart exit", "signal=HUP", "text json", "USR1"] {
        assert!(script.contains(value), "{value}: {script}");
    }
    assert!(!script.contains("KILL"), "{script}");
}
