//! What docs/containers.md promises, by podman and by Docker's engine, in the image of `packaging/image`: the static binary alone,
//! and a user who is not root.

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::podman::{self, Container, Engine, await_that, done};
use crate::support::outcome::Expectations;
use crate::support::skip::{can, skipped};
use crate::support::terminal::session;
use crate::support::tls::Authority;
use crate::support::*;

/// The image, unchanged.
const IMAGE: &str = "localhost/alone";

enum Then {
    /// The container ends by itself.
    Ends,
    /// The engine gets this command once the script has made `/shared/ready`, or the request hangs.
    Gets(&'static [&'static str]),
    /// Ctrl-C is typed once the terminal shows this.
    CtrlC(&'static str),
}
use Then::{CtrlC, Ends, Gets};

const STOP: Then = Gets(&["stop", "-t=60"]);

/// Without TERM the script is killed at the end of the grace period, and the status is 137. Under rotation TERM ends `sleep` too, and the
/// shell says so.
const HANDLER: &str = "trap 'echo stopped $PPID; exit 7' TERM; touch /shared/ready; while :; do sleep 0.1; done 2>/dev/null";
const NO_HANDLER: &str = "touch /shared/ready; exec sleep 1000";
const INTERRUPTED: &str =
    "trap 'echo interrupted; exit 7' INT; echo ready; while :; do sleep 0.1; done";

/// Prints its parent and the value, and stores another value until that is `w-v-4c7a1e`.
const ROTATES: &str =
    "echo $PPID $A; [ $A = v-4c7a1e ] || exit 7; sed s/v-/w-v-/ /shared/local.json >/shared/new
mv /shared/new /shared/local.json; touch /shared/ready; exec sleep 1000";

const CONFINED: &str = "--read-only --tmpfs=/dev/shm:ro --cap-drop=all --security-opt=no-new-privileges --memory=16m --memory-swap=16m";

/// Counts five lines of the kernel about confinement.
const IS_CONFINED: &str = "cat /proc/self/status /proc/mounts | grep -cE \
    '^(CapBnd:.0000000000000000|NoNewPrivs:.1|Seccomp:.2|[^ ]+ (/|/dev/shm) [^ ]+ ro,.*)$'; id -u; echo $A; cat $F";

/// A profile that forbids memfd_create.
const NO_MEMFD: &str = "--security-opt=seccomp=tests/hosts/seccomp.json";

const EXPORTS: &str = "cd /shared; /secrets-exec export -e A=x:k --format dotenv --output app.env
stat -c '%u %a' app.env; cat app.env";

const LOCAL: &str = "--env=SECRETS_EXEC_LOCAL=/shared/local.json";
const ROTATING: &str = "-q --on-rotation restart --poll-interval 1h --poll-signal USR2 -e A=x:k";

/// A sentence; the engine's options, those of secrets-exec, and the shell script that is executed; what happens to the container; its
/// status, its output, and a text that it says. The secret `x` is served over TLS, with a bundle that is mounted; `hangs` has no answer.
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
    ("the command is PID 1, and its status that of the container",
        "", "-e A=x:k", "echo $$ $PPID $A; exit 42", Ends, 42, "1 0 v-4c7a1e\n", ""),
    ("a command that is not in the image is 127",
        "", "-e A=x:k -- node", "", Ends, 127, "", "node"),
    ("variables and files in memory arrive under all confinement",
        CONFINED, "-e A=x:k --as-file F=x:k", IS_CONFINED, Ends, 0, "5\n65532\nv-4c7a1e\nv-4c7a1e", ""),
    ("a file in memory that seccomp forbids is 78",
        NO_MEMFD, "--as-file F=x:k", "echo", Ends, 78, "", "files in memory are not allowed here"),
    ("variables need no file in memory",
        NO_MEMFD, "-e A=x:k", "echo $A", Ends, 0, "v-4c7a1e\n", ""),
    ("a file on disk gets its owner by number",
        "--user=0", "-q -f /shared/d.yaml", "stat -c '%a %u %g' /shared/key", Ends, 0, "440 7 8\n", ""),
    ("a file of `export` is readable by its user alone",
        "", "-e A=x:k", EXPORTS, Ends, 0, "65532 600\nA='v-4c7a1e'\n", ""),
    ("a private authority is refused without its root",
        "--env=AWS_CA_BUNDLE=", "-e A=x:k", "echo", Ends, 78, "", "certificate"),
    ("`stop` runs the handler of PID 1",
        "", "-e A=x:k", HANDLER, STOP, 7, "stopped 0\n", ""),
    ("`stop` runs the handler under `--init`",
        "--init", "-e A=x:k", HANDLER, STOP, 7, "stopped 1\n", ""),
    ("`stop` runs the handler of a command that rotation restarts",
        "", ROTATING, HANDLER, STOP, 7, "stopped 1\n", ""),
    ("`stop` kills PID 1 without a handler",
        "", "-e A=x:k", NO_HANDLER, Gets(&["stop", "-t=1"]), 137, "", ""),
    ("`stop` ends a program without a handler under `--init`",
        "--init", "-e A=x:k", NO_HANDLER, STOP, 143, "", ""),
    ("`stop` while resolving is 143",
        "", "-e A=hangs:k", "echo", STOP, 143, "", "SIGTERM"),
    ("`stop` while resolving under `--init` is 143",
        "--init", "-e A=hangs:k", "echo", STOP, 143, "", "SIGTERM"),
    ("Ctrl-C reaches the command",
        "-it", "-e A=x:k", INTERRUPTED, CtrlC("ready"), 7, "ready\n^Cinterrupted\n", ""),
    ("Ctrl-C while resolving is 130",
        "-it", "-e A=hangs:k", "echo", CtrlC("waiting up to"), 130, "", "SIGINT"),
    ("a rotation by `kill -s` restarts the command alone",
        LOCAL, ROTATING, ROTATES, Gets(&["kill", "-s=USR2"]), 7, "1 v-4c7a1e\n1 w-v-4c7a1e\n", ""),
];

fn keeps_its_promises(engine: &Engine) {
    let Some(authority) = Authority::new() else {
        return;
    };
    let bundle = fs::read_to_string(authority.bundle()).unwrap();
    for (sentence, options, arguments, script, then, status, printed, message) in PROMISES {
        let aws =
            Aws::start_tls(authority.acceptor()).secret("x", Secret::text(r#"{"k":"v-4c7a1e"}"#));
        let aws = aws.secret("hangs", Secret::failing(Fault::Hang));
        let declaration =
            "files: [{ from: \"x:k\", path: /shared/key, mode: \"0440\", owner: \"7:8\" }]\n";
        let container = Container::of(IMAGE)
            .by(engine)
            .aws(&aws)
            .busybox()
            .case(sentence)
            .file("d.yaml", declaration);
        let container = container
            .file("local.json", &podman::secrets())
            .file("ca.pem", &bundle);
        let mut container = container.env("AWS_CA_BUNDLE", "/shared/ca.pem");
        for option in options.split_whitespace() {
            container = container.option(option);
        }
        if let (Engine::Podman, CONFINED) = (engine, *options) {
            // Docker mounts nothing writable in a container that is read-only.
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
            CtrlC(shown) => container.start_by(&session(shown, "\\x03")),
            _ => container.start(),
        };
        if let Gets(command) = then {
            match arguments.contains("hangs") {
                true => aws.await_calls(1),
                false => started.await_file("ready"),
            }
            engine.done(command.iter().copied().chain([started.name()]));
        }
        let run = started.wait();
        run.ended(Status::Exit(*status));
        assert!((run.stdout() + &run.stderr()).contains(message), "{run}");
        // A terminal has messages among the output.
        if !matches!(then, CtrlC(_)) || message.is_empty() {
            run.printed(printed);
        }
    }
}

/// Asserts that the engine's output about a container has no value.
fn shows_no_value(engine: &Engine) {
    let container = Container::of(IMAGE)
        .by(engine)
        .local()
        .busybox()
        .words(["-v", "-e", "A=x:k"]);
    let started = container.script(HANDLER).start();
    started.await_file("ready");
    let inspected = engine.done(["inspect", started.name()]);
    assert!(inspected.contains("A=x:k"), "{inspected}");
    assert_eq!(
        watch::found(&watch::test(), &inspected),
        None,
        "{inspected}"
    );
    engine
        .run(["logs", started.name()], Expectations::default())
        .launched()
        .says(["A", "x"]);
    started
        .exec(["sh", "-c", "cat /proc/self/environ"])
        .launched_silently()
        .lacks("A");
    // The command's user may read its environment.
    started
        .exec(["sh", "-c", "cat /proc/1/environ"])
        .launched_silently()
        .has("A", "v-4c7a1e");
    started.stop();
    started.wait().ended(Status::Exit(7));
}

#[test]
#[ignore = "by make test-hosts"]
fn podman_keeps_every_promise_of_docs_containers_md() {
    if podman::works() {
        assert_eq!(
            done(["diff", IMAGE]),
            "A /secrets-exec\n",
            "it is the image's only file"
        );
        keeps_its_promises(&Engine::Podman);
        shows_no_value(&Engine::Podman);
    }
}

#[test]
#[ignore = "by make test-hosts"]
fn dockers_engine_keeps_every_promise_of_docs_containers_md() {
    if let Some(docker) = Docker::start() {
        keeps_its_promises(&docker.engine());
        shows_no_value(&docker.engine());
    }
}

/// Docker's daemon with a storage of its own that has the image, ended when it is dropped.
struct Docker {
    daemon: Child,
    /// The socket and the storage.
    directory: Directory,
}

impl Docker {
    /// Reports the calling test as skipped where no daemon starts.
    fn start() -> Option<Self> {
        if !podman::works() || !can(&["dockerd", "--version"], "Docker's engine") {
            return None;
        }
        let directory = Directory::new();
        let path = directory.path().to_owned();
        let at = |name: &str| path.join(name).display().to_string();
        // Its mounts end with it.
        let daemon = Command::new("unshare")
            .args([
                "--mount",
                "setpriv",
                "--pdeathsig=TERM",
                "dockerd",
                "--bridge=none",
                "--iptables=false",
                "--storage-driver=vfs",
            ])
            .args([
                format!("--data-root={}", at("data")),
                format!("--exec-root={}", at("exec")),
            ])
            .args([
                format!("--pidfile={}", at("pid")),
                format!("--host=unix://{}", at("socket")),
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(at("log")).unwrap())
            .spawn()
            .unwrap();
        let mut docker = Self { daemon, directory };
        let (mut answers, mut ended) = (false, false);
        await_that("Docker's engine answers", || {
            ended = docker.daemon.try_wait().unwrap().is_some();
            answers = docker.engine().attempt(["version"]).status == Status::Exit(0);
            answers || ended
        });
        if ended {
            skipped(&fs::read_to_string(at("log")).unwrap());
            return None;
        }
        done(["save", "--quiet", "--output", &at("image"), IMAGE]);
        docker
            .engine()
            .done(["load", "--quiet", "--input", &at("image")]);
        Some(docker)
    }

    fn engine(&self) -> Engine {
        Engine::Docker(self.directory.path().to_owned())
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        let _ = kill(
            Pid::from_raw(self.daemon.id().cast_signed()),
            Signal::SIGTERM,
        );
        let _ = self.daemon.wait();
    }
}
