//! Launches that wait for AWS for longer than two seconds: the progress line on a terminal, and the
//! messages to systemd (sd_notify(3)).

use std::fs;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use crate::rotation::restarting;
use crate::support::terminal::{erased, left, on_a_terminal};
use crate::support::*;

/// Runs a launch until the service manager has got a message about the wait each second, this
/// number of times. The first one comes after the progress line has been shown. Then lets AWS
/// answer, and runs the launch to its end. Returns the outcome and the first message. Asserts that
/// the manager's status is empty at the end.
fn runs_with_a_late_answer(aws: &Aws, launch: Sandbox, messages: usize) -> (Outcome, String) {
    let (manager, launch) = Manager::for_launch(launch);
    let running = launch.spawn();
    let message = manager.next();
    (1..messages).for_each(|_| drop(manager.next()));
    aws.release();
    let run = running.wait();
    assert_eq!(manager.received().last().unwrap(), "STATUS=");
    (run, message)
}

/// The seconds by which a message about a wait asks systemd to extend its timeout.
fn seconds_of_extension(message: &str) -> f64 {
    let (status, extension) = message.split_once("\nEXTEND_TIMEOUT_USEC=").unwrap();
    assert!(!status.contains('\n'), "{message}");
    extension.parse::<f64>().unwrap() / 1e6
}

#[test]
fn a_terminal_shows_which_secret_is_awaited_until_the_command_runs() {
    let aws = held().secret("y", Secret::text("y-4c7a1e"));
    let launch = sandbox(&aws).resolve("B=y");
    let launch = launch.script("echo started >&2").target_writes_stderr();

    // AWS has answered for y, and its value must not be on the terminal, either.
    let (run, _) = runs_with_a_late_answer(&aws, on_a_terminal(launch), 1);

    run.launched();
    let is_progress = |line: &String| {
        line.starts_with("secrets-exec: note: waiting up to ")
            && line.contains("s for secret x")
            && line.len() < 80
    };
    assert!(erased(&run).iter().any(is_progress), "{run}");
    assert_eq!(left(&run), ["started"], "{run}");
}

#[test]
fn the_progress_line_after_an_error_has_the_time_and_the_reason_in_80_columns() {
    for references in ["A=prod/pay", "A=prod/pay B=q C=r D=s"] {
        let aws = Aws::start().fails("GetSecretValue", fault::unavailable());
        let launch = Sandbox::new()
            .aws(&aws)
            .args(references.split(' ').flat_map(|entry| ["-e", entry]))
            .timeout("6s");

        let run = on_a_terminal(launch).target_writes_stderr().run();

        let is_progress = |line: &String| {
            let is_cut = line.ends_with('…') && line.chars().count() < 80;
            line.starts_with("secrets-exec: note: waiting ")
                && line.contains("s more: AWS returned ServiceUnavailable")
                && is_cut
        };
        assert!(erased(&run).iter().any(is_progress), "{run}");
    }
}

#[test]
fn the_note_about_a_wait_has_the_time_the_reason_a_secret_and_the_number_of_others() {
    let aws = Aws::start().fails("GetSecretValue", fault::unavailable());
    // The note is printed after three seconds, and the last second may have no attempt.
    let launch = Sandbox::new().aws(&aws).timeout("6s");
    let launch = launch.args("-e A=prod/pay -e B=q -e C=r -e D=s".split(' '));

    let run = launch.run();

    let note = "s more: AWS returned ServiceUnavailableException (secret prod/pay in us-east-1 and 3 others)\n";
    run.refused(75, ["note: waiting ", note]);
}

#[test]
fn the_progress_line_on_a_terminal_is_erased_before_an_error_is_printed() {
    let aws = hanging();
    // Only the first line of an error has the prefix on a terminal.
    let launch = on_a_terminal(sandbox(&aws).timeout("3500ms")).target_writes_stderr();

    let run = launch.run();

    run.refused(75, []);
    let is_progress = |line: &String| line.contains("waiting up to");
    assert!(!erased(&run).is_empty(), "{run}");
    assert!(!left(&run).iter().any(is_progress), "{run}");
}

#[test]
fn the_progress_line_on_a_terminal_is_erased_before_a_signal_is_reported() {
    let aws = held();
    // A shell on the terminal sends TERM. It may also report that secrets-exec was terminated.
    let shell = "\"$@\" & program=$!; until [ -e notified ]; do sleep 0.05; done; kill -TERM $program; wait $program; exit 3";
    let shell = ["sh", "-c", shell, "sh"];
    let launch = sandbox(&aws)
        .env("NO_COLOR", "1")
        .through([&terminal("2x80", "", "")[..], &shell].concat());
    let (manager, launch) = Manager::for_launch(launch.target_writes_stderr());

    let running = launch.spawn();
    manager.next();
    fs::write(launch.path("notified"), "").unwrap();
    let run = running.wait();

    run.ended(Status::Exit(3));
    assert!(!erased(&run).is_empty(), "{run}");
    let reported = "secrets-exec: error: SIGTERM ended secrets-exec after ";
    assert!(left(&run)[0].starts_with(reported), "{run}");
}

#[test]
fn without_a_terminal_one_note_after_three_seconds_says_what_is_awaited() {
    let run = |options: &[&str]| {
        let aws = held();
        // The third message comes after four seconds.
        let (run, _) = runs_with_a_late_answer(&aws, sandbox(&aws).args(options), 3);
        run
    };
    let text = run(&[]);
    let note = "secrets-exec: note: waiting up to 2";
    text.launched().says([note, "s for ", " in us-east-1\n"]);
    assert_eq!(text.stderr().lines().count(), 1, "{text}");

    let json = run(&["--log-format", "json"]);
    let events = json.launched().events();
    assert_eq!(events.len(), 1, "{json}");
    assert_eq!(
        [&events[0]["event"], &events[0]["level"]],
        ["waiting", "info"]
    );

    run(&["-q"]).launched_silently();
}

#[test]
fn a_terminal_shows_no_progress_line_with_q_or_json_or_if_the_terminal_is_dumb() {
    let json = "--log-format=json";
    for (option, term) in [("-q", "xterm"), (json, "xterm"), ("--no-file", "dumb")] {
        let aws = held();
        let launch = sandbox(&aws).arg(option).env("TERM", term);
        let (run, _) = runs_with_a_late_answer(&aws, on_a_terminal(launch), 1);
        run.launched_silently();
    }
}

#[test]
fn systemd_shows_which_secret_is_awaited_and_extends_its_timeout_until_the_deadline() {
    let aws = held().secret("y", Secret::text("y-4c7a1e"));
    let launch = sandbox(&aws).resolve("B=y").timeout("25s");

    // AWS has answered for y. The manager fails the test if a message has the value.
    let (run, message) = runs_with_a_late_answer(&aws, launch, 1);

    run.launched();
    assert!(message.contains("secret x in us-east-1"), "{message}");
    // The launch reports its wait after two seconds, so at most 23 of the 25 are left.
    let seconds = seconds_of_extension(&message);
    assert!((1.0..=23.0).contains(&seconds), "{message}");
}

#[test]
fn systemd_extends_its_start_timeout_by_wait_and_timeout_together() {
    // Nothing listens at this address.
    let launch = sandbox(&served()).endpoint("http://127.0.0.1:1");
    let launch = launch.timeout("4s").args(["--wait", "3s"]);
    let (manager, launch) = Manager::for_launch(launch);

    launch.run().refused(75, []);

    // The launch reports its wait after two of the seven seconds.
    let messages = manager.received();
    let seconds = seconds_of_extension(&messages[0]);
    assert!((4.0..=5.1).contains(&seconds), "{messages:?}");
}

#[test]
fn ready_1_is_sent_to_systemd_through_an_abstract_socket() {
    let aws = served();
    let launch = sandbox(&aws).arg("--notify-ready");
    let name = format!("secrets-exec-it/{}", launch.path("").display());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let manager = Manager(UnixDatagram::bind_addr(&address).unwrap());

    let run = launch.env("NOTIFY_SOCKET", format!("@{name}")).run();

    run.launched_silently();
    assert_eq!(manager.readiness(), ["READY=1"]);
}

#[test]
fn ready_1_is_not_sent_without_notify_ready_or_if_the_command_does_not_start() {
    let aws = served();
    let missing = sandbox(&aws).arg("--notify-ready").resolve("B=x:nothing");
    let broken = restarting(&aws)
        .arg("--notify-ready")
        .executable("script", "#!/nonexistent\n")
        .command(["./script"]);
    for (launch, status) in [(sandbox(&aws), 0), (missing, 78), (broken, 126)] {
        let (manager, launch) = Manager::for_launch(launch);
        launch.run().ended(Status::Exit(status));
        assert!(manager.readiness().is_empty());
    }
}

#[test]
fn a_relative_notify_socket_is_ignored_even_if_the_socket_exists() {
    let aws = served();
    // The manager's socket is the file `notify` in the working directory of the launch.
    let (manager, launch) = Manager::for_launch(sandbox(&aws).arg("--notify-ready"));
    let run = launch.env("NOTIFY_SOCKET", "notify").run();
    run.launched_silently();
    assert!(manager.readiness().is_empty());
}

#[test]
fn a_notify_socket_that_cannot_be_reached_does_not_stop_a_launch() {
    let aws = served();
    let too_long = format!("/{}", "x".repeat(200));
    for name in ["", "vsock:2:1234", &too_long, "/nonexistent/notify"] {
        let launch = sandbox(&aws).arg("--notify-ready");
        launch.env("NOTIFY_SOCKET", name).run().launched_silently();
    }
}

#[test]
fn a_notify_socket_that_nobody_reads_does_not_delay_a_launch() {
    let aws = served();
    let (manager, launch) = Manager::for_launch(sandbox(&aws).arg("--notify-ready"));
    let sender = UnixDatagram::unbound().unwrap();
    sender.set_nonblocking(true).unwrap();
    let socket = launch.path("notify");
    while sender.send_to(&[b'x'; 1000], &socket).is_ok() {}
    launch.run().launched_silently();

    // A closed socket doesn't delay it, either.
    drop(manager);
    launch.run().launched_silently();
}
