//! Job control with `--on-rotation`: the command as the terminal's foreground job, Ctrl-C and Ctrl-Z.

use crate::support::aws::Aws;
use crate::support::aws::secret::Secret;
use crate::support::outcome::Outcome;
use crate::support::sandbox::{self, Sandbox};
use crate::support::terminal::{at_a_terminal, leading_a_session};

fn served() -> Aws {
    Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#))
}

fn sandbox(aws: &Aws) -> Sandbox {
    sandbox::sandbox(aws).args(["--on-rotation", "restart", "--poll-interval", "1h"])
}

/// Runs a script on a terminal, on which `typed` is typed once `shown` is shown, and returns what the terminal showed; `None` where
/// there are no terminals.
fn shown(sandbox: Sandbox, script: &str, wrapper: &[&str], shown: &str, typed: &str) -> Option<(Outcome, String)> {
    let outcome = at_a_terminal(sandbox.script(script), wrapper, shown, typed)?.run();
    let stdout = outcome.stdout().to_owned();
    Some((outcome, stdout))
}

#[test]
fn the_command_reads_from_the_terminal() {
    let aws = served();
    let script = "echo ready; read line; echo got $line";
    let Some((run, output)) = shown(sandbox(&aws), script, &[], "ready", "hello\\n") else { return };
    assert_eq!(output, "ready\ngot hello\n[status 0]\n", "{run}");
    run.launched();
}

/// A script that counts the interrupts that come before a USR1.
const COUNT: &str = "\
trap 'count=$((count+1))' INT; trap 'echo $count; exit 0' USR1; echo ready
while [ -z \"$count\" ]; do sleep 0.01; done; sleep 0.2; kill -USR1 $$; sleep 60";

#[test]
fn ctrl_c_reaches_the_foreground_command_once() {
    let aws = served();
    let Some((run, output)) = shown(sandbox(&aws), COUNT, &[], "ready", "\\x03") else { return };
    assert_eq!(output, "ready\n1\n[status 0]\n", "{run}");
}

#[test]
fn ctrl_c_reaches_a_command_with_another_output_once() {
    let aws = served();
    let wrapper = ["sh", "-c", "exec \"$@\" 3>&1 > output", "sh"];
    let script = COUNT.replace("echo ready", "echo ready >&3").replace("echo $count", "echo $count >&3");
    let Some((run, output)) = shown(sandbox(&aws), &script, &wrapper, "ready", "\\x03") else { return };
    assert_eq!(output, "ready\n1\n[status 0]\n", "{run}");
}

#[test]
fn ctrl_c_that_kills_the_command_gives_130() {
    let aws = served();
    let Some((run, output)) = shown(sandbox(&aws), "echo ready; exec sleep 60", &[], "ready", "\\x03") else { return };
    assert_eq!(output, "ready\n[status 130]\n", "{run}");
}

#[test]
fn ctrl_z_stops_us_with_the_command_and_the_shell_continues_both() {
    let aws = served();
    let script = "echo ready; read line; echo got $line";
    let steps = ("ready|[stopped]", "\\x1a|hello\\n");
    let Some((run, output)) = shown(sandbox(&aws), script, &[], steps.0, steps.1) else { return };
    assert_eq!(output, "ready\n[stopped]got hello\n[status 0]\n", "{run}");
}

#[test]
fn a_command_with_another_output_gets_the_terminal_once_it_reads_from_it() {
    let aws = served();
    let script = "echo ready >&3; read line; echo got $line >&3";
    let Some((run, output)) = shown(sandbox(&aws), script, &TO_A_FILE, "ready", "hello\\n") else { return };
    assert_eq!(output, "ready\ngot hello\n[status 0]\n", "{run}");
}

#[test]
fn a_pipeline_stops_as_a_whole_with_the_command() {
    let aws = served();
    // The shell of the terminal awaits the shell of the pipeline.
    let wrapper = ["sh", "-c", "\"$@\" | cat", "sh"];
    let script = "echo ready; read line; echo got $line";
    let steps = ("ready|[stopped]", "\\x1a|hello\\n");
    let Some((run, output)) = shown(sandbox(&aws), script, &wrapper, steps.0, steps.1) else { return };
    assert_eq!(output, "ready\n[stopped]got hello\n[status 0]\n", "{run}");
}

#[test]
fn ctrl_c_ends_the_script_around_us_as_well() {
    let aws = served();
    let wrapper = ["sh", "-c", "\"$@\"; echo after", "sh"];
    let script = "echo ready; exec sleep 60";
    let Some((run, output)) = shown(sandbox(&aws), script, &wrapper, "ready", "\\x03") else { return };
    assert_eq!(output, "ready\n[signal 2]\n", "{run}");
}

/// A run whose standard output is a file, with the terminal as descriptor 3.
const TO_A_FILE: [&str; 4] = ["sh", "-c", "exec \"$@\" 3>&1 > output", "sh"];

#[test]
fn a_command_with_another_output_reads_from_the_terminal_of_a_container() {
    let aws = served();
    let sandbox = sandbox(&aws).script("echo ready >&3; read line; echo got $line >&3");
    let Some(sandbox) = leading_a_session(sandbox, &TO_A_FILE, "ready", "hello\\n") else { return };
    sandbox.run().launched().printed("ready\ngot hello\n");
}

#[test]
fn ctrl_z_that_no_shell_could_undo_stops_nothing() {
    let aws = served();
    let sandbox = sandbox(&aws).script("echo ready; read line; echo got $line");
    let Some(sandbox) = leading_a_session(sandbox, &[], "ready", "\\x1ahello\\n") else { return };
    sandbox.run().launched().printed("ready\ngot hello\n");
}

#[test]
fn the_modes_of_the_terminal_are_restored_after_a_command_that_was_killed() {
    let aws = served();
    // The shell of the terminal fails if it has an echo at the end.
    let Some((run, output)) = shown(sandbox(&aws), "stty echo; kill -KILL $$", &[], "", "") else { return };
    assert_eq!(output, "[status 137]\n", "{run}");
    run.launched();
}

#[test]
fn a_command_that_ends_by_itself_keeps_the_modes_that_it_set() {
    let aws = served();
    let Some((run, _)) = shown(sandbox(&aws), "stty echo", &[], "", "") else { return };
    run.ended(crate::support::outcome::Status::Exit(1));
}
