//! The memory of the process that stays: it contains neither values nor credentials.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use super::*;

/// The lines of `maps` about places in the memory of a process that contain a text.
fn places(running: &Running, text: &str) -> Vec<String> {
    let memory = File::open(running.proc("mem")).unwrap();
    let contains = |line: &str| {
        let (range, rest) = line.split_once(' ').unwrap();
        let (start, end) = range.split_once('-').unwrap();
        let [start, end] = [start, end].map(|text| u64::from_str_radix(text, 16).unwrap());
        let mut bytes = vec![0; usize::try_from(end - start).unwrap()];
        rest.starts_with("rw")
            && memory.read_exact_at(&mut bytes, start).is_ok()
            && bytes
                .windows(text.len())
                .any(|part| part == text.as_bytes())
    };
    let maps = fs::read_to_string(running.proc("maps")).unwrap();
    let places = maps.lines().filter(|line| contains(line));
    places.map(str::to_owned).collect()
}

#[test]
fn the_process_that_stays_has_neither_values_nor_credentials_in_memory() {
    if !nix::unistd::geteuid().is_root() {
        return skip::skipped("reading the memory of a process that isn't dumpable needs root");
    }
    let value = |number: usize| format!("value-{number}-{}", "qjxkz".repeat(5));
    let aws = Aws::start().secret("x", secret("v0", &value(0)));
    let sandbox = keyless(&aws).in_container(&aws).script(SLEEPER);
    let run = Rotating::start(polled_on_request(sandbox, "restart --as-file F=x:k"));
    for (number, version) in [(1, "v1"), (2, "v2"), (3, "v3")] {
        run.rotate(&aws, version, &value(number));
        run.await_lines(number + 1);
    }
    run.await_rest();
    assert_eq!(aws.reads()[3].access_key(), CONTAINER_KEY);
    let credentials = [CONTAINER_KEY, CANARY].map(str::to_owned);
    for text in (0..4).map(value).chain(credentials) {
        assert_eq!(places(&run.running, &text), [""; 0], "{text}");
    }
    // The search finds a text that really is there.
    let variable = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
    assert_ne!(places(&run.running, variable), [""; 0]);
    run.end();
}
