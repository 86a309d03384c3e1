//! Programs that write to the file `record` in the working directory what happens to them, because
//! the output of a run is known only at its end; and a service manager, which gets what a run sends
//! to NOTIFY_SOCKET (sd_notify(3)).

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::thread;
use std::time::{Duration, Instant};

use super::sandbox::Sandbox;
use super::watch;

/// The longest time to wait for an event that must come, even on a busy machine.
const LIMIT: Duration = Duration::from_secs(120);

/// Records `ready` with its process id, and then each signal. The last real-time signal ends it
/// with status 3.
pub const SIGNALS: [&str; 3] = [
    "python3",
    "-c",
    "\
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
record = open('record', 'a', buffering=1)
print('ready', os.getpid(), file=record)
while True:
    number = int(signal.sigwait(signal.valid_signals()))
    print(number, file=record)
    if number == 64:
        sys.exit(3)
",
];

/// The signal that ends [`SIGNALS`].
pub const END: i32 = 64;

/// A command like [`SIGNALS`], except that SIGTERM ends it, with status 3.
pub fn until_term() -> [String; 3] {
    SIGNALS.map(|word| word.replace("number == 64", "number == 15"))
}

pub fn lines(sandbox: &Sandbox) -> Vec<String> {
    let text = fs::read_to_string(sandbox.path("record")).unwrap_or_default();
    let complete = text.rsplit_once('\n').map_or("", |(complete, _)| complete);
    complete.lines().map(str::to_owned).collect()
}

pub fn await_lines(sandbox: &Sandbox, count: usize) -> Vec<String> {
    let mut found = Vec::new();
    let what = format!("{count} lines of the record");
    await_fact(&what, || {
        found = lines(sandbox);
        found.len() >= count
    });
    found
}

/// Waits for a fact that must become true.
pub fn await_fact(what: &str, mut is_true: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_true() {
        assert!(begun.elapsed() < LIMIT, "{what}: not within {LIMIT:?}");
        thread::sleep(Duration::from_millis(2));
    }
}

pub struct Manager(pub UnixDatagram);

impl Manager {
    /// Returns a service manager for a launch, and the launch with NOTIFY_SOCKET set.
    pub fn for_launch(launch: Sandbox) -> (Self, Sandbox) {
        let path = launch.path("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        (Self(socket), launch.env("NOTIFY_SOCKET", path))
    }

    pub fn next(&self) -> String {
        self.receive().expect("a message")
    }

    pub fn received(&self) -> Vec<String> {
        self.0.set_nonblocking(true).unwrap();
        std::iter::from_fn(|| self.receive()).collect()
    }

    /// The messages without those about a wait, which a launch of more than two seconds sends.
    pub fn readiness(&self) -> Vec<String> {
        self.received()
            .into_iter()
            .filter(|message| !message.starts_with("STATUS="))
            .collect()
    }

    /// Receives a message, and asserts that it doesn't contain a value.
    fn receive(&self) -> Option<String> {
        let mut buffer = [0; 4096];
        let length = self.0.recv(&mut buffer).ok()?;
        let text = String::from_utf8(buffer[..length].to_vec()).unwrap();
        assert_eq!(watch::found(&watch::test(), &text), None, "{text}");
        Some(text)
    }
}
