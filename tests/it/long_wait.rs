//! A resolution that takes longer than two seconds: the progress line on a terminal, and the messages to systemd (sd_notify(3)).

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::support::aws::Aws;
use crate::support::aws::fault::Fault;
use crate::support::aws::secret::Secret;
use crate::support::outcome::{Outcome, Status};
use crate::support::pty::{erased, left, on_a_terminal, terminal};
use crate::support::sandbox::{Sandbox, sandbox};

/// A service that answers at once.
fn served() -> Aws {
    Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#))
}

/// A service that answers when it is released.
fn held() -> Aws {
    Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#).held())
}

/// Runs to the end, with an answer after three seconds.
fn slow(aws: &Aws, sandbox: &Sandbox) -> Outcome {
    let running = sandbox.spawn();
    aws.await_calls(1);
    std::thread::sleep(Duration::from_secs(3));
    aws.release();
    running.wait()
}

#[test]
fn a_terminal_is_told_what_is_awaited_and_the_line_is_erased_before_the_command_runs() {
    let aws = held();
    let run = slow(&aws, &on_a_terminal(sandbox(&aws).script("echo started >&2").target_writes_stderr()));
    run.launched();
    let erased = erased(&run);
    let tells = |line: &String| {
        line.starts_with("secrets-exec: note: waiting up to ") && line.ends_with("s for 1 answer") && line.len() < 80
    };
    assert!(erased.iter().any(tells), "{run}");
    assert_eq!(left(&run), ["started"], "{run}");
}

#[test]
fn the_line_is_erased_before_an_error() {
    let aws = Aws::start().secret("x", Secret::failing(Fault::Hang));
    let run = on_a_terminal(sandbox(&aws).args(["--timeout", "3500ms"])).run();
    run.refused(75);
    assert!(!erased(&run).is_empty() && left(&run).iter().all(|line| !line.contains("waiting up to")), "{run}");
}

#[test]
fn the_line_is_erased_before_that_of_a_signal() {
    let aws = held();
    // A shell on the terminal sends the signal, and says that it has ended the program.
    let script = "\"$@\" & program=$!; sleep 3; kill -TERM $program; wait $program; exit 3";
    let wrapper = terminal(80).into_iter().chain(["sh", "-c", script, "sh"].map(str::to_owned));
    let sandbox = sandbox(&aws).env("NO_COLOR", "1").through(wrapper);
    let run = sandbox.target_writes_stderr().run();
    run.ended(Status::Exit(3));
    assert!(!erased(&run).is_empty(), "{run}");
    let left = left(&run);
    assert!(left.len() == 2 && left[0].starts_with("secrets-exec: error: SIGTERM after "), "{run}");
}

#[test]
fn quiet_json_and_a_terminal_that_erases_nothing_show_no_line() {
    for (option, term) in [("-q", "xterm"), ("--no-file", "dumb"), ("--log-format=json", "xterm")] {
        let aws = held();
        slow(&aws, &on_a_terminal(sandbox(&aws).arg(option).env("TERM", term))).launched_silently();
    }
}

#[test]
fn what_is_no_terminal_is_told_nothing() {
    let aws = held();
    slow(&aws, &sandbox(&aws)).launched_silently();
}

/// The messages that are there.
fn received(socket: &UnixDatagram) -> Vec<String> {
    socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let mut buffer = [0; 4096];
    std::iter::from_fn(|| {
        socket.recv(&mut buffer).ok().map(|length| String::from_utf8(buffer[..length].to_vec()).unwrap())
    })
    .collect()
}

/// A socket of a service manager with a path, and its name.
fn manager(sandbox: &Sandbox) -> (UnixDatagram, std::path::PathBuf) {
    let path = sandbox.path("notify");
    (UnixDatagram::bind(&path).unwrap(), path)
}

#[test]
fn systemd_is_told_what_is_awaited_and_given_the_time_until_the_deadline() {
    let aws = held();
    let sandbox = sandbox(&aws).args(["--timeout", "25s"]);
    let (socket, path) = manager(&sandbox);
    slow(&aws, &sandbox.env("NOTIFY_SOCKET", &path)).launched().has("NOTIFY_SOCKET", path.to_str().unwrap());
    let messages = received(&socket);
    let (last, earlier) = messages.split_last().unwrap();
    assert_eq!(last, "STATUS=");
    let mut lines = earlier[0].lines();
    let status = lines.next().unwrap();
    assert!(status.starts_with("STATUS=waiting up to 2") && status.contains("secret x in us-east-1"), "{status}");
    let extension = lines.next().unwrap().strip_prefix("EXTEND_TIMEOUT_USEC=").unwrap();
    let extension: u64 = extension.parse().unwrap();
    assert!((1_000_000..=23_000_000).contains(&extension), "{extension}");
    assert_eq!(lines.next(), None);
}

#[test]
fn with_wait_systemd_gives_the_time_of_both() {
    let aws = Aws::start();
    let sandbox = sandbox(&aws).endpoint("http://127.0.0.1:1").args(["--wait", "3s", "--timeout", "50s"]);
    let (socket, path) = manager(&sandbox);
    sandbox.env("NOTIFY_SOCKET", &path).run().refused(75);
    let messages = received(&socket);
    let extension = messages[0].split("EXTEND_TIMEOUT_USEC=").nth(1).unwrap();
    let extension: u64 = extension.parse().unwrap();
    assert!((45_000_000..=51_000_000).contains(&extension), "{messages:?}");
}

#[test]
fn a_launch_that_is_fast_tells_systemd_nothing() {
    let aws = served();
    let sandbox = sandbox(&aws);
    let (socket, path) = manager(&sandbox);
    sandbox.env("NOTIFY_SOCKET", path).run().launched_silently();
    assert!(received(&socket).is_empty());
}

#[test]
fn a_signal_ends_it_while_systemd_is_told() {
    let aws = held();
    let sandbox = sandbox(&aws);
    let (_socket, path) = manager(&sandbox);
    let running = sandbox.env("NOTIFY_SOCKET", path).spawn();
    aws.await_calls(1);
    std::thread::sleep(Duration::from_millis(2500));
    running.ends_by(Signal::SIGTERM);
}

#[test]
fn readiness_is_told_once_right_before_the_command_runs() {
    for place in ["flag", "variable", "declaration"] {
        let aws = served();
        let sandbox = match place {
            "flag" => sandbox(&aws).arg("--notify-ready"),
            "variable" => sandbox(&aws).env("SECRETS_EXEC_NOTIFY_READY", "1"),
            _ => sandbox(&aws).declaration("defaults: { notify-ready: true }\n"),
        };
        let (socket, path) = manager(&sandbox);
        sandbox.env("NOTIFY_SOCKET", path).run().launched_silently();
        assert_eq!(received(&socket), ["READY=1"], "{place}");
    }
}

#[test]
fn an_abstract_socket_is_told_as_well() {
    let aws = served();
    let sandbox = sandbox(&aws).arg("--notify-ready");
    let name = format!("secrets-exec-it/{}", sandbox.path("").display());
    let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    sandbox.env("NOTIFY_SOCKET", format!("@{name}")).run().launched_silently();
    assert_eq!(received(&socket), ["READY=1"]);
}

#[test]
fn readiness_is_not_told_when_a_value_is_missing() {
    let aws = served();
    let sandbox = sandbox(&aws).arg("--notify-ready").resolve("B=x:nothing");
    let (socket, path) = manager(&sandbox);
    sandbox.env("NOTIFY_SOCKET", path).run().refused(78);
    assert!(received(&socket).is_empty());
}

#[test]
fn readiness_is_told_to_nobody_without_a_socket_or_without_the_option() {
    let aws = served();
    sandbox(&aws).arg("--notify-ready").run().launched_silently();
    let sandbox = sandbox(&aws);
    let (socket, path) = manager(&sandbox);
    sandbox.env("NOTIFY_SOCKET", path).run().launched_silently();
    assert!(received(&socket).is_empty());
}

#[test]
fn a_manager_that_does_not_read_or_is_gone_does_not_hold_up_the_launch() {
    let aws = served();
    let sandbox = sandbox(&aws).arg("--notify-ready");
    let (socket, path) = manager(&sandbox);
    // Fills the queue.
    let sender = UnixDatagram::unbound().unwrap();
    sender.set_nonblocking(true).unwrap();
    while sender.send_to(&[b'x'; 1000], &path).is_ok() {}
    let sandbox = sandbox.env("NOTIFY_SOCKET", &path);
    sandbox.run().launched_silently();
    drop(socket);
    sandbox.run().launched_silently();
}
