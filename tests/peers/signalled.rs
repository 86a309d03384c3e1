//! Servers with workers under `--on-rotation`: a signal that reaches their workers, too, would cut
//! requests off. And inits, whose program must not run twice after a restart.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::thread;

use nix::libc::SIGKILL;
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use super::daemon::{Port, is_installed, reserve_ports};
use crate::rotation::{Rotating, local_secret, rotating_locally};
use crate::support::record::await_fact;
use crate::support::*;

/// A server whose only worker writes the file `begun` for a request, and answers once the file `go`
/// exists.
fn busy_server(port: &Port, options: &[&str], command: &[&str]) -> (Sandbox, Running) {
    let secrets = r#"{"x":{"k":"one-4c7a1e"}}"#;
    let sandbox = Sandbox::new().local(secrets).resolve("A=x:k").args(options);
    let sandbox = sandbox
        .file("app.py", GUNICORN_APP)
        .file("app.php", PHP_APP)
        .file("fpm.conf", fpm_configuration(port))
        .env("PATH", "/usr/sbin:/usr/bin:/bin");
    let sandbox = sandbox
        .command(command)
        .prints_values()
        .target_writes_stderr();
    let running = sandbox.spawn();
    await_fact("a listening server", || {
        TcpStream::connect(("127.0.0.1", port.number)).is_ok()
    });
    (sandbox, running)
}

/// Sends a request, and then a signal to secrets-exec while the worker is busy. Lets the worker
/// finish once the log has `acted`. Returns the response once the log has `ready` for the second
/// time.
fn response_during(
    (sandbox, running): (Sandbox, Running),
    port: &Port,
    request: Vec<u8>,
    signal: Signal,
    [acted, ready]: [&str; 2],
) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port.number)).unwrap();
    stream.write_all(&request).unwrap();
    let answer = thread::spawn(move || {
        let mut response = Vec::new();
        let _ = stream.read_to_end(&mut response);
        String::from_utf8_lossy(&response).into_owned()
    });
    await_fact("a request that runs", || sandbox.path("begun").exists());
    running.signal(signal);
    let log = || fs::read_to_string(sandbox.path("log")).unwrap_or_default();
    await_fact(acted, || log().contains(acted));
    fs::write(sandbox.path("go"), "").unwrap();
    let response = answer.join().unwrap();
    // A server that is still replacing itself loses SIGTERM.
    await_fact(ready, || log().matches(ready).count() == 2);
    running.signal(Signal::SIGTERM);
    running.wait();
    response
}

const MODES: [&[&str]; 2] = [&[], &["--on-rotation", "restart"]];

const GUNICORN_APP: &str = "\
import os, time
def app(environ, start_response):
    open('begun', 'w')
    while not os.path.exists('go'): time.sleep(0.02)
    start_response('200 OK', [])
    return [os.environ['A'].encode()]
";

#[test]
fn gunicorn_finishes_a_request_that_runs_while_it_gets_hup() {
    if !is_installed("gunicorn") {
        return;
    }
    for mode in MODES {
        let port = &reserve_ports(1)[0];
        let address = format!("127.0.0.1:{}", port.number);
        let command = ["gunicorn", "-b", &address, "--log-file", "log", "app:app"];
        let server = busy_server(port, mode, &command);
        let request = b"GET / HTTP/1.0\r\n\r\n".to_vec();
        let response = response_during(
            server,
            port,
            request,
            Signal::SIGHUP,
            ["Handling signal: hup", "Booting worker"],
        );
        let is_whole = response.contains(" 200 OK") && response.ends_with("one-4c7a1e");
        assert!(is_whole, "{mode:?}: {response}");
    }
}

const PHP_APP: &str = "\
<?php
touch('begun');
while (!file_exists('go')) { usleep(20000); clearstatcache(); }
echo getenv('A');
";

fn fpm_configuration(port: &Port) -> String {
    format!(
        "[global]\nerror_log = log\nprocess_control_timeout = 60s\n[www]\nclear_env = no\n\
         listen = 127.0.0.1:{}\npm = static\npm.max_children = 1\nuser = root\ngroup = root\n",
        port.number
    )
}

/// A request for a script, with an empty body
/// (<https://fastcgi-archives.github.io/FastCGI_Specification.html>).
fn fastcgi_request(script: &Path) -> Vec<u8> {
    let record = |kind: u8, content: &[u8]| {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        let header = [1, kind, 0, 1, length[0], length[1], 0, 0];
        [&header[..], content].concat()
    };
    let mut parameters = Vec::new();
    for (name, value) in [
        ("SCRIPT_FILENAME", script.to_str().unwrap()),
        ("REQUEST_METHOD", "GET"),
    ] {
        parameters.extend([name.len(), value.len()].map(|length| u8::try_from(length).unwrap()));
        parameters.extend(name.bytes().chain(value.bytes()));
    }
    // The role of a responder, which closes the connection at the end.
    let begin = record(1, &[0, 1, 0, 0, 0, 0, 0, 0]);
    let [parameters, end, body] =
        [(4, &parameters[..]), (4, &[]), (5, &[])].map(|(kind, content)| record(kind, content));
    [begin, parameters, end, body].concat()
}

/// The installed php-fpm, whose name has its version on Debian. Reports the test as skipped if
/// php-fpm isn't installed.
fn php_fpm() -> Option<PathBuf> {
    let folder = fs::read_dir("/usr/sbin").unwrap();
    let mut paths = folder.map(|entry| entry.unwrap().path());
    let found = paths.find(|path| path.to_string_lossy().starts_with("/usr/sbin/php-fpm"));
    if found.is_none() {
        skip::skipped("tests with php-fpm: it isn't installed");
    }
    found
}

#[test]
fn php_fpm_finishes_a_request_that_runs_while_it_gets_usr2() {
    let Some(fpm) = php_fpm() else { return };
    for mode in MODES {
        let port = &reserve_ports(1)[0];
        let program = fpm.to_str().unwrap();
        let command = [program, "--nodaemonize", "-R", "-p", ".", "-y", "fpm.conf"];
        let server = busy_server(port, mode, &command);
        let request = fastcgi_request(&server.0.path("app.php"));
        let response = response_during(
            server,
            port,
            request,
            Signal::SIGUSR2,
            ["Reloading in progress", "ready to handle connections"],
        );
        assert!(response.contains("one-4c7a1e"), "{mode:?}: {response}");
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
