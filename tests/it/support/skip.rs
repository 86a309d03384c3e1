//! Reports tests that this machine cannot run.

use std::env;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use super::watch;

/// The value of an option. Without a value, the test has been reported as skipped, and returns.
macro_rules! or_skip {
    ($option:expr) => {
        match $option {
            Some(value) => value,
            None => return,
        }
    };
}

/// Reports the calling test as skipped: on standard error, even if the test harness captures
/// output, and in target/skipped.txt, which `make test` prints.
///
/// # Panics
/// If CI is set, because everything can be installed there.
pub fn skipped(reason: &str) {
    let test = watch::test();
    let reason: Vec<&str> = reason.split_whitespace().collect();
    let line = format!("{test}: {}\n", reason.join(" "));
    assert!(env::var_os("CI").is_none(), "CI skips no test: {line}");
    std::io::stderr()
        .write_all(format!("SKIPPED: {line}").as_bytes())
        .unwrap();
    // The directory for temporary files may not exist.
    let list = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("skipped.txt");
    if let Ok(mut list) = OpenOptions::new().create(true).append(true).open(list) {
        list.write_all(line.as_bytes()).unwrap();
    }
}

/// The wrapper that makes a run PID 1 of a namespace. If that doesn't work here, reports the
/// calling test as skipped and returns `None`.
pub fn pid_1() -> Option<[&'static str; 5]> {
    wrapper(
        ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"],
        "PID 1 of a namespace",
    )
}

/// Returns whether a command succeeds here. If not, reports the calling test as skipped.
pub fn can(command: &[&str], skips: &str) -> bool {
    let mut program = Command::new(command[0]);
    let ran = program.args(&command[1..]).stdin(Stdio::null()).output();
    let possible = ran.is_ok_and(|ran| ran.status.success());
    if !possible {
        skipped(&format!("{skips}: {command:?} doesn't work here"));
    }
    possible
}

/// The wrapper that makes a run the user nobody, for
/// [`Sandbox::spawn_copy`](super::sandbox::Sandbox::spawn_copy). If that isn't possible here,
/// reports the calling test as skipped and returns `None`.
pub fn as_nobody() -> Option<[&'static str; 4]> {
    wrapper(
        [
            "setpriv",
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
        ],
        "a run as another user",
    )
}

/// The wrapper, if a command runs behind it here. If not, reports the calling test as skipped and
/// returns `None`.
pub fn wrapper<'w, const N: usize>(wrapper: [&'w str; N], skips: &str) -> Option<[&'w str; N]> {
    can(&[&wrapper[..], &["true"]].concat(), skips).then_some(wrapper)
}

/// The wrapper that gives a run other mounts, which this shell script makes. If that doesn't work
/// here, reports the calling test as skipped and returns `None`.
pub fn mounts(script: &str) -> Option<[String; 6]> {
    let script = format!("{script} && exec \"$@\"");
    let words = ["unshare", "--mount", "sh", "-c", &script, "sh"];
    Some(wrapper(words, "other mounts")?.map(str::to_owned))
}

/// The wrapper that traces a run with these options of strace into the file `trace`. If strace
/// doesn't work here, reports the calling test as skipped and returns `None`.
pub fn traced(options: &str) -> Option<Vec<&str>> {
    wrapper(["strace", "-o", "/dev/null"], "what strace shows")?;
    let words = ["strace", "-o", "trace"].into_iter();
    Some(words.chain(options.split_whitespace()).collect())
}
