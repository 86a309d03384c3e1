//! The restart, with all new values and none of the old ones; and the exit that can replace it.

use std::fs;

use super::*;

#[test]
fn the_old_command_keeps_running_if_a_new_value_cannot_be_passed_on() {
    let aws = first_version();
    // Ten times 120,000 bytes are more than a quarter of 4 MiB, while each value is below the limit
    // for a single string.
    let sandbox = rotating(&aws, "restart");
    let sandbox = ('B'..='J').fold(sandbox, |sandbox, name| {
        sandbox.resolve(&format!("{name}=x:k"))
    });
    let declaration = "env: { P: { from: \"x:k\", pattern: \"^[a-z]\" } }\n";
    let sandbox = sandbox.declaration(declaration);
    let run = Rotating::start(sandbox.prepared_by("ulimit -s 4096; exec \"$@\""));
    for value in ["a\\u0000b-4c7a1e", &"x".repeat(131_072), "2-4c7a1e"] {
        run.rotate(&aws, "v2", value);
    }
    run.rotate(&aws, "v1", "one-4c7a1e");
    run.rotate(&aws, "v2", &"x".repeat(120_000));
    run.rotate(&aws, "v3", "last-4c7a1e");
    assert_eq!(run.values(2), ["one-4c7a1e", "last-4c7a1e"]);
    let failure = "a poll failed, so \"/bin/sh\" keeps its values";
    run.end().says([failure, "NUL", "A (--env, x:k)"]);
}

#[test]
fn ten_restarts_leak_no_file_descriptor_thread_or_process() {
    let aws = first_version();
    let script = "echo start $(cat $F) $$ $F >> record; exec sleep 1000";
    let run = Rotating::start(rotating(&aws, "restart --as-file F=x:k").script(script));
    let targets = |process: &str| -> Vec<String> {
        let descriptors = fs::read_dir(format!("/proc/{process}/fd")).unwrap();
        let targets = descriptors.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
        targets.map(|target| target.display().to_string()).collect()
    };
    let ours = run.running.pid().to_string();
    let in_memory = |process: &str| {
        let mut targets = targets(process);
        targets.retain(|target| target.contains("memfd:secrets-exec"));
        targets.len()
    };
    let mut first = 0;
    for at in 1..=10 {
        let value = format!("value-4c7a1e-{at}");
        aws.rotate("x", secret(["v1", "v2"][at % 2], &value));
        run.request();
        let line = &run.await_lines(at + 1)[at];
        assert_eq!([&line[1], &line[3]], [&value, "/proc/self/fd/100"]);
        if at == 1 {
            first = targets(&ours).len();
        }
    }
    // The command may already run before secrets-exec has closed the descriptors that it needed for
    // the start.
    record::await_fact("no more descriptors", || targets(&ours).len() <= first);
    record::await_fact("the command alone", || run.children() == [run.command(10)]);
    assert_eq!((in_memory(&ours), in_memory(&run.command(10))), (0, 1));
    assert_eq!(fs::read_dir(run.running.proc("task")).unwrap().count(), 1);
    run.end();
}

#[test]
fn each_start_gets_a_pipe_of_its_own_with_the_new_value_that_can_be_read_once() {
    let aws = first_version();
    let sandbox = rotating(&aws, "restart")
        .declaration("files: [{ from: \"x:k\", env: F, once: true }]")
        .script("echo start $(cat $F) $$ $F [$(cat $F)] >> record; exec sleep 1000");
    let run = Rotating::start(sandbox);
    for (at, value) in [(1, "two-4c7a1e"), (2, "three-4c7a1e")] {
        aws.rotate("x", secret(["v1", "v2"][at % 2], value));
        run.request();
        let line = &run.await_lines(at + 1)[at];
        assert_eq!(line[1], value);
        assert_eq!(line[3..], ["/proc/self/fd/100", "[]"]);
    }
    run.end();
}
