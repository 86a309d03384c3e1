//! The memory of a supervisor at rest: neither the values of the command nor those before are in it.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use crate::support::aws::Aws;
use crate::support::aws::secret::Secret;
use crate::support::record::await_fact;
use crate::support::rotating::{Rotating, rotating};
use crate::support::running::Running;
use crate::support::skip;

/// The places in the memory of a process that hold a text.
fn places(running: &Running, text: &str) -> Vec<String> {
    let memory = File::open(running.proc("mem")).unwrap();
    let mut places = Vec::new();
    for line in fs::read_to_string(running.proc("maps")).unwrap().lines() {
        let Some((range, _)) = line.split_once(' ').filter(|(_, rest)| rest.starts_with("rw")) else { continue };
        let (start, end) = range.split_once('-').unwrap();
        let number = |text| u64::from_str_radix(text, 16).unwrap();
        let mut bytes = vec![0; usize::try_from(number(end) - number(start)).unwrap()];
        if memory.read_exact_at(&mut bytes, number(start)).is_ok() {
            let found = bytes.windows(text.len()).filter(|window| *window == text.as_bytes()).count();
            places.extend((found > 0).then(|| format!("{found} times in {line}")));
        }
    }
    places
}

/// Waits until all threads sleep.
fn await_rest(running: &Running) {
    await_fact("rest", || {
        let tasks = fs::read_dir(running.proc("task")).unwrap();
        let stats = tasks.map(|task| fs::read_to_string(task.unwrap().path().join("stat")).unwrap_or_default());
        let states: Vec<_> = stats.map(|stat| stat.rsplit_once(") ").map(|(_, rest)| rest.starts_with('S'))).collect();
        states.len() <= 3 && states.iter().all(|sleeps| *sleeps == Some(true))
    });
}

#[test]
fn another_process_of_the_same_user_cannot_look_into_a_supervisor() {
    let other_user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    if !skip::can(&[&other_user[..], &["true"]].concat(), "the owner of /proc/PID of another user") {
        return;
    }
    let aws = Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#));
    let sandbox = crate::support::sandbox::sandbox(&aws).args(["--on-rotation", "restart"]).through(other_user);
    // The owner of its own files, and of those of its parent.
    let sandbox = sandbox.script("stat -c %u /proc/self/environ /proc/$PPID/environ");
    sandbox.spawn_copy().wait().launched().printed("65534\n0\n");
}

#[test]
fn the_values_of_the_command_and_those_before_are_not_in_memory() {
    if !nix::unistd::geteuid().is_root() {
        return skip::skipped("reading the memory of a process that is not dumpable needs root");
    }
    let value = |number: u32| format!("value-{number}-{}", "qjxkz".repeat(5));
    let secret = |version, number| Secret::json(&format!(r#"{{"k":"{}"}}"#, value(number))).with_id(version);
    let aws = Aws::start().secret("x", secret("v1", 1));
    let run = Rotating::start(rotating(&aws, "restart").args(["--as-file", "F=x:k"]));
    await_rest(&run.running);
    assert_eq!(places(&run.running, &value(1)), [""; 0]);
    aws.rotate("x", secret("v2", 2));
    run.poll(&aws);
    run.awaits(2);
    await_rest(&run.running);
    assert_eq!(places(&run.running, &value(1)), [""; 0]);
    assert_eq!(places(&run.running, &value(2)), [""; 0]);
    // The search finds what is there.
    assert_ne!(places(&run.running, "AKIAIOSFODNN7EXAMPLE"), [""; 0]);
    run.end();
}
