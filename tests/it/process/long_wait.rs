//! Launches that wait for AWS for longer than two seconds: the progress line on a terminal, and the
//! messages to systemd (sd_notify(3)).

use std::fs;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use nix::sys::signal::Signal;

use crate::support::terminal::{erased, left, on_a_terminal};
use crate::support::*;

/// An AWS that holds its answer for the secret `x`, whose key `k` is `v-4c7a1e`, until
/// [`Aws::release`].
fn aws_that_holds_its_answer_for_x() -> Aws {
    Aws::start().secret("x", Secret::text(r#"{"k":"v-4c7a1e"}"#).held())
}

/// An AWS that answers for the same secret immediately.
fn aws_with_x() -> Aws {
    Aws::start().secret("x", Secret::text(r#"{"k":"v-4c7a1e"}"#))
}

/// Runs a launch until it has reported its wait, which it does after the progress line has been
/// shown. Then lets AWS answer, and runs the launch to its end. Returns the outcome and the service
/// manager's message about the wait. Asserts that the manager's status is empty at the end.
fn runs_with_a_late_answer(aws: &Aws, launch: Sandbox) -> (Outcome, String) {
    let (manager, launch) = Manager::for_launch(launch);
    let running = launch.spawn();
    let message = manager.next();
    aws.release();
    let run = running.wait();
    assert_eq!(manager.received().last().unwrap(), "STATUS=");
    (run, message)
}

/// The seconds by which a message about a wait asks systemd to extend its timeout.
fn seconds_of_extension(message: &str) -> f64 {
    let (status, extension) = message.split_once("\nEXTEND_TIMEOUT_USEC=").unwrap();
    assert!(
        status.contains("waiting up to ") && !status.contains('\n'),
        "{message}"
    );
    extension.parse::<f64>().unwrap() / 1e6
}

#[test]
fn a_terminal_shows_which_secret_is_awaited_and_no_longer_shows_it_when_the_command_runs() {
    let aws = aws_that_holds_its_answer_for_x().secret("y", Secret::text("y-4c7a1e"));
    let launch = Sandbox::new().aws(&aws).resolve("A=x:k").resolve("B=y");
    let launch = launch.script("echo started >&2").target_writes_stderr();

    // AWS has answered for y, and its value must not be on the terminal, either.
    let (run, _) = runs_with_a_late_answer(&aws, on_a_terminal(launch));

    run.launched();
    let is_progress = |line: &String| {
        line.starts_with("secrets-exec: note: waiting up to ")
            && line.contains("s for the secret of A")
            && line.len() < 80
    };
    assert!(erased(&run).iter().any(is_progress), "{run}");
    assert_eq!(left(&run), ["started"], "{run}");
}

#[test]
fn the_progress_line_on_a_terminal_is_erased_before_an_error_is_printed() {
    let aws = Aws::start().secret("x", Secret::failing(Fault::Hang));
    let launch = Sandbox::new().aws(&aws).resolve("A=x:k");

    // Only the first line of an error has the prefix on a terminal.
    let launch = on_a_terminal(launch.args(["--timeout", "3500ms"])).target_writes_stderr();
    let run = launch.run();

    run.refused(75);
    let is_progress = |line: &String| line.contains("waiting up to");
    assert!(!erased(&run).is_empty(), "{run}");
    assert!(!left(&run).iter().any(is_progress), "{run}");
}

#[test]
fn the_progress_line_on_a_terminal_is_erased_before_a_signal_is_reported() {
    let aws = aws_that_holds_its_answer_for_x();
    // A shell on the terminal sends TERM. It may also report that secrets-exec was terminated.
    let shell = "\"$@\" & program=$!; until [ -e notified ]; do sleep 0.05; done; kill -TERM $program; wait $program; exit 3";
    let wrapper = terminal(80)
        .into_iter()
        .chain(["sh", "-c", shell, "sh"].map(str::to_owned));
    let launch = Sandbox::new()
        .aws(&aws)
        .resolve("A=x:k")
        .env("NO_COLOR", "1")
        .through(wrapper)
        .target_writes_stderr();
    let (manager, launch) = Manager::for_launch(launch);

    let running = launch.spawn();
    manager.next();
    fs::write(launch.path("notified"), "").unwrap();
    let run = running.wait();

    run.ended(Status::Exit(3));
    assert!(!erased(&run).is_empty(), "{run}");
    let left = left(&run);
    let first = left.first().map_or("", String::as_str);
    assert!(
        first.starts_with("secrets-exec: error: SIGTERM ended secrets-exec after "),
        "{run}"
    );
}

#[test]
fn without_a_terminal_one_note_after_three_seconds_says_what_is_awaited() {
    let run = launch_with_an_answer_after_four_seconds(&[]);
    run.launched().says([
        "secrets-exec: note: waiting up to 2",
        "s for ",
        " in us-east-1\n",
    ]);
    assert_eq!(run.stderr().lines().count(), 1, "{run}");

    let run = launch_with_an_answer_after_four_seconds(&["--log-format", "json"]);
    let events = run.launched().events();
    assert_eq!(events.len(), 1, "{run}");
    assert_eq!(events[0]["event"], "waiting");
    assert_eq!(events[0]["level"], "info");

    launch_with_an_answer_after_four_seconds(&["-q"]).launched_silently();
}

/// Launches with AWS's answer after the third message to the service manager, without a terminal.
fn launch_with_an_answer_after_four_seconds(options: &[&str]) -> Outcome {
    let aws = aws_that_holds_its_answer_for_x();
    let launch = Sandbox::new().aws(&aws).resolve("A=x:k").args(options);
    let (manager, launch) = Manager::for_launch(launch);
    let running = launch.spawn();
    for _ in 0..3 {
        manager.next();
    }
    aws.release();
    running.wait()
}

#[test]
fn a_terminal_shows_no_progress_line_with_q_or_json_or_if_the_terminal_is_dumb() {
    for (option, term) in [
        ("-q", "xterm"),
        ("--log-format=json", "xterm"),
        ("--no-file", "dumb"),
    ] {
        let aws = aws_that_holds_its_answer_for_x();
        let launch = Sandbox::new().aws(&aws).resolve("A=x:k");
        let launch = launch.arg(option).env("TERM", term);
        let (run, _) = runs_with_a_late_answer(&aws, on_a_terminal(launch));
        run.launched_silently();
    }
}

#[test]
fn a_log_that_is_not_a_terminal_has_no_progress_line() {
    let aws = aws_that_holds_its_answer_for_x();
    let launch = Sandbox::new().aws(&aws).resolve("A=x:k");
    let (run, _) = runs_with_a_late_answer(&aws, launch);
    run.launched_silently();
}

#[test]
fn systemd_shows_which_secret_is_awaited_and_extends_its_timeout_until_the_deadline() {
    let aws = aws_that_holds_its_answer_for_x().secret("y", Secret::text("y-4c7a1e"));
    let launch = Sandbox::new().aws(&aws).resolve("A=x:k").resolve("B=y");

    // AWS has answered for y. The manager fails the test if a message has the value.
    let (run, message) = runs_with_a_late_answer(&aws, launch.args(["--timeout", "25s"]));

    run.launched();
    assert!(
        message.contains("the secret of A in us-east-1"),
        "{message}"
    );
    // The launch reports its wait after two seconds, so at most 23 of the 25 are left.
    let seconds = seconds_of_extension(&message);
    assert!((1.0..=23.0).contains(&seconds), "{message}");
}

#[test]
fn the_command_gets_the_notify_socket_even_if_the_launch_has_reported_its_wait_there() {
    let aws = aws_that_holds_its_answer_for_x();
    let launch = Sandbox::new().aws(&aws).resolve("A=x:k");
    let (run, _) = runs_with_a_late_answer(&aws, launch);
    assert!(run.names().contains(&"NOTIFY_SOCKET".to_owned()), "{run}");
}

#[test]
fn systemd_extends_its_start_timeout_by_wait_and_timeout_together() {
    // Nothing listens at this address.
    let launch = Sandbox::new()
        .endpoint("http://127.0.0.1:1")
        .region("us-east-1")
        .keys()
        .resolve("A=x:k")
        .args(["--wait", "3s", "--timeout", "4s"]);
    let (manager, launch) = Manager::for_launch(launch);

    launch.run().refused(75);

    // The launch reports its wait after two of the seven seconds.
    let messages = manager.received();
    let seconds = seconds_of_extension(&messages[0]);
    assert!((4.0..=5.1).contains(&seconds), "{messages:?}");
}

#[test]
fn a_signal_ends_a_launch_that_has_reported_its_wait_to_systemd() {
    let aws = aws_that_holds_its_answer_for_x();
    let (manager, launch) = Manager::for_launch(Sandbox::new().aws(&aws).resolve("A=x:k"));
    let running = launch.spawn();
    manager.next();
    running.ends_by(Signal::SIGTERM);
}

#[test]
fn systemd_gets_ready_1_exactly_once_whether_an_option_a_variable_or_the_declaration_sets_notify_ready()
 {
    let aws = aws_with_x();
    let launch = || Sandbox::new().aws(&aws).resolve("A=x:k");
    for launch in [
        launch().arg("--notify-ready"),
        launch().env("SECRETS_EXEC_NOTIFY_READY", "1"),
        launch().declaration("defaults: { notify-ready: true }\n"),
    ] {
        let (manager, launch) = Manager::for_launch(launch);
        launch.run().launched_silently();
        assert_eq!(manager.readiness(), ["READY=1"]);
    }
}

#[test]
fn ready_1_is_sent_to_systemd_through_an_abstract_socket() {
    let aws = aws_with_x();
    let launch = Sandbox::new().aws(&aws).resolve("A=x:k");
    let name = format!("secrets-exec-it/{}", launch.path("").display());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let manager = Manager(UnixDatagram::bind_addr(&address).unwrap());

    let run = launch
        .arg("--notify-ready")
        .env("NOTIFY_SOCKET", format!("@{name}"))
        .run();

    run.launched_silently();
    assert_eq!(manager.readiness(), ["READY=1"]);
}

#[test]
fn ready_1_is_not_sent_to_systemd_if_a_value_is_missing() {
    let aws = aws_with_x();
    let launch = Sandbox::new().aws(&aws).resolve("A=x:k");
    let (manager, launch) =
        Manager::for_launch(launch.arg("--notify-ready").resolve("B=x:nothing"));
    launch.run().refused(78);
    assert!(manager.readiness().is_empty());
}

#[test]
fn ready_1_is_not_sent_to_systemd_without_notify_ready() {
    let aws = aws_with_x();
    let (manager, launch) = Manager::for_launch(Sandbox::new().aws(&aws).resolve("A=x:k"));
    launch.run().launched_silently();
    assert!(manager.readiness().is_empty());
}

#[test]
fn a_relative_notify_socket_is_ignored_even_if_the_socket_exists() {
    let aws = aws_with_x();
    let launch = Sandbox::new().aws(&aws).resolve("A=x:k");
    // The manager's socket is the file `notify` in the working directory of the launch.
    let (manager, launch) = Manager::for_launch(launch.arg("--notify-ready"));
    let run = launch.env("NOTIFY_SOCKET", "notify").run();
    run.launched_silently();
    assert!(manager.readiness().is_empty());
}

#[test]
fn a_notify_socket_that_cannot_be_reached_does_not_stop_a_launch() {
    let aws = aws_with_x();
    let too_long = format!("/{}", "x".repeat(200));
    for name in ["", "vsock:2:1234", &too_long, "/nonexistent/notify"] {
        let launch = Sandbox::new().aws(&aws).resolve("A=x:k");
        let launch = launch.arg("--notify-ready").env("NOTIFY_SOCKET", name);
        launch.run().launched_silently();
    }
}

#[test]
fn a_notify_socket_that_nobody_reads_does_not_delay_a_launch() {
    let aws = aws_with_x();
    let launch = Sandbox::new().aws(&aws).resolve("A=x:k");
    let (manager, launch) = Manager::for_launch(launch.arg("--notify-ready"));
    let sender = UnixDatagram::unbound().unwrap();
    sender.set_nonblocking(true).unwrap();

    let socket = launch.path("notify");
    let mut is_queue_full = false;
    while !is_queue_full {
        is_queue_full = sender.send_to(&[b'x'; 1000], &socket).is_err();
    }
    launch.run().launched_silently();

    // A closed socket doesn't delay it, either.
    drop(manager);
    launch.run().launched_silently();
}
