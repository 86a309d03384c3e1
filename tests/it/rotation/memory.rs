//! The memory of the process that stays: it contains neither values nor credentials.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use super::*;

/// The places in the memory of a process that contain a text.
fn places(running: &Running, text: &str) -> Vec<String> {
    let memory = File::open(running.proc("mem")).unwrap();
    let mut places = Vec::new();
    for line in fs::read_to_string(running.proc("maps")).unwrap().lines() {
        let Some((range, _)) = line
            .split_once(' ')
            .filter(|(_, rest)| rest.starts_with("rw"))
        else {
            continue;
        };
        let (start, end) = range.split_once('-').unwrap();
        let number = |text| u64::from_str_radix(text, 16).unwrap();
        let mut bytes = vec![0; usize::try_from(number(end) - number(start)).unwrap()];
        if memory.read_exact_at(&mut bytes, number(start)).is_ok() {
            let found = bytes
                .windows(text.len())
                .filter(|window| *window == text.as_bytes())
                .count();
            places.extend((found > 0).then(|| format!("{found} times in {line}")));
        }
    }
    places
}

#[test]
fn other_processes_of_the_user_cannot_read_the_memory_of_secrets_exec_during_rotation() {
    let nobody = or_skip!(skip::as_nobody());
    let aws = first_version();
    let sandbox = sandbox(&aws)
        .args(["--on-rotation", "restart"])
        .through(nobody);
    // Prints who owns its own files, and those of its parent.
    let sandbox = sandbox.script("stat -c %u /proc/self/environ /proc/$PPID/environ");
    sandbox.spawn_copy().wait().launched().printed("65534\n0\n");
}

#[test]
fn the_process_that_stays_during_rotation_has_neither_values_nor_credentials_in_memory() {
    if !nix::unistd::geteuid().is_root() {
        return skip::skipped("reading the memory of a process that isn't dumpable needs root");
    }
    let value = |number: usize| format!("value-{number}-{}", "qjxkz".repeat(5));
    let aws = Aws::start().secret("x", secret("v0", &value(0)));
    let sandbox = keyless(&aws).in_container(&aws).script(SLEEPER);
    let run = Rotating::start(polled_on_request(sandbox, "restart").args(["--as-file", "F=x:k"]));
    for (number, version) in [(1, "v1"), (2, "v2"), (3, "v3")] {
        run.rotate(&aws, version, &value(number));
        run.await_lines(number + 1);
    }
    run.await_rest();
    assert_eq!(aws.reads()[3].access_key(), CONTAINER_KEY);
    for text in (0..4)
        .map(value)
        .chain([CONTAINER_KEY, CANARY].map(str::to_owned))
    {
        assert_eq!(places(&run.running, &text), [""; 0], "{text}");
    }
    // The search finds a text that really is there.
    assert_ne!(
        places(&run.running, "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
        [""; 0]
    );
    run.end();
}
