//! A resolution that takes longer than two seconds: the progress line on a terminal, and the messages to systemd (sd_notify(3)).

use std::fs;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use nix::sys::signal::Signal;

use crate::support::terminal::{erased, left, on_a_terminal};
use crate::support::*;

/// Runs to the end, with an answer once the service manager has heard of the wait, which follows the progress line. Returns that message.
fn slow(aws: &Aws, sandbox: Sandbox) -> (Outcome, String) {
    let (manager, sandbox) = Manager::of(sandbox);
    let running = sandbox.spawn();
    let notification = manager.next();
    aws.release();
    let run = running.wait();
    assert_eq!(manager.received().last().unwrap(), "STATUS=");
    (run, notification)
}

/// A fake that answers for the secret `y` and holds the answer for `x`, and a launch with both.
fn half_held() -> (Aws, Sandbox) {
    let aws = held().secret("y", Secret::text("y-4c7a1e"));
    let sandbox = sandbox(&aws).resolve("B=y");
    (aws, sandbox)
}

/// The time by which the service manager is to extend its timeout, in seconds.
fn extension(notification: &str) -> f64 {
    let (status, extension) = notification.split_once("\nEXTEND_TIMEOUT_USEC=").unwrap();
    assert!(
        status.starts_with("STATUS=waiting up to ") && !status.contains('\n'),
        "{notification}"
    );
    extension.parse::<f64>().unwrap() / 1e6
}

#[test]
fn a_terminal_shows_what_is_awaited_and_erases_the_line_before_the_command_runs() {
    let (aws, sandbox) = half_held();
    let (run, _) = slow(
        &aws,
        on_a_terminal(sandbox.script("echo started >&2").target_writes_stderr()),
    );
    run.launched();
    let tells = |line: &String| {
        line.starts_with("secrets-exec: note: waiting up to ")
            && line.contains("s for secret x")
            && line.len() < 80
    };
    assert!(erased(&run).iter().any(tells), "{run}");
    assert_eq!(left(&run), ["started"], "{run}");
}

#[test]
fn the_line_of_a_wait_on_a_terminal_is_erased_before_an_error_or_a_signal_s_line() {
    let run = on_a_terminal(sandbox(&hanging()).args(["--timeout", "3500ms"])).run();
    run.refused(75);
    assert!(
        !erased(&run).is_empty()
            && left(&run)
                .iter()
                .all(|line| !line.contains("waiting up to")),
        "{run}"
    );

    let aws = held();
    // A shell on the terminal sends the signal. It may say that the program was terminated.
    let script = "\"$@\" & program=$!; until [ -e notified ]; do sleep 0.05; done; kill -TERM $program; wait $program; exit 3";
    let wrapper = terminal(80)
        .into_iter()
        .chain(["sh", "-c", script, "sh"].map(str::to_owned));
    let sandbox = sandbox(&aws)
        .env("NO_COLOR", "1")
        .through(wrapper)
        .target_writes_stderr();
    let (manager, sandbox) = Manager::of(sandbox);
    let running = sandbox.spawn();
    manager.next();
    fs::write(sandbox.path("notified"), "").unwrap();
    let run = running.wait();
    run.ended(Status::Exit(3));
    assert!(!erased(&run).is_empty(), "{run}");
    let left = left(&run);
    assert!(
        left.first()
            .is_some_and(|line| line.starts_with("secrets-exec: error: SIGTERM after ")),
        "{run}"
    );
}

#[test]
fn no_line_of_a_wait_is_shown_with_quiet_json_a_dumb_terminal_or_no_terminal() {
    for (option, term) in [
        ("-q", "xterm"),
        ("--no-file", "dumb"),
        ("--log-format=json", "xterm"),
    ] {
        let aws = held();
        slow(
            &aws,
            on_a_terminal(sandbox(&aws).arg(option).env("TERM", term)),
        )
        .0
        .launched_silently();
    }
    let aws = held();
    slow(&aws, sandbox(&aws)).0.launched_silently();
}

#[test]
fn systemd_is_told_what_a_launch_awaits_and_the_time_until_the_deadline() {
    let (aws, launch) = half_held();
    let (run, notification) = slow(&aws, launch.args(["--timeout", "25s"]));
    assert!(run.launched().names().contains(&"NOTIFY_SOCKET".to_owned()));
    assert!(
        notification.contains("secret x in us-east-1")
            && (1.0..=23.0).contains(&extension(&notification)),
        "{notification}"
    );
    // That of both with `--wait`.
    let sandbox =
        sandbox(&aws)
            .endpoint("http://127.0.0.1:1")
            .args(["--wait", "3s", "--timeout", "4s"]);
    let (manager, sandbox) = Manager::of(sandbox);
    sandbox.run().refused(75);
    assert!((4.0..=5.1).contains(&extension(&manager.received()[0])));
}

#[test]
fn a_signal_ends_a_launch_that_is_reporting_its_wait_to_systemd() {
    let aws = held();
    let (manager, sandbox) = Manager::of(sandbox(&aws));
    let running = sandbox.spawn();
    manager.next();
    running.ends_by(Signal::SIGTERM);
}

#[test]
fn systemd_is_told_once_that_the_service_is_ready_right_before_the_command_runs() {
    let aws = served();
    for sandbox in [
        sandbox(&aws).arg("--notify-ready"),
        sandbox(&aws).env("SECRETS_EXEC_NOTIFY_READY", "1"),
        sandbox(&aws).declaration("defaults: { notify-ready: true }\n"),
    ] {
        let (manager, sandbox) = Manager::of(sandbox);
        sandbox.run().launched_silently();
        assert_eq!(manager.readiness(), ["READY=1"]);
    }
    let sandbox = sandbox(&aws).arg("--notify-ready");
    let name = format!("secrets-exec-it/{}", sandbox.path("").display());
    let manager =
        Manager(UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap());
    sandbox
        .env("NOTIFY_SOCKET", format!("@{name}"))
        .run()
        .launched_silently();
    assert_eq!(manager.readiness(), ["READY=1"]);
}

#[test]
fn systemd_is_told_of_readiness_only_with_every_value_the_option_and_a_notify_socket() {
    let aws = served();
    let (manager, lacking) =
        Manager::of(sandbox(&aws).arg("--notify-ready").resolve("B=x:nothing"));
    lacking.run().refused(78);
    assert!(manager.readiness().is_empty());
    let (manager, plain) = Manager::of(sandbox(&aws));
    plain.run().launched_silently();
    assert!(manager.readiness().is_empty());
    let (manager, relative) = Manager::of(sandbox(&aws).arg("--notify-ready"));
    relative
        .env("NOTIFY_SOCKET", "notify")
        .run()
        .launched_silently();
    assert!(manager.readiness().is_empty());
    for name in [
        "",
        "vsock:2:1234",
        &format!("/{}", "x".repeat(200)),
        "/nonexistent/notify",
    ] {
        sandbox(&aws)
            .arg("--notify-ready")
            .env("NOTIFY_SOCKET", name)
            .run()
            .launched_silently();
    }
}

#[test]
fn a_notify_socket_that_nobody_reads_does_not_hold_up_the_launch() {
    let aws = served();
    let (manager, sandbox) = Manager::of(sandbox(&aws).arg("--notify-ready"));
    // Fills the queue.
    let sender = UnixDatagram::unbound().unwrap();
    sender.set_nonblocking(true).unwrap();
    while sender
        .send_to(&[b'x'; 1000], sandbox.path("notify"))
        .is_ok()
    {}
    sandbox.run().launched_silently();
    drop(manager);
    sandbox.run().launched_silently();
}
