//! Job control: the command as the terminal's foreground job, Ctrl-C and Ctrl-Z.

use super::*;

/// A run like [`restarting`] that prints nothing of its own.
fn quiet(aws: &Aws) -> Sandbox {
    restarting(aws).arg("-q")
}

const READS: &str = "echo ready; read line; echo got $line";

/// Counts the interrupts that come before a USR1.
const COUNTS: &str = "\
trap 'count=$((count+1))' INT; trap 'echo $count; exit 0' USR1; echo ready
while [ -z \"$count\" ]; do sleep 0.01; done; sleep 0.2; kill -USR1 $$; sleep 60";

/// Waits for a single process. In a loop of many short ones, Ctrl-Z could stop a process between
/// vfork(2) and execve(2), and the shell, which waits in vfork(2), couldn't stop before that
/// process continues.
const CONTINUES: &str = "trap 'kill $!; echo continued; exit 0' CONT; sleep 60 & echo ready; wait";

/// Two children, and each waits to be continued.
const TWO_CHILDREN: &str = "\
for child in 1 2; do
(trap 'kill $!; echo continued; exit 0' CONT; sleep 60 & touch $child; wait) &
done
until [ -e 1 ] && [ -e 2 ]; do sleep 0.01; done; echo ready; wait; wait";

const SLEEPS: &str = "echo ready; exec sleep 60";

/// A run whose standard output is a file. The terminal is its descriptor 3.
const TO_A_FILE: &[&str] = &["sh", "-c", "exec \"$@\" 3>&1 > output", "sh"];

/// A run in a pipeline. The terminal's shell waits for the shell of the pipeline.
const IN_A_PIPELINE: &[&str] = &["sh", "-c", "\"$@\" | cat", "sh"];

/// A script that reads from the terminal after its pipeline.
const BEFORE_A_READ: &[&str] = &["sh", "-c", "\"$@\" | cat; read line; echo then $line", "sh"];

/// A run whose output is shown by a pager, which reads from the terminal.
const IN_A_PAGER: &[&str] = &[
    "sh",
    "-c",
    "\"$@\" | { read first; echo $first; read line </dev/tty; echo pager got $line; }",
    "sh",
];

const CTRL_C: (&str, &str) = ("ready", "\\x03");
const CTRL_Z: (&str, &str) = ("ready|[stopped]", "\\x1a|hello\\n");
const HELLO: (&str, &str) = ("ready", "hello\\n");

#[test]
fn with_on_rotation_the_command_reads_from_the_terminal_and_gets_ctrl_c_and_ctrl_z() {
    let beside = COUNTS.replace("ready", "ready >&3");
    let beside = beside.replace("echo $count", "echo $count >&3");
    let stopped = "ready\n[stopped]got hello\n[status 0]\n";
    let continued = "ready\n[stopped]continued\n[status 0]\n";
    let both_continued = "ready\n[stopped]continued\ncontinued\n[status 0]\n";
    let aws = served();
    for (script, wrapper, (shown, typed), output) in [
        (READS, &[][..], HELLO, "ready\ngot hello\n[status 0]\n"),
        // Ctrl-C reaches the command once, also with another output.
        (COUNTS, &[], CTRL_C, "ready\n1\n[status 0]\n"),
        (&beside, TO_A_FILE, CTRL_C, "ready\n1\n[status 0]\n"),
        (SLEEPS, &[], CTRL_C, "ready\n[status 130]\n"),
        // Ctrl-Z stops secrets-exec together with the command, and a pipeline as a whole.
        (READS, &[], CTRL_Z, stopped),
        (CONTINUES, IN_A_PIPELINE, CTRL_Z, continued),
        (TWO_CHILDREN, &[], CTRL_Z, both_continued),
    ] {
        let sandbox = quiet(&aws).script(script).case(output);
        let sandbox = or_skip!(at_a_terminal(sandbox, wrapper, shown, typed));
        sandbox.run().launched().printed(output);
    }
}

#[test]
fn with_on_rotation_a_command_whose_output_is_in_a_pipe_can_read_from_the_terminal() {
    let aws = served();
    let typed = ("ready|got hello", "hello\\n|world\\n");
    let shown = "ready\ngot hello\nthen world\n[status 0]\n";
    let sandbox = quiet(&aws).script(READS);
    let sandbox = or_skip!(at_a_terminal(sandbox, BEFORE_A_READ, typed.0, typed.1));
    sandbox.run().launched().printed(shown);
}

#[test]
fn with_on_rotation_a_pager_in_the_same_pipeline_can_read_from_the_terminal() {
    let aws = served();
    let sandbox = quiet(&aws).script("exec 2>/dev/null; while echo ready; do sleep 0.1; done");
    let sandbox = or_skip!(at_a_terminal(sandbox, IN_A_PAGER, HELLO.0, HELLO.1));
    let shown = "ready\npager got hello\n[status 0]\n";
    sandbox.run().launched().printed(shown);
}

#[test]
fn terminal_settings_that_the_command_changes_remain_changed_after_it_ends() {
    let aws = served();
    let sandbox = or_skip!(at_a_terminal(quiet(&aws).script("stty echo"), &[], "", ""));
    sandbox.run().ended(Status::Exit(1));
}

#[test]
fn a_command_in_a_container_reads_from_the_terminal_and_ctrl_z_does_not_stop_it() {
    let aws = served();
    let session = terminal("session", "ready", "\\x1ahello\\n");
    let sandbox = quiet(&aws).env("NO_COLOR", "1").script(READS);
    sandbox
        .through(session)
        .run()
        .launched()
        .printed("ready\ngot hello\n");
}

#[test]
fn a_restarted_command_reads_from_the_terminal_as_the_foreground_job() {
    let script = format!(
        "if [ -e second ]; then {READS}; exit; fi
touch second; echo '{}' > local.json; kill -USR2 $PPID; exec sleep 60",
        local_secret("new")
    );
    let sandbox = rotating_locally("restart -q").script(&script);
    let sandbox = or_skip!(at_a_terminal(sandbox, &[], HELLO.0, HELLO.1));
    let shown = "ready\ngot hello\n[status 0]\n";
    sandbox.run().launched().printed(shown);
}
