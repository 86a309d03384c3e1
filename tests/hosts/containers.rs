//! Checks what docs/containers.md promises, with podman and with Docker's engine. The image comes
//! from `packaging/image`. It contains only the static binary, and its user isn't root.

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::podman::{self, Container, Engine, Podman};
use crate::support::outcome::Expectations;
use crate::support::record::await_fact;
use crate::support::skip::{can, skipped};
use crate::support::terminal::terminal;
use crate::support::tls::Authority;
use crate::support::*;

/// The image as `packaging/image` makes it, without any change.
const IMAGE: &str = "localhost/alone";

enum Then {
    /// Nothing: the container ends by itself.
    Ends,
    /// The engine runs this command once the script has made `/shared/ready` or, if the secret
    /// hangs, once it has been requested.
    Gets(&'static [&'static str]),
    /// Ctrl-C is typed once the terminal shows this text.
    CtrlC(&'static str),
}
use Then::{CtrlC, Ends, Gets};

const STOP: Then = Gets(&["stop", "-t=60"]);

/// If TERM doesn't arrive, the script is killed at the end of the grace period, and the status is
/// 137. With `--on-rotation`, TERM also ends `sleep`, which the shell reports.
const HANDLER: &str = "trap 'echo stopped $PPID; exit 7' TERM; touch /shared/ready; while :; do sleep 0.1; done 2>/dev/null";
const NO_HANDLER: &str = "touch /shared/ready; exec sleep 1000";
const INTERRUPTED: &str =
    "trap 'echo interrupted; exit 7' INT; echo ready; while :; do sleep 0.1; done";

/// Prints the parent's process id and the value. Then it stores another value, unless the value is
/// already `w-v-4c7a1e`.
const ROTATES: &str =
    "echo $PPID $A; [ $A = v-4c7a1e ] || exit 7; sed s/v-/w-v-/ /shared/local.json >/shared/new
mv /shared/new /shared/local.json; touch /shared/ready; exec sleep 1000";

const CONFINED: &str = "--read-only --tmpfs=/dev/shm:ro --cap-drop=all --security-opt=no-new-privileges --memory=16m --memory-swap=16m";

/// Counts the five lines by which the kernel describes the confinement.
const IS_CONFINED: &str = "cat /proc/self/status /proc/mounts | grep -cE \
    '^(CapBnd:.0000000000000000|NoNewPrivs:.1|Seccomp:.2|[^ ]+ (/|/dev/shm) [^ ]+ ro,.*)$'; id -u; echo $A; cat $F";

/// The option with a seccomp profile that forbids memfd_create.
const NO_MEMFD: &str = "--security-opt=seccomp=tests/hosts/seccomp.json";

const EXPORTS: &str = "cd /shared; /secrets-exec export -e A=x:k --format dotenv --output app.env
stat -c '%u %a' app.env; cat app.env";

const LOCAL: &str = "--env=SECRETS_EXEC_LOCAL=/shared/local.json";
const ROTATING: &str = "-qq --on-rotation restart --poll-interval 1h --poll-signal USR2 -e A=x:k";

/// One promise as a sentence; the options of the engine, those of secrets-exec, and the shell
/// script to run; what happens to the container; and the expected status, output, and a part of the
/// messages. The secret `x` is served over TLS, and the container has the bundle that trusts the
/// server. A request for the secret `hangs` is never answered.
type Promise = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    Then,
    i32,
    &'static str,
    &'static str,
);

#[rustfmt::skip]
const PROMISES: &[Promise] = &[
    ("the command is PID 1, and its status is that of the container",
        "", "-e A=x:k", "echo $$ $PPID $A; exit 42", Ends, 42, "1 0 v-4c7a1e\n", ""),
    ("a command that isn't in the image fails the launch with 127",
        "", "-e A=x:k -- node", "", Ends, 127, "", "node"),
    ("variables and files in memory arrive in a confined container",
        CONFINED, "-e A=x:k --as-file F=x:k", IS_CONFINED, Ends, 0, "5\n65532\nv-4c7a1e\nv-4c7a1e", ""),
    ("a file in memory that seccomp forbids fails the launch with 78",
        NO_MEMFD, "--as-file F=x:k", "echo", Ends, 78, "", "files in memory aren't allowed here"),
    ("variables arrive even if seccomp forbids files in memory",
        NO_MEMFD, "-e A=x:k", "echo $A", Ends, 0, "v-4c7a1e\n", ""),
    ("a file on disk gets its owner by number",
        "--user=0", "-qq -f /shared/d.yaml", "stat -c '%a %u %g' /shared/key", Ends, 0, "440 7 8\n", ""),
    ("only its user can read a file that `export` has written",
        "", "-e A=x:k", EXPORTS, Ends, 0, "65532 600\nA='v-4c7a1e'\n", ""),
    ("a server is refused if its private authority isn't trusted",
        "--env=AWS_CA_BUNDLE=", "-e A=x:k", "echo", Ends, 78, "", "certificate"),
    ("`stop` runs the handler of PID 1",
        "", "-e A=x:k", HANDLER, STOP, 7, "stopped 0\n", ""),
    ("`stop` runs the handler under `--init`",
        "--init", "-e A=x:k", HANDLER, STOP, 7, "stopped 1\n", ""),
    ("`stop` runs the handler of a command that rotation restarts",
        "", ROTATING, HANDLER, STOP, 7, "stopped 1\n", ""),
    ("`stop` kills a program without a handler that is PID 1",
        "", "-e A=x:k", NO_HANDLER, Gets(&["stop", "-t=1"]), 137, "", ""),
    ("`stop` ends a program without a handler under `--init`",
        "--init", "-e A=x:k", NO_HANDLER, STOP, 143, "", ""),
    ("`stop` ends a launch that reads secrets with 143",
        "", "-e A=hangs:k", "echo", STOP, 143, "", "SIGTERM"),
    ("`stop` ends a launch that reads secrets under `--init` with 143",
        "--init", "-e A=hangs:k", "echo", STOP, 143, "", "SIGTERM"),
    ("Ctrl-C reaches the command",
        "-it", "-e A=x:k", INTERRUPTED, CtrlC("ready"), 7, "ready\n^Cinterrupted\n", ""),
    ("Ctrl-C ends a launch that reads secrets with 130",
        "-it", "-e A=hangs:k", "echo", CtrlC("waiting up to"), 130, "", "SIGINT"),
    ("a rotation by `kill -s` restarts only the command",
        LOCAL, ROTATING, ROTATES, Gets(&["kill", "-s=USR2"]), 7, "1 v-4c7a1e\n1 w-v-4c7a1e\n", ""),
];

/// Runs a container for each promise, and asserts that the engine keeps it.
fn assert_promises_kept(engine: &Engine) {
    let authority = or_skip!(Authority::new());
    let bundle = fs::read_to_string(authority.bundle()).unwrap();
    for (sentence, options, arguments, script, then, status, printed, message) in PROMISES {
        let secret = Secret::text(r#"{"k":"v-4c7a1e"}"#);
        let aws = Aws::start_tls(authority.acceptor()).secret("x", secret);
        let aws = aws.secret("hangs", Secret::failing(Fault::Hang));
        let declaration =
            "files: [{ from: \"x:k\", path: /shared/key, mode: \"0440\", owner: \"7:8\" }]\n";
        let mut container = Container::from_image(IMAGE)
            .run_by(engine)
            .aws(&aws)
            .busybox()
            .case(sentence)
            .file("d.yaml", declaration)
            .file("local.json", &podman::secrets())
            .file("ca.pem", &bundle)
            .env("AWS_CA_BUNDLE", "/shared/ca.pem");
        for option in options.split_whitespace() {
            container = container.option(option);
        }
        if let (Podman, CONFINED) = (engine, *options) {
            // Docker doesn't mount anything writable in a read-only container, but podman does.
            container = container.option("--read-only-tmpfs=false");
        }
        container = container.words(arguments.split_whitespace());
        if !script.is_empty() {
            container = container.script(script);
        }
        if printed.contains("v-4c7a1e") {
            container = container.prints_values();
        }
        let started = match then {
            CtrlC(shown) => container.start_by(&terminal("session", shown, "\\x03")),
            _ => container.start(),
        };
        if let Gets(command) = then {
            if arguments.contains("hangs") {
                aws.await_calls(1)
            } else {
                started.await_file("ready")
            }
            engine.done(command.iter().copied().chain([started.name()]));
        }
        let run = started.wait();
        run.ended(Status::Exit(*status));
        assert!((run.stdout() + &run.stderr()).contains(message), "{run}");
        // On a terminal, the messages are mixed with the output.
        if !matches!(then, CtrlC(_)) || message.is_empty() {
            run.printed(printed);
        }
    }
}

/// Asserts that what the engine shows about a container doesn't contain a value.
fn assert_no_value_shown(engine: &Engine) {
    let container = Container::from_image(IMAGE)
        .run_by(engine)
        .local()
        .busybox()
        .words(["-v", "-e", "A=x:k"]);
    let started = container.script(HANDLER).start();
    started.await_file("ready");
    let inspected = engine.done(["inspect", started.name()]);
    assert!(inspected.contains("A=x:k"), "{inspected}");
    let found = watch::found(&watch::test(), &inspected);
    assert_eq!(found, None, "{inspected}");
    let logs = engine.run(["logs", started.name()], Expectations::default());
    logs.launched().says(["A", "x"]);
    // Another process doesn't have the variables, but the command's own user can read them.
    let environment = |of: &str| started.exec(["sh", "-c", &format!("cat /proc/{of}/environ")]);
    environment("self").launched_silently().has_no("A");
    environment("1").launched_with_value();
    started.stop();
    started.wait().ended(Status::Exit(7));
}

#[test]
#[ignore = "by make test-hosts"]
fn a_container_of_podman_behaves_as_docs_containers_md_promises() {
    if podman::works() {
        // It is the image's only file.
        assert_eq!(Podman.done(["diff", IMAGE]), "A /secrets-exec\n");
        assert_promises_kept(&Podman);
        assert_no_value_shown(&Podman);
    }
}

#[test]
#[ignore = "by make test-hosts"]
fn a_container_of_docker_behaves_as_docs_containers_md_promises() {
    if let Some(docker) = Docker::start() {
        assert_promises_kept(&docker.engine());
        assert_no_value_shown(&docker.engine());
    }
}

/// Docker's daemon with its own storage, into which the image has been loaded. The daemon ends when
/// this is dropped.
struct Docker {
    daemon: Child,
    /// The directory of the daemon's socket and storage.
    directory: Directory,
}

impl Docker {
    /// Starts the daemon. If it cannot start here, reports the calling test as skipped and returns
    /// `None`.
    fn start() -> Option<Self> {
        if !podman::works() || !can(&["dockerd", "--version"], "Docker's engine") {
            return None;
        }
        let directory = Directory::new();
        let path = directory.path().display().to_string();
        // In its own mount namespace, so that its mounts disappear when the daemon ends.
        let line = format!(
            "unshare --mount setpriv --pdeathsig=TERM dockerd --bridge=none --iptables=false --storage-driver=vfs \
             --data-root={path}/data --exec-root={path}/exec --pidfile={path}/pid --host=unix://{path}/socket"
        );
        let log = format!("{path}/log");
        let daemon = Command::new("env")
            .args(line.split(' '))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let mut docker = Self { daemon, directory };
        let (mut answers, mut ended) = (false, false);
        await_fact("Docker's engine answers", || {
            ended = docker.daemon.try_wait().unwrap().is_some();
            answers = docker.engine().attempt(["version"]).status == Status::Exit(0);
            answers || ended
        });
        if ended {
            skipped(&fs::read_to_string(log).unwrap());
            return None;
        }
        let image = format!("{path}/image");
        Podman.done(["save", "--quiet", "--output", &image, IMAGE]);
        docker.engine().done(["load", "--quiet", "--input", &image]);
        Some(docker)
    }

    /// The engine that talks to this daemon.
    fn engine(&self) -> Engine {
        Engine::Docker(self.directory.path().to_owned())
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        let pid = Pid::from_raw(self.daemon.id().cast_signed());
        let _ = kill(pid, Signal::SIGTERM);
        let _ = self.daemon.wait();
    }
}
