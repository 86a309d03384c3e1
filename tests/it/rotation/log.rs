//! The lines of a rotation as JSON, and a standard error that nobody reads.

use std::fs;

use serde_json::{Value, json};

use super::*;

const JSON: [&str; 2] = ["--log-format", "json"];

/// Changes the secret once. If the run doesn't end because of that, SIGTERM ends it.
fn run_with_one_change(rotation: &str) -> Outcome {
    let aws = first_version();
    let sandbox = rotating(&aws, rotation).command(record::until_term());
    let sandbox = sandbox.declaration(
        "secrets: { x: x }
env: { EMPTY: { template: '{{ env.NONE }}{{ x.k | replace(''one-4c7a1e'', '''') | replace(''two-4c7a1e'', '''') }}' }, TEXT: { value: '{{ x.k }}' } }
files: [{ from: 'x:k', path: file }]
",
    );
    let run = Rotating::start(sandbox.env("NONE", ""));
    aws.rotate("x", secret("v2", "two-4c7a1e"));
    run.request();
    run.await_lines(if rotation.starts_with("restart") {
        3
    } else {
        2
    });
    if rotation.starts_with("exit") {
        let outcome = run.running.wait();
        outcome.ended(Status::Exit(75));
        return outcome;
    }
    let outcome = run.end();
    outcome.ended(Status::Exit(3));
    outcome
}

fn events_named<'a>(events: &'a [Value], name: &str) -> Vec<&'a Value> {
    let events = events.iter();
    events.filter(|event| event["event"] == name).collect()
}

#[test]
fn the_json_log_has_the_event_versions_and_process_ids_of_each_step_of_a_rotation() {
    const RESTART: &str = r#"{"event":"started","pid":1}
{"event":"changed","variables":["A","file"],"secrets":[{"id":"x","old_version":"v1","new_version":"v2"}]}
{"event":"stopping","variables":["A","file"]}
{"event":"ended","pid":1,"status":3}
{"event":"restarted","pid":2,"variables":["A","file"]}
{"event":"ended","pid":2,"status":3}"#;
    const EXIT: &str = r#"{"event":"started","pid":1}
{"event":"changed","variables":["A","file"],"secrets":[{"id":"x","old_version":"v1","new_version":"v2"}]}
{"event":"stopping","variables":["A","file"]}
{"event":"ended","pid":1,"status":3}
{"event":"exiting","status":75,"variables":["A","file"]}"#;
    const SIGNAL: &str = r#"{"event":"started","pid":1}
{"event":"fixed","variables":["A","EMPTY"]}
{"event":"changed","variables":["file"],"secrets":[{"id":"x","old_version":"v1","new_version":"v2"}]}
{"event":"not_changed","variables":["A"],"help":["restart \"python3\", or use --on-rotation restart"]}
{"event":"signalled","signal":"SIGHUP","variables":["file"]}
{"event":"ended","pid":1,"status":3}"#;
    for (mode, steps) in [("restart", RESTART), ("exit", EXIT), ("signal=HUP", SIGNAL)] {
        let run = run_with_one_change(&format!("{mode} --log-format json"));
        let mut events = run.events();
        let count = |text: &str| run.stderr().matches(text).count();
        assert_eq!(count("is on a disk"), 1, "polls don't repeat it: {run}");
        assert_eq!(count("the value contains {{ as plain text"), 1, "{run}");
        // A restart is a start of its own. With `signal=`, the command doesn't get new variables.
        let starts = if mode == "restart" { 2 } else { 1 };
        assert_eq!(count("\"an empty value"), starts, "{run}");
        events.retain(|event| event["event"] != "warning");
        let mut processes = Vec::new();
        for event in &mut events {
            let members = event.as_object_mut().unwrap();
            members.retain(|name, _| !["time", "logger", "level", "message"].contains(&&**name));
            if let Some(process) = members.get_mut("pid") {
                if !processes.contains(process) {
                    processes.push(process.clone());
                }
                let place = processes.iter().position(|known| known == process);
                *process = json!(place.unwrap() + 1);
            }
        }
        let steps = steps
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        assert_eq!(events, steps.collect::<Vec<Value>>(), "{run}");
    }
}

#[test]
fn with_v_a_rotation_logs_versions_and_process_ids_and_with_qq_it_logs_nothing() {
    run_with_one_change("restart -v").says([
        "note: A and file changed (the secret \"x\", version v1 -> v2)",
        "\"python3\" exited with status 3",
        "\"python3\" was started, with process id ",
    ]);
    for options in ["restart -qq", "restart -qq --log-format json"] {
        assert_eq!(run_with_one_change(options).stderr(), "");
    }
}

#[test]
fn several_failed_polls_in_a_row_cause_one_warning_and_the_recovery_one_note() {
    let aws = first_version();
    let run = Rotating::start(rotating(&aws, "restart").args(JSON));
    for _ in 0..2 {
        aws.begin_to_fail("GetSecretValue", fault::denied("x"));
        run.poll(&aws);
        run.poll(&aws);
        aws.recover("GetSecretValue");
        run.poll(&aws);
    }
    let outcome = run.end();
    let events = outcome.events();
    let failed = events_named(&events, "poll_failed");
    let recovered = events_named(&events, "poll_recovered");
    assert_eq!((failed.len(), recovered.len()), (2, 2), "{outcome}");
    let failed = failed[0];
    let found = (&failed["level"], &failed["variables"], &failed["secret"]);
    assert_eq!(found, (&json!("warning"), &json!(["A"]), &json!("x")));
    assert_eq!(failed["help"].as_array().unwrap().len(), 1, "{failed}");
    let notes = failed["notes"].to_string();
    assert!(notes.contains("AWS says: AccessDeniedException"), "{notes}");
}

/// Replaces standard error with one that nobody reads, and then becomes the run. Its argument is
/// one of these:
///
/// - `pipe`: a full pipe.
/// - `foreign pipe`: a full pipe that another user made, so that it can't be opened again.
/// - `drained pipe`: a full pipe whose writers don't block, as Node.js may leave it.
/// - `terminal`: a terminal that is stopped, as by Ctrl-S.
///
/// Once the file `drain` exists, everything is read from the drained pipe. At the end, the file
/// `whole log` has it.
const UNREAD: &str = r"
import os, pty, sys, termios, time

def full_pipe():
    read, write = os.pipe()
    os.set_inheritable(read, True)
    os.set_blocking(write, False)
    for size in (4096, 1):
        try:
            while True: os.write(write, b'-' * size)
        except BlockingIOError:
            pass
    return read, write

def copy_in_background(read, write):
    if os.fork() > 0: return
    os.setsid()
    os.close(write)
    for number in (1, 2): os.dup2(os.open('/dev/null', os.O_RDWR), number)
    while not os.path.exists('drain'): time.sleep(0.01)
    log = os.open('log', os.O_WRONLY | os.O_CREAT)
    while data := os.read(read, 1 << 20): os.write(log, data)
    os.rename('log', 'whole log')
    os._exit(0)

kind = sys.argv[1]
if kind == 'terminal':
    master, descriptor = pty.openpty()
    os.set_inheritable(master, True)
    termios.tcflow(descriptor, termios.TCOOFF)
elif kind == 'drained pipe':
    read, descriptor = full_pipe()
    copy_in_background(read, descriptor)
else:
    if kind == 'foreign pipe': os.seteuid(1234)
    read, descriptor = full_pipe()
    if kind == 'foreign pipe': os.seteuid(0)
    os.set_blocking(descriptor, True)
os.dup2(descriptor, 2)
os.execvp(sys.argv[2], sys.argv[2:])
";

/// Lets root open only what root's own permissions allow, so that it can't open another user's
/// pipe.
const WITHOUT_OVERRIDE: [&str; 3] = [
    "setpriv",
    "--bounding-set=-dac_override,-dac_read_search",
    "--inh-caps=-all",
];

/// A run with JSON lines on a standard error of this kind, which nobody reads.
fn with_unread_log(sandbox: Sandbox, kind: &str) -> Sandbox {
    let unread = ["python3", "-c", UNREAD, kind];
    let wrapper = [&unread[..], &WITHOUT_OVERRIDE].concat();
    sandbox.args(JSON).through(wrapper)
}

/// Lets the log be read, sends a signal, and waits for the end. Returns the events in the log.
fn events_after_drain(run: Rotating, signal: i32) -> Vec<Value> {
    let Rotating { sandbox, running } = run;
    fs::write(sandbox.path("drain"), "").unwrap();
    let log = sandbox.path("log");
    let has_room = || fs::metadata(&log).is_ok_and(|log| log.len() > 4096);
    record::await_fact("room in the pipe", has_room);
    running.send(signal);
    running.wait();
    let log = sandbox.path("whole log");
    record::await_fact("the end of the log", || log.exists());
    let log = fs::read_to_string(log).unwrap();
    let lines = log.trim_start_matches('-').lines();
    let events = lines.map(|line| serde_json::from_str(line).unwrap());
    events.collect()
}

fn event_names(events: &[Value]) -> Vec<&Value> {
    events.iter().map(|event| &event["event"]).collect()
}

#[test]
fn the_command_is_restarted_and_ended_even_if_nobody_reads_the_log() {
    or_skip!(skip::wrapper(WITHOUT_OVERRIDE, "a pipe of another user"));
    for kind in ["pipe", "foreign pipe", "terminal"] {
        let aws = first_version();
        let sandbox = with_unread_log(rotating(&aws, "restart"), kind).case(kind);
        let run = Rotating::start(sandbox);
        // The new program has a warning, too: about the space.
        run.rotate(&aws, "v2", "two-4c7a1e ");
        assert_eq!(run.values(2), ["one-4c7a1e", "two-4c7a1e"], "{kind}");
        run.end().ended(Status::Exit(143));
    }
}

#[test]
fn lines_that_nobody_reads_are_dropped_and_later_lines_arrive() {
    let aws = first_version();
    let sandbox = rotating(&aws, "restart").command(record::SIGNALS);
    let run = Rotating::start(with_unread_log(sandbox, "drained pipe"));
    let events = events_after_drain(run, record::END);
    // The line about the start of the command was dropped.
    assert_eq!(event_names(&events), ["ended"]);
}

#[test]
fn a_line_that_is_longer_than_what_a_pipe_takes_at_once_is_whole() {
    let aws = first_version();
    // Each of these variables is named in the line about a failed poll.
    let variables = (0..240).map(|number| format!(" -e VARIABLE_WITH_A_LONG_NAME_{number}=x:k"));
    let options = "restart".to_owned() + &variables.collect::<String>();
    let run = Rotating::start(rotating(&aws, &options).args(JSON));
    aws.begin_to_fail("GetSecretValue", fault::denied("x"));
    run.poll(&aws);
    let events = run.end().events();
    assert_eq!(event_names(&events), ["started", "poll_failed", "ended"]);
}
