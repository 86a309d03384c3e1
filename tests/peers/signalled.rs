//! A server with workers under `--on-rotation`: a signal that reaches its workers, too, would cut
//! requests off. And inits, whose program must not run twice after a restart.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::thread;

use nix::libc::SIGKILL;
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use super::daemon::{is_installed, reserve_ports};
use crate::rotation::{Rotating, local_secret, rotating_locally};
use crate::support::record::await_fact;
use crate::support::*;

const MODES: [&[&str]; 2] = [&[], &["--on-rotation", "restart"]];

/// Writes the file `begun` for a request, and answers once the file `go` exists.
const GUNICORN_APP: &str = "\
import os, time
def app(environ, start_response):
    open('begun', 'w')
    while not os.path.exists('go'): time.sleep(0.02)
    start_response('200 OK', [])
    return [os.environ['A'].encode()]
";

/// The response to a request during which gunicorn, with one worker, gets HUP.
fn response_during_hup(mode: &[&str]) -> String {
    let port = &reserve_ports(1)[0];
    let address = format!("127.0.0.1:{}", port.number);
    let sandbox = Sandbox::new()
        .local(r#"{"x":{"k":"one-4c7a1e"}}"#)
        .resolve("A=x:k")
        .args(mode)
        .file("app.py", GUNICORN_APP)
        .env("PATH", "/usr/sbin:/usr/bin:/bin")
        .command(["gunicorn", "-b", &address, "--log-file", "log", "app:app"])
        .prints_values()
        .target_writes_stderr();
    let running = sandbox.spawn();
    let connected = || TcpStream::connect(&address);
    await_fact("a listening server", || connected().is_ok());
    let mut stream = connected().unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let answer = thread::spawn(move || {
        let mut response = Vec::new();
        let _ = stream.read_to_end(&mut response);
        String::from_utf8_lossy(&response).into_owned()
    });
    await_fact("a request that runs", || sandbox.path("begun").exists());
    running.signal(Signal::SIGHUP);
    let log = || fs::read_to_string(sandbox.path("log")).unwrap_or_default();
    await_fact("a reload", || log().contains("Handling signal: hup"));
    fs::write(sandbox.path("go"), "").unwrap();
    let response = answer.join().unwrap();
    // A server that is still replacing itself loses SIGTERM.
    await_fact("a new worker", || {
        log().matches("Booting worker").count() == 2
    });
    running.signal(Signal::SIGTERM);
    running.wait();
    response
}

#[test]
fn gunicorn_finishes_a_request_that_runs_while_it_gets_hup() {
    if !is_installed("gunicorn") {
        return;
    }
    for mode in MODES {
        let response = response_during_hup(mode);
        let is_whole = response.contains(" 200 OK") && response.ends_with("one-4c7a1e");
        assert!(is_whole, "{mode:?}: {response}");
    }
}

/// Ignores the signals that would end it, and records its process id.
const STUBBORN: &str = "trap '' TERM; echo start $A $$ >>record; exec sleep 600";

/// The processes of the record that are running.
fn instances(sandbox: &Sandbox) -> usize {
    let lines = record::lines(sandbox);
    let processes = lines.iter().filter_map(|line| line.split(' ').nth(2));
    processes
        .filter(|process| Path::new(&format!("/proc/{process}")).exists())
        .count()
}

#[test]
fn behind_an_init_there_is_one_instance_after_each_restart_and_none_after_an_exit() {
    for init in [&["tini", "-s", "--"][..], &["dumb-init"]] {
        if !is_installed(init[0]) {
            return;
        }
        let command = [init, &["sh", "-c", STUBBORN]].concat();
        let restarting = rotating_locally("restart --grace 100ms").command(&command);
        let run = Rotating::start(restarting.env("PATH", "/usr/bin:/bin"));
        for (value, count) in [("two", 2), ("three", 3)] {
            fs::write(run.sandbox.path("local.json"), local_secret(value)).unwrap();
            run.request();
            run.await_lines(count);
            assert_eq!(instances(&run.sandbox), 1, "{init:?} {value}");
        }
        // The second SIGTERM kills the init, and its program is the orphan of an end without a
        // change, so it stays.
        let stubborn = run.command(2).parse().unwrap();
        run.running.signal(Signal::SIGTERM);
        running::send(Pid::from_raw(stubborn), SIGKILL);
        run.running.wait();

        for _ in 0..3 {
            let exiting = rotating_locally("exit --grace 100ms").command(&command);
            let run = Rotating::start(exiting.env("PATH", "/usr/bin:/bin"));
            fs::write(run.sandbox.path("local.json"), local_secret("two")).unwrap();
            run.request();
            let Rotating { sandbox, running } = run;
            running.wait().ended(Status::Exit(75));
            assert_eq!(instances(&sandbox), 0, "{init:?}");
        }
    }
}
