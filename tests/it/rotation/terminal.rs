//! Job control: the command as the terminal's foreground job, Ctrl-C and Ctrl-Z.

use super::*;
use crate::support::terminal::{at_a_terminal, leading_a_session};

fn quiet(aws: &Aws) -> Sandbox {
    restarting(aws).arg("-q")
}

const READS: &str = "echo ready; read line; echo got $line";

/// Like [`READS`], for a run through [`TO_A_FILE`].
const READS_BESIDE: &str = "echo ready >&3; read line; echo got $line >&3";

/// Counts the interrupts that come before a USR1.
const COUNTS: &str = "\
trap 'count=$((count+1))' INT; trap 'echo $count; exit 0' USR1; echo ready
while [ -z \"$count\" ]; do sleep 0.01; done; sleep 0.2; kill -USR1 $$; sleep 60";

const SLEEPS: &str = "echo ready; exec sleep 60";

/// A run whose standard output is a file, with the terminal as descriptor 3.
const TO_A_FILE: &[&str] = &["sh", "-c", "exec \"$@\" 3>&1 > output", "sh"];

/// A run in a pipeline. The shell of the terminal awaits the shell of the pipeline.
const IN_A_PIPELINE: &[&str] = &["sh", "-c", "\"$@\" | cat", "sh"];

const CTRL_C: (&str, &str) = ("ready", "\\x03");
const CTRL_Z: (&str, &str) = ("ready|[stopped]", "\\x1a|hello\\n");
const HELLO: (&str, &str) = ("ready", "hello\\n");

#[test]
fn the_command_is_the_foreground_job_of_the_terminal() {
    let counts_beside = COUNTS
        .replace("echo ready", "echo ready >&3")
        .replace("echo $count", "echo $count >&3");
    let in_a_script = ["sh", "-c", "\"$@\"; echo after", "sh"];
    let aws = served();
    for (script, wrapper, (shown, typed), output, what) in [
        (
            READS,
            &[][..],
            HELLO,
            "ready\ngot hello\n[status 0]\n",
            "it reads from the terminal",
        ),
        (
            READS_BESIDE,
            TO_A_FILE,
            HELLO,
            "ready\ngot hello\n[status 0]\n",
            "even with another output",
        ),
        (
            COUNTS,
            &[],
            CTRL_C,
            "ready\n1\n[status 0]\n",
            "Ctrl-C reaches it once",
        ),
        (
            &counts_beside,
            TO_A_FILE,
            CTRL_C,
            "ready\n1\n[status 0]\n",
            "Ctrl-C reaches it once with another output",
        ),
        (
            SLEEPS,
            &[],
            CTRL_C,
            "ready\n[status 130]\n",
            "Ctrl-C that kills it gives 130",
        ),
        (
            SLEEPS,
            &in_a_script,
            CTRL_C,
            "ready\n[signal 2]\n",
            "Ctrl-C ends the script around us as well",
        ),
        (
            READS,
            &[],
            CTRL_Z,
            "ready\n[stopped]got hello\n[status 0]\n",
            "Ctrl-Z stops us with it",
        ),
        (
            READS,
            IN_A_PIPELINE,
            CTRL_Z,
            "ready\n[stopped]got hello\n[status 0]\n",
            "a pipeline stops as a whole",
        ),
    ] {
        let Some(sandbox) =
            at_a_terminal(quiet(&aws).script(script).case(what), wrapper, shown, typed)
        else {
            return;
        };
        sandbox.run().launched().printed(output);
    }
}

#[test]
fn the_terminal_modes_that_a_command_set_stay_after_the_command_has_ended() {
    let aws = served();
    let Some(sandbox) = at_a_terminal(quiet(&aws).script("stty echo"), &[], "", "") else {
        return;
    };
    sandbox.run().ended(Status::Exit(1));
}

#[test]
fn at_a_containers_terminal_the_command_reads_input_and_ctrl_z_does_not_stop_the_run() {
    let aws = served();
    for (script, wrapper, typed) in [
        (READS_BESIDE, TO_A_FILE, "hello\\n"),
        (READS, &[], "\\x1ahello\\n"),
    ] {
        let Some(sandbox) = leading_a_session(quiet(&aws).script(script), wrapper, "ready", typed)
        else {
            return;
        };
        sandbox.run().launched().printed("ready\ngot hello\n");
    }
}

#[test]
fn a_restarted_command_reads_from_the_terminal_as_the_foreground_job() {
    let values = |value: &str| format!(r#"{{"x": {{"k": "{CANARY}/{value}"}}}}"#);
    let script = format!(
        "if [ -e second ]; then {READS}; exit; fi
touch second; echo '{}' > local.json; kill -USR2 $PPID; exec sleep 60",
        values("new")
    );
    let sandbox = Sandbox::new()
        .local(&values("old"))
        .resolve("A=x:k")
        .arg("-q")
        .script(&script);
    let sandbox = sandbox.args([
        "--on-rotation",
        "restart",
        "--poll-interval",
        "1h",
        "--poll-signal",
        "USR2",
    ]);
    let Some(sandbox) = at_a_terminal(sandbox, &[], HELLO.0, HELLO.1) else {
        return;
    };
    sandbox
        .run()
        .launched()
        .printed("ready\ngot hello\n[status 0]\n");
}
