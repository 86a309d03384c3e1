//! `credential_process` of a profile: its use of the terminal, and its end when the launch ends
//! early. `process.rows` has its output.

use std::fs;
use std::path::Path;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::identity::{
    HANGING, PROCESS_KEY, await_all_ended, processes, with_credential_process,
};
use crate::support::record::await_fact;
use crate::support::*;

::rows::rows!("tests/it/aws/process.rows");

#[test]
fn a_credential_process_is_run_again_if_its_credentials_expire_while_wait_waits() {
    let aws = served();
    let relay = Relay::start("127.0.0.1", NOWHERE);
    let script = "[ -e asked ] && touch again && exec cat answer.json; touch asked; sed \"s/PROCESS/EXPIRED/; s/}$/, \\\"Expiration\\\": \\\"$(date -u -d '+2 seconds' +%FT%TZ)\\\"}/\" answer.json";
    let sandbox = with_credential_process(&aws, script)
        .endpoint(&format!("http://{}", relay.address()))
        .args(["--wait", "20s", "--timeout", "1s"]);
    let again = sandbox.path("again");
    let running = sandbox.spawn();
    await_fact("the second credentials", || again.exists());
    relay.leads_to(aws.address());
    running.wait().launched_with_value();
    assert_eq!(aws.only_read().access_key(), PROCESS_KEY);
}

/// A script that leaves behind a child that keeps the output open, and writes the child's process
/// id to `processes`.
const LEAVING: &str = "sleep 1000 2>/dev/null & echo $! >draft; mv draft processes";

#[test]
fn a_credential_process_and_its_child_end_at_the_deadline_of_the_launch() {
    for script in [HANGING, LEAVING] {
        let sandbox = with_credential_process(&served(), script).timeout("3s");
        let said =
            "the credential_process of the profile \"default\" didn't print credentials in time";
        sandbox.run().refused(75, ["A (", said]);
        await_all_ended(&processes(&sandbox));
    }
}

#[test]
fn a_credential_process_may_leave_behind_an_agent_that_keeps_its_output_open() {
    let aws = served();
    let script = format!("cat answer.json; {LEAVING}");
    let sandbox = with_credential_process(&aws, &script).timeout("20s");
    sandbox.run().launched_with_value();
    for agent in processes(&sandbox) {
        let id = agent.file_name().unwrap().to_str().unwrap();
        kill(Pid::from_raw(id.parse().unwrap()), Signal::SIGKILL).unwrap();
    }
}

#[test]
fn a_child_of_a_credential_process_that_gives_no_credentials_is_ended() {
    for end in ["exit 3", "echo {}"] {
        let script = format!("{LEAVING}; {end}").replace("2>/dev/null", ">/dev/null 2>&1");
        let sandbox = with_credential_process(&served(), &script).case(end);
        sandbox.run().refused(77, ["the credential_process"]);
        await_all_ended(&processes(&sandbox));
    }
}

#[test]
fn a_launch_ends_at_its_deadline_even_if_the_start_of_a_credential_process_hangs() {
    let delay = "-f -P /usr/bin/sh -e trace=execve -e inject=execve:delay_enter=6s";
    let delayed = or_skip!(skip::traced(delay));
    let aws = served();
    for (timeout, end) in [
        ("1s", "+++ exited with 75 +++"),
        ("60s", "+++ killed by SIGTERM +++"),
    ] {
        let sandbox = with_credential_process(&aws, HANGING)
            .timeout(timeout)
            .through(&delayed)
            .target_writes_stderr();
        let running = sandbox.spawn();
        let trace = || fs::read_to_string(sandbox.path("trace")).unwrap_or_default();
        if timeout == "60s" {
            await_fact("the call", || trace().contains("execve("));
            kill(running.child(), Signal::SIGTERM).unwrap();
        }
        await_fact("the end of the launch", || trace().contains(end));
        assert!(!trace().contains("DELAYED"), "{}", trace());
        // strace ends together with the system call.
        drop(running);
    }
}

#[test]
fn a_signal_to_secrets_exec_also_ends_a_credential_process_and_its_children() {
    use Signal::*;
    for signal in [SIGTERM, SIGINT, SIGHUP, SIGQUIT] {
        let aws = served();
        let sandbox = with_credential_process(&aws, HANGING).script("touch started");
        let running = sandbox.spawn();
        let processes = processes(&sandbox);
        running.ends_by(signal);
        await_all_ended(&processes);
        assert!(!sandbox.path("started").exists());
    }
}

#[test]
fn a_signal_ends_the_children_even_of_a_credential_process_that_has_just_started() {
    // The launch learns only after two seconds that the process has executed its program.
    let delay = "-f -e trace=recvfrom -e inject=recvfrom:delay_exit=2s";
    let delayed = or_skip!(skip::traced(delay));
    let aws = served();
    let script = "sh -c 'echo $$ >child; exec sleep 1000' & wait";
    let sandbox = with_credential_process(&aws, script)
        .through(delayed)
        .target_writes_stderr();
    let running = sandbox.spawn();
    let child = || fs::read_to_string(sandbox.path("child")).unwrap_or_default();
    await_fact("the id of the child", || child().ends_with('\n'));
    kill(running.child(), Signal::SIGTERM).unwrap();
    await_all_ended(&[Path::new("/proc").join(child().trim())]);
}

#[test]
fn a_signal_that_was_ignored_before_the_launch_does_not_end_the_credential_process() {
    let aws = served();
    let script = "touch begun; until test -e go; do sleep 0.02; done; cat answer.json";
    let sandbox = with_credential_process(&aws, script).through(["env", "--ignore-signal=HUP"]);
    let running = sandbox.spawn();
    await_fact("the process has begun", || sandbox.path("begun").exists());
    running.signal(Signal::SIGHUP);
    let _sandbox = sandbox.file("go", "");
    running.wait().launched_with_value();
}

/// A script that prompts on the terminal, as for an MFA code.
const ASKING: &str =
    "printf 'code? ' >/dev/tty; read code </dev/tty; printf \"<$code>\" >/dev/tty; cat answer.json";

#[test]
fn a_credential_process_can_ask_on_the_terminal_before_the_command_gets_it() {
    let reading = "printf \"$A? \" >/dev/tty; read line </dev/tty; printf \"<$line>\" >/dev/tty";
    let answered = "code? <123>v-4c7a1e? <456>[status 0]\n";
    let stopped = "code? [stopped]<123>[status 0]\n";
    for (command, (shown, typed), expected) in [
        (reading, ("code? |v-4c7a1e? ", "123\\n|456\\n"), answered),
        ("true", ("code? |[stopped]", "\\x1a|123\\n"), stopped),
    ] {
        let aws = served();
        let sandbox = with_credential_process(&aws, ASKING).script(command);
        let sandbox = at_a_terminal(sandbox.prints_values(), &[], shown, typed);
        or_skip!(sandbox).run().launched().printed(expected);
    }
}

#[test]
fn ctrl_c_ends_the_launch_with_its_credential_process_and_restores_the_terminal() {
    let asking = format!("stty echo </dev/tty; {ASKING}");
    let silent = "echo $$ >draft; mv draft processes; printf ready >/dev/tty; sleep 300";
    for (script, shown) in [(asking.as_str(), "code? "), (silent, "ready")] {
        let sandbox = with_credential_process(&served(), script);
        let sandbox = or_skip!(at_a_terminal(sandbox, &[], shown, "\\x03"));
        let run = sandbox.run();
        run.launched();
        // The terminal echoes "^C" after it has sent the signal. By then the launch may already
        // have printed its line and restored the modes.
        let text = run.stdout().replacen("^C", "", 1);
        let begin = format!("{shown}secrets-exec: error: SIGINT ended secrets-exec after ");
        let is_ended = text.starts_with(&begin) && text.ends_with("\n[signal 2]\n");
        assert!(is_ended, "{run}");
        if script == silent {
            await_all_ended(&processes(&sandbox));
        }
    }
}

#[test]
fn the_terminal_is_restored_if_the_timeout_ends_a_question_of_a_credential_process() {
    let asking = "stty echo </dev/tty; printf 'code? ' >/dev/tty; read code </dev/tty";
    let sandbox = with_credential_process(&served(), asking).timeout("3s");
    let run = or_skip!(at_a_terminal(sandbox, &[], "", "")).run();
    run.launched();
    assert!(run.stdout().ends_with("[status 75]\n"), "{run}");
}
