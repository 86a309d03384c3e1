//! What a command leaves behind when its secret has changed: processes of its group, orphans in
//! groups and sessions of their own, and processes that can't be stopped.

use std::fs;
use std::path::Path;

use nix::sys::signal::Signal;

use super::*;
use crate::support::identity::has_ended;

/// A run whose first start runs `script`, and whose second start ends with status 7. The script has
/// a recorder of signals in `$1`, which ends after SIGTERM, and one in `$2`, which doesn't.
fn replaced(aws: &Aws, mode: &str, script: &str) -> Sandbox {
    let script = format!("[ -e record ] && exit 7\n{script}");
    let until_term = record::until_term();
    let recorders = [&*until_term[2], record::SIGNALS[2]];
    let command = [&["/bin/sh", "-c", &script, "sh"], &recorders[..]].concat();
    rotating(aws, mode).command(command).case(&script)
}

/// Starts the run, changes the secret, and waits for the end. Asserts that none of the recorders is
/// left, and returns the signals that they got.
fn signals_of_what_was_left(aws: &Aws, sandbox: Sandbox, status: Status) -> (Outcome, Vec<String>) {
    let run = Rotating::start(sandbox);
    aws.rotate("x", secret("v2", "two-4c7a1e"));
    run.request();
    let Rotating { sandbox, running } = run;
    let outcome = running.wait();
    outcome.ended(status);
    let (ready, signals): (Vec<_>, Vec<_>) = record::lines(&sandbox)
        .into_iter()
        .partition(|line| line.starts_with("ready"));
    for line in ready {
        let process = line.replace("ready ", "/proc/");
        assert!(!Path::new(&process).exists(), "{line} is left: {outcome}");
    }
    (outcome, signals)
}

const RECORDED: &str = "until [ -s record ]; do sleep 0.01; done";

#[test]
fn a_restart_and_an_exit_give_the_child_of_a_shell_that_ended_at_once_time_to_end() {
    for (mode, status) in [("restart", 7), ("exit", 75)] {
        let aws = first_version();
        let sandbox = replaced(
            &aws,
            &format!("{mode} --grace 1h"),
            "python3 -c \"$1\"; echo b",
        );
        let (_, signals) = signals_of_what_was_left(&aws, sandbox, Status::Exit(status));
        assert_eq!(signals, ["15"], "{mode}");
    }
}

#[test]
fn a_restart_and_an_exit_end_an_orphan_in_a_group_or_session_of_its_own() {
    let in_group = "import os; os.setpgid(0, 0)\n";
    let in_session = "import os; os.setsid()\n";
    for (mode, status) in [("restart", 7), ("exit", 75)] {
        for start in [in_group, in_session] {
            let aws = first_version();
            let script = format!("python3 -c \"{start}$1\" & {RECORDED}; exec sleep 60");
            let sandbox = replaced(&aws, &format!("{mode} --grace 1h"), &script);
            // A sidecar in the session of secrets-exec, which is that of the command, changes
            // nothing.
            let sandbox = sandbox.prepared_by("sleep 20 >/dev/null 2>&1 & exec \"$@\"");
            let (outcome, signals) = signals_of_what_was_left(&aws, sandbox, Status::Exit(status));
            assert_eq!(signals, ["15"], "{mode} {start}");
            outcome.says([": note: the process \"python3\" (process id "]);
            assert_eq!(outcome.stderr().matches("gets SIGTERM").count(), 1);
        }
    }
}

#[test]
fn an_orphan_that_ignores_sigterm_is_killed_before_the_restart() {
    let aws = first_version();
    let script = format!("setsid python3 -c \"$2\" & {RECORDED}; exec sleep 60");
    let sandbox = replaced(&aws, "restart --grace 100ms", &script);
    let (outcome, signals) = signals_of_what_was_left(&aws, sandbox, Status::Exit(7));
    assert_eq!(signals, ["15", "18"]);
    outcome.says(["a process that \"/bin/sh\" has left didn't end within 100ms (--grace)"]);
}

/// An entry script that starts a reader of its log, a sidecar, and two processes whose parent ends
/// once the file `adopt` exists. Each has a line with its process id in `bystanders`. secrets-exec
/// starts once the last of them has a session of its own, because it looks for sessions only once.
const ENTRY_SCRIPT: &str = "\
mkfifo pipe
cat <pipe >log 2>&1 & echo $! >>bystanders
exec >pipe
sleep 100 2>&1 & echo $! >>bystanders
orphan='until [ -e adopt ]; do sleep 0.02; done; sleep 100 & echo $! >>bystanders'
sh -c \"$orphan\" 2>&1 &
setsid sh -c \": >session; $orphan\" 2>&1 &
until [ -e session ]; do sleep 0.01; done
exec \"$@\"
";

#[test]
fn helpers_that_an_entry_script_has_started_outlive_a_restart_and_an_exit() {
    for mode in ["restart", "exit"] {
        let aws = first_version();
        let script = format!("echo line; {SLEEPER}");
        let sandbox = rotating(&aws, mode).case(mode).script(&script);
        let run = Rotating::start(sandbox.prepared_by(ENTRY_SCRIPT));
        fs::write(run.sandbox.path("adopt"), "").unwrap();
        // The command and the bystanders are the children once the two orphans are among them.
        record::await_fact("two orphans", || {
            run.text("bystanders").lines().count() == 4
        });
        let bystanders = run.text("bystanders");
        let is_child = |process: &str| run.children().contains(&process.to_owned());
        record::await_fact("bystanders", || {
            run.children().len() == 5 && bystanders.lines().all(is_child)
        });
        aws.rotate("x", secret("v2", "two-4c7a1e"));
        run.request();
        let starts = if mode == "restart" { 2 } else { 1 };
        run.await_lines(starts);
        let log = run.sandbox.path("log");
        let outcome = if mode == "restart" {
            run.end()
        } else {
            run.running.wait()
        };
        for process in bystanders.lines() {
            let is_gone = has_ended(&Path::new("/proc").join(process));
            assert!(!is_gone, "{process} of {bystanders}: {outcome}");
        }
        record::await_fact("a logged line for each start", || {
            fs::read_to_string(&log).is_ok_and(|text| text.lines().count() == starts)
        });
        for process in bystanders.lines() {
            running::send(nix::unistd::Pid::from_raw(process.parse().unwrap()), 9);
        }
    }
}

#[test]
fn a_daemon_that_an_entry_script_has_started_outlives_a_restart_without_a_signal() {
    let namespace = or_skip!(skip::pid_1());
    for mode in ["restart", "exit"] {
        let aws = first_version();
        let daemon = "(setsid python3 -c \"$0\" >/dev/null 2>&1 &); until [ -s record ]; do sleep 0.01; done; exec \"$@\"";
        let wrapper = [
            &namespace[..],
            &["/bin/sh", "-c", daemon, record::SIGNALS[2]],
        ]
        .concat();
        let run = Rotating::start(rotating(&aws, mode).case(mode).through(wrapper));
        run.await_lines(2);
        aws.rotate("x", secret("v2", "two-4c7a1e"));
        nix::sys::signal::kill(run.running.child(), Signal::SIGUSR2).unwrap();
        if mode == "restart" {
            run.await_lines(3);
            nix::sys::signal::kill(run.running.child(), Signal::SIGTERM).unwrap();
        }
        let Rotating { sandbox, running } = run;
        let outcome = running.wait();
        let signals = record::lines(&sandbox).into_iter();
        let signals =
            signals.filter(|line| !line.starts_with("start") && !line.starts_with("ready"));
        assert_eq!(signals.collect::<Vec<_>>(), [""; 0], "{outcome}");
    }
}

/// An init that starts its program in a session of its own, and passes SIGTERM on, as tini does.
const INIT: &str = "\
import os, signal, sys
program = os.fork()
if program == 0:
    os.setsid()
    os.execvp(sys.argv[1], sys.argv[1:])
signal.signal(signal.SIGTERM, lambda *_: os.kill(program, signal.SIGTERM))
os.waitpid(program, 0)
";

#[test]
fn the_program_of_an_init_is_not_left_behind_if_it_outlives_the_kill_of_the_init() {
    let aws = first_version();
    let script = format!("exec python3 -c \"{INIT}\" python3 -c \"$2\"");
    let sandbox = replaced(&aws, "restart --grace 100ms", &script);
    let (_, signals) = signals_of_what_was_left(&aws, sandbox, Status::Exit(7));
    // The init passes SIGTERM on. Once the program is an orphan, it is killed.
    assert_eq!(signals, ["15"]);
}

#[test]
fn a_process_in_another_session_stays_if_the_command_ends_by_itself() {
    let aws = first_version();
    let script = format!("setsid python3 -c \"$2\" & {RECORDED}; exit 5");
    let run = Rotating::start(replaced(&aws, "restart", &script));
    // The end of the output would come only with the end of the recorder.
    let recorder = run.await_lines(1)[0][1].parse().unwrap();
    running::send(nix::unistd::Pid::from_raw(recorder), record::END);
    run.running.wait().ended(Status::Exit(5));
}

#[test]
fn an_agent_that_credential_process_has_left_ends_with_the_next_restart() {
    let aws = first_version();
    let agent = "setsid sh -c 'echo $$ >>agents; exec sleep 600' >/dev/null 2>&1 </dev/null &";
    let keys = r#"{"Version":1,"AccessKeyId":"AKIAPROCESS","SecretAccessKey":"process-4c7a1e"}"#;
    let script = format!("#!/bin/sh\n[ -e agents ] || {{ {agent} }}\necho '{keys}'\n");
    let sandbox = rotating(&aws, "restart").without_keys();
    let config = "[default]\ncredential_process = ./keys\n";
    let run = Rotating::start(sandbox.executable("keys", &script).config(config));
    record::await_fact("an agent", || run.sandbox.path("agents").exists());
    let agent = || format!("/proc/{}", run.text("agents").trim());
    record::await_fact("the id of the agent", || agent().len() > "/proc/".len());
    assert!(Path::new(&agent()).exists(), "it stays after the start");
    run.rotate(&aws, "v2", "two-4c7a1e");
    run.await_lines(2);
    assert!(!Path::new(&agent()).exists(), "it ends with the restart");
    run.end();
}

/// Takes the capability to signal the processes of other users.
const WITHOUT_KILL: [&str; 3] = ["setpriv", "--bounding-set=-kill", "--inh-caps=-all"];

/// A run of a command that changes its user, so that it can't be stopped. Once the file `end`
/// exists, the command ends with status 4.
fn unstoppable(aws: &Aws, mode: &str) -> Sandbox {
    let until_end = "echo start $$ >>record; until [ -e end ]; do sleep 0.02; done; exit 4";
    let as_nobody = [
        "setpriv",
        "--reuid=65534",
        "--clear-groups",
        "--inh-caps=-all",
    ];
    let sandbox = rotating(aws, mode).command([&as_nobody[..], &["sh", "-c", until_end]].concat());
    let writable = sandbox.file("record", "").mode("record", 0o666);
    writable.mode("", 0o777).through(WITHOUT_KILL)
}

#[test]
fn a_command_that_has_changed_its_user_is_kept_and_no_line_says_that_it_was_killed() {
    or_skip!(skip::wrapper(WITHOUT_KILL, "a capability less"));
    for mode in ["restart --grace 0s", "exit --grace 0s"] {
        let aws = first_version();
        let run = Rotating::start(unstoppable(&aws, mode));
        for (version, value) in [("v2", "two-4c7a1e"), ("v3", "three-4c7a1e")] {
            run.rotate(&aws, version, value);
            record::await_fact("no launch", || run.children().len() == 1);
        }
        for _ in 0..2 {
            run.running.signal(Signal::SIGTERM);
            run.await_rest();
        }
        fs::write(run.sandbox.path("end"), "").unwrap();
        let Rotating { sandbox, running } = run;
        let outcome = running.wait();
        outcome.ended(Status::Exit(4));
        assert_eq!(record::lines(&sandbox).len(), 1, "a second command");
        let text = outcome.stderr();
        let error = "can't be stopped, because \"setpriv\" runs as another user";
        assert_eq!(text.matches(error).count(), 2, "{outcome}");
        let warning = "warning: SIGTERM can't be passed on";
        assert_eq!(text.matches(warning).count(), 1, "{outcome}");
        assert!(!text.contains("kill"), "{outcome}");
    }
}

#[test]
fn no_line_says_that_a_process_of_another_user_was_killed() {
    or_skip!(skip::wrapper(WITHOUT_KILL, "a capability less"));
    let aws = first_version();
    let print = "print(number, file=record)";
    let change_user = format!("if number == 15: os.setuid(65534)\n    {print}");
    let recorder = record::SIGNALS[2].replace(print, &change_user);
    // The output would end only with the recorder.
    let script = format!("python3 -c \"$1\" >recorder.txt 2>&1 & {RECORDED}; exec sleep 60");
    let command = ["/bin/sh", "-c", &script, "sh", &recorder];
    let sandbox = rotating(&aws, "restart --grace 1h").command(command);
    let run = Rotating::start(sandbox.through(WITHOUT_KILL));
    let recorder = run.await_lines(1)[0][1].parse().unwrap();
    aws.rotate("x", secret("v2", "two-4c7a1e"));
    run.request();
    run.await_lines(3);
    // The first SIGTERM cancels the restart, and the second one kills what is left.
    run.running.signal(Signal::SIGTERM);
    run.await_rest();
    run.running.signal(Signal::SIGTERM);
    let outcome = run.running.wait();
    running::send(nix::unistd::Pid::from_raw(recorder), record::END);
    outcome.ended(Status::Exit(143));
    outcome.says(["a process that \"/bin/sh\" has left can't be stopped"]);
    assert!(!outcome.stderr().contains("killed"), "{outcome}");
}

#[test]
fn as_a_unit_an_exit_ends_with_75_although_the_command_can_not_be_stopped() {
    or_skip!(skip::wrapper(WITHOUT_KILL, "a capability less"));
    let aws = first_version();
    let sandbox = unstoppable(&aws, "exit").env("INVOCATION_ID", "4c7a1e");
    let run = Rotating::start(sandbox);
    aws.rotate("x", secret("v2", "two-4c7a1e"));
    run.request();
    let command = run.values(1)[0].clone();
    let end = run.sandbox.path("end");
    let ours = run.running.proc("");
    // The command, which holds the output, ends only now.
    record::await_fact("the end", || has_ended(&ours));
    fs::write(end, "").unwrap();
    let outcome = run.running.wait();
    let error = format!("error: \"setpriv\" (process id {command}) can't be stopped");
    outcome.ended(Status::Exit(75)).says([&*error]);
    assert!(!outcome.stderr().contains("was stopped"), "{outcome}");
}
