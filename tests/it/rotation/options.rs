//! The options of `--on-rotation`: their values, their conflicts, and the commands that have them.

use super::*;

fn refused(sandbox: Sandbox, options: &[&str], says: &[&str]) -> Outcome {
    let run = sandbox.args(options).run();
    run.refused(64).says(says.iter().copied());
    run
}

#[test]
fn a_wrong_value_or_option_is_an_error_with_those_that_can_be_meant() {
    for (option, said) in [
        ("--on-rotation=restrat", "--on-rotation: \"restrat\" is not restart, signal=NAME or exit"),
        ("--on-rotate=exit", "--on-rotation"),
        ("--pol-interval=1m", "--poll-interval"),
    ] {
        refused(local(), &[option], &[said]);
    }
}

#[test]
fn options_that_require_another_are_an_error() {
    let options = ["--poll-interval=1m", "--splay=1s", "--stop-signal=INT", "--grace=1s", "--poll-signal=USR1"];
    let run = refused(local(), &options, &[]);
    for option in options {
        run.says([&*format!("{} requires --on-rotation", option.split('=').next().unwrap())]);
    }
    refused(local().env("SECRETS_EXEC_GRACE", "1s"), &[], &["--grace requires --on-rotation"]);
    // A signal would tell of nothing without a file that has a path.
    refused(local(), &["--as-file", "B=x", "--on-rotation", "signal=HUP"], &["path", "--on-rotation restart"]);
}

#[test]
fn check_reports_what_a_launch_would_and_export_and_policy_ask_for_no_file() {
    let check = |options: &[&str]| Sandbox::new().arg("check").local_secret().args(options).bare().run();
    assert_eq!(check(&["--on-rotation", "restart"]).launched().stderr().matches("error").count(), 0);
    check(&["--on-rotation", "signal=HUP"]).says(["error: ", "--on-rotation signal=", "path"]);
    check(&["--splay", "1s"]).says(["--splay requires --on-rotation"]);
    for command in [&["export", "--format", "json"][..], &["policy"]] {
        let run = Sandbox::new().args(command).args(["--no-file", "--on-rotation", "signal=HUP"]).resolve("A=x:k");
        run.region("us-east-1").bare().run().says_nothing_of("signal=");
    }
}
