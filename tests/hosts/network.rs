//! Two containers in one network, as with Compose: the program runs in one, and finds moto in the
//! other by its name.

use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::podman::{self, Container, Podman, Started, secret};
use crate::architecture::repository;
use crate::peers::interpreter;
use crate::support::outcome::Status;
use crate::support::record::await_fact;
use crate::support::skip::skipped;

/// A podman network, which is removed when this is dropped. There is only one at a time, because
/// podman's name server serves all networks and can lose its names when another network is added or
/// removed.
struct Network {
    name: String,
    _turn: MutexGuard<'static, ()>,
}

static TURN: Mutex<()> = Mutex::new(());

impl Network {
    /// Makes a network. If no container starts in it here, reports the calling test as skipped and
    /// returns `None`.
    fn new(name: &str) -> Option<Self> {
        if !podman::works() {
            return None;
        }
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let name = format!("{name}-{}", std::process::id());
        Podman.attempt(["network", "create", &name]);
        let joined = format!("--network={name}");
        let line = format!("run --rm --pull=never {joined} localhost/debian true");
        let trial = Podman.attempt(line.split(' '));
        let network = Self { name, _turn: turn };
        if trial.status != Status::Exit(0) {
            skipped(&format!("no container starts in a network: {trial}"));
            return None;
        }
        Some(network)
    }

    /// Starts moto, and waits until it listens.
    fn moto(&self) -> Option<Started> {
        let python = interpreter()?;
        let prefix = "import sys; print(sys.base_prefix)";
        let prefix = Command::new(&python).args(["-c", prefix]).output();
        let prefix = String::from_utf8(prefix.unwrap().stdout).unwrap();
        let venv = python.ancestors().nth(2).unwrap().canonicalize().unwrap();
        let script = repository("tests/hosts/neighbour.py");
        let mut container = Container::from_image("localhost/debian")
            .option(format!("--network={}", self.name))
            .option("--network-alias=moto")
            .env("SECRET", &secret())
            .target_writes_stderr();
        // The interpreter of the venv, with its libraries.
        for mount in [Path::new("/usr"), Path::new(prefix.trim()), &venv, &script] {
            container = container.option(format!("--volume={0}:{0}:ro", mount.display()));
        }
        let words = [venv.join("bin/python"), "-B".into(), script];
        let moto = container.words(words).start();
        moto.await_file("ready");
        Some(moto)
    }

    /// A container in this network whose AWS clients use moto.
    fn container_with_moto(&self, image: &'static str) -> Container {
        Container::from_image(image)
            .option(format!("--network={}", self.name))
            .env("AWS_ENDPOINT_URL", "http://moto:5000")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "AKIADUMMY")
            .env("AWS_SECRET_ACCESS_KEY", "dummy")
            // podman's name server (aardvark-dns) complains that there isn't a syslog.
            .target_writes_stderr()
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        Podman.attempt(["network", "rm", "--force", "--time=0", &self.name]);
    }
}

#[test]
#[ignore = "by make test-hosts"]
fn a_container_with_only_secrets_exec_and_busybox_finds_aws_by_its_host_name() {
    let network = or_skip!(Network::new("named"));
    let _moto = or_skip!(network.moto());
    let run = network
        .container_with_moto("localhost/host")
        .words(["secrets-exec", "-e", "A=x:k"])
        .shows_environment()
        .run();
    run.launched().has("A", "v-4c7a1e");
    let run = network
        .container_with_moto("localhost/alone")
        .busybox()
        .words(["-e", "A=x:k"])
        .script("env")
        .prints_values()
        .run();
    assert!(run.launched().stdout().contains("\nA=v-4c7a1e\n"), "{run}");
}

#[test]
#[ignore = "by make test-hosts"]
fn a_container_that_starts_before_the_secrets_service_still_gets_its_value() {
    let network = or_skip!(Network::new("later"));
    let line = "secrets-exec --timeout 60s -e A=x:k";
    let container = network.container_with_moto("localhost/host");
    let container = container.words(line.split(' '));
    let started = container.shows_environment().start();
    let inspect = ["inspect", "--format={{.State.Status}}", started.name()];
    let state = || Podman.attempt(inspect).stdout();
    await_fact("it runs", || state() == "running\n");
    let processes = Podman.done(["top", started.name(), "args"]);
    assert!(processes.contains("secrets-exec --timeout"), "{processes}");
    let _moto = or_skip!(network.moto());
    started.wait().launched().has("A", "v-4c7a1e");
}
