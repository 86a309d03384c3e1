//! `--on-rotation` with real programs: PostgreSQL's passwords and nginx's certificate.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal;
use serde_json::json;

use super::daemon::{is_installed, reserve_ports};
use super::moto::Moto;
use super::postgres::Postgres;
use super::python::{Script, interpreter};
use crate::support::record::await_fact;
use crate::support::*;

/// Waits until a file has at least `count` lines that begin with `prefix`, and returns the last of
/// them.
fn line(file: &Path, prefix: &str, count: usize) -> String {
    let mut last = String::new();
    let what = format!("{count} lines {prefix:?} in {}", file.display());
    await_fact(&what, || {
        let text = fs::read_to_string(file).unwrap_or_default();
        let mut lines = text.lines().filter(|line| line.starts_with(prefix));
        last = lines.nth(count - 1).unwrap_or_default().to_owned();
        !last.is_empty()
    });
    last
}

/// The number of lines in a file that begin with `prefix`.
fn lines(file: &Path, prefix: &str) -> usize {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines().filter(|line| line.starts_with(prefix)).count()
}

/// A sandbox whose program polls when it gets SIGUSR2.
///
/// A reference to a secret whose labels move must name AWSCURRENT, because moto answers a request
/// without a stage from another record.
fn polling(moto: &Moto, on_rotation: &str) -> Sandbox {
    moto.sandbox()
        .args(["--on-rotation", on_rotation, "--poll-signal", "USR2"])
}

/// A PostgreSQL with a hundred jobs, a worker for the jobs, which runs under secrets-exec, and
/// AWS's rotation of the worker's password.
struct Rotated {
    server: &'static Postgres,
    rotator: Script,
    strategy: &'static str,
    secret: String,
    sandbox: Sandbox,
}

impl Rotated {
    /// Starts the database and the worker. Returns `None`, after reporting the test as skipped, if
    /// something isn't installed.
    fn start(strategy: &'static str) -> Option<(Self, Running)> {
        let (moto, interpreter) = (Moto::shared()?, interpreter()?);
        let server = Postgres::shared()?;
        let (user, password) = (format!("app_{strategy}"), format!("first-{strategy}"));
        let jobs = format!("{strategy}.jobs");
        server.run(&format!(
            "CREATE SCHEMA {strategy}; CREATE TABLE {jobs} (id int PRIMARY KEY, done int NOT NULL DEFAULT 0); \
             INSERT INTO {jobs} (id) SELECT generate_series(1, 120)"
        ));
        for user in [user.clone(), format!("{user}_clone")] {
            server.run(&format!(
                "CREATE ROLE {user} LOGIN PASSWORD '{password}'; ALTER ROLE {user} SET search_path TO {strategy}; \
                 GRANT USAGE ON SCHEMA {strategy} TO {user}; GRANT SELECT, UPDATE ON {jobs} TO {user}"
            ));
        }
        let secret = format!("rotation/{strategy}");
        let text = json!({ "username": user, "password": password });
        moto.secret(&secret, &text.to_string());

        let port = server.port().to_string();
        let rotator = Script::start(&interpreter, "rotator.py", &[&moto.url, &port]);
        let worker = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/worker.py");
        let sandbox = polling(moto, "restart")
            .file("log", "")
            .resolve(&format!("PGUSER={secret}:username:AWSCURRENT"))
            .resolve(&format!("PGPASSWORD={secret}:password:AWSCURRENT"));
        let folder = sandbox.path("");
        let options = [
            "-B".as_ref(),
            worker.as_os_str(),
            port.as_ref(),
            folder.as_os_str(),
        ];
        let sandbox = sandbox.command([interpreter.as_os_str()].into_iter().chain(options));
        let running = sandbox.spawn();
        let rotated = Self {
            server,
            rotator,
            strategy,
            secret,
            sandbox,
        };
        Some((rotated, running))
    }

    /// Waits until the worker has finished `jobs` jobs, rotates in the steps that Secrets Manager
    /// requires, and then lets the worker continue.
    fn rotate(&mut self, jobs: usize) {
        line(&self.sandbox.path("log"), "job", jobs);
        for step in ["createSecret", "setSecret", "testSecret", "finishSecret"] {
            let order = json!({ "secret": self.secret, "strategy": self.strategy, "step": step });
            assert_eq!(self.rotator.ask(&order), "done");
        }
        fs::write(self.sandbox.path(format!("after-{jobs}")), "").unwrap();
    }
}

/// Rotates the password twice, and asserts that the worker is restarted each time and does all its
/// jobs. Returns how often PostgreSQL refused the worker, or `None` if something isn't installed.
fn refusals_during_two_rotations(strategy: &'static str, users: [&str; 2]) -> Option<usize> {
    let (mut rotated, running) = Rotated::start(strategy)?;
    let log = rotated.sandbox.path("log");
    for (jobs, starts, user) in [(50, 2, users[0]), (100, 3, users[1])] {
        let refused = lines(&log, "refused");
        rotated.rotate(jobs);
        if strategy == "single" {
            // The old password is refused until the program has the new one.
            line(&log, "refused", refused + 1);
        }
        running.signal(Signal::SIGUSR2);
        assert_eq!(line(&log, "started", starts), format!("started as {user}"));
    }
    let outcome = running.wait();
    outcome.ended(Status::Exit(0));
    assert_eq!(lines(&log, "started"), 3, "{outcome}");
    let done = format!("SELECT count(*) FROM {strategy}.jobs WHERE done = 1");
    assert_eq!(rotated.server.run(&done), "120", "{outcome}");
    Some(lines(&log, "refused"))
}

#[test]
fn a_postgresql_worker_does_all_jobs_although_its_password_is_rotated_twice() {
    refusals_during_two_rotations("single", ["app_single"; 2]);
}

#[test]
fn postgresql_never_refuses_a_worker_whose_secret_alternates_between_two_users() {
    let users = ["app_alternating_clone", "app_alternating"];
    if let Some(refusals) = refusals_during_two_rotations("alternating", users) {
        assert_eq!(refusals, 0);
    }
}

/// Makes a key and a certificate for `name`, and returns both as one secret.
pub(super) fn certificate(name: &str) -> String {
    let options = format!(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN={name} -keyout /dev/stdout"
    );
    let made = Command::new("openssl").args(options.split(' ')).output();
    let text = String::from_utf8(made.expect("openssl is installed").stdout).unwrap();
    let (key, certificate) = text.split_at(text.find("-----BEGIN CERT").expect("a certificate"));
    json!({ "key": key, "certificate": certificate }).to_string()
}

#[test]
fn nginx_reloads_a_rotated_certificate_and_no_connection_fails() {
    let (Some(moto), Some(interpreter)) = (Moto::shared(), interpreter()) else {
        return;
    };
    if !is_installed("nginx") || !skip::can(&["openssl", "version"], "tests with nginx") {
        return;
    }
    let reserved = reserve_ports(1);
    let port = reserved[0].number;
    let sandbox = polling(moto, "signal=HUP").file("log", "");
    let folder = sandbox.path("").display().to_string();
    let declaration = format!(
        "env: {{}}\nfiles:\n  - path: {folder}tls.key\n    from: rotation/nginx:key\n  - path: {folder}tls.pem\n    from: rotation/nginx:certificate\n"
    );
    let configuration = format!(
        "daemon off; pid {folder}pid; error_log {folder}errors; worker_processes 2; events {{ }}
        http {{
            access_log off; client_body_temp_path {folder}1; proxy_temp_path {folder}2;
            fastcgi_temp_path {folder}3; uwsgi_temp_path {folder}4; scgi_temp_path {folder}5;
            server {{
                listen 127.0.0.1:{port} ssl; ssl_certificate {folder}tls.pem; ssl_certificate_key {folder}tls.key;
                return 200 fine;
            }}
        }}"
    );
    moto.secret("rotation/nginx", &certificate("first"));
    let command = format!("nginx -e stderr -p {folder} -c {folder}nginx.conf");
    let sandbox = sandbox
        .declaration(&declaration)
        .file("nginx.conf", configuration)
        .env("PATH", "/usr/sbin:/usr/bin:/bin")
        .command(command.split(' '));
    let running = sandbox.spawn();
    await_fact("nginx listens", || {
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    let log = sandbox.path("log");
    let arguments = [&*port.to_string(), log.to_str().expect("UTF-8")];
    let client = Script::start(&interpreter, "tls_client.py", &arguments);
    line(&log, "first", 1);
    for name in ["second", "third"] {
        moto.put("rotation/nginx", &certificate(name));
        running.signal(Signal::SIGUSR2);
        line(&log, name, 20);
    }
    drop(client);
    let connections = fs::read_to_string(&log).unwrap_or_default();
    assert_eq!(lines(&log, "failed"), 0, "{connections}");
    running.signal(Signal::SIGTERM);
    running.wait().ended(Status::Exit(0));
    let is_left = sandbox.path("tls.key").exists();
    assert!(!is_left, "the key is removed at the end");
}
