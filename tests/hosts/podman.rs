//! [`Container`] builds and runs one container: its image, options, environment and command. podman
//! or another [`Engine`] runs it, and it is removed when it has ended.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::architecture::repository;
use crate::support::outcome::Expectations;
use crate::support::record::await_fact;
use crate::support::skip::skipped;
use crate::support::*;

/// The longest time that a container runs. Only a test that fails waits so long.
const LIMIT: Duration = Duration::from_secs(120);

/// The secret `x` of these tests. Its key `k` has the value `v-4c7a1e`.
pub(super) fn secret() -> String {
    let secret = r#"{"k":"v-4c7a1e"}"#;
    watch::secret_text(secret);
    secret.to_owned()
}

/// The content of the file that [`Container::local`] mounts, with [`secret`].
pub(super) fn secrets() -> String {
    format!(r#"{{"x":{}}}"#, secret())
}

/// The secrets of the examples. The API token is the canary.
pub(super) fn secrets_of_examples() -> String {
    let secrets =
        repository_file("examples/secrets.local.yaml").replace("not-a-real-token", CANARY);
    watch::local_file(&secrets);
    secrets
}

/// Returns whether `prepare` has made all images on this machine. If not, reports the calling test
/// as skipped.
pub(super) fn works() -> bool {
    let works = env::var_os("SECRETS_EXEC_HOSTS")
        .is_some_and(|hosts| Path::new(&hosts).join("ready").exists());
    if !works {
        skipped("tests/hosts/prepare hasn't made the images");
    }
    works
}

pub(super) use Engine::Podman;

/// The program that runs a container.
#[derive(Clone)]
pub(super) enum Engine {
    /// podman, with a storage of these tests.
    Podman,
    /// Docker's daemon. Its socket is in this directory, which is also docker's home.
    Docker(PathBuf),
}

impl Engine {
    /// The command line of the engine, started by `wrapper`.
    fn command<A: AsRef<OsStr>>(
        &self,
        wrapper: &[&str],
        arguments: impl IntoIterator<Item = A>,
    ) -> Command {
        let (program, home) = match self {
            Podman => (repository("tests/hosts/podman"), PathBuf::new()),
            Self::Docker(home) => ("docker".into(), home.clone()),
        };
        let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        let hosts = env::var_os("SECRETS_EXEC_HOSTS").unwrap_or_default();
        let mut command = Command::new("env");
        command.env_clear().env("PATH", path);
        command.env("SECRETS_EXEC_HOSTS", hosts).env("HOME", &home);
        command.env("DOCKER_HOST", format!("unix://{}/socket", home.display()));
        command.args(wrapper).arg(program).args(arguments);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs the engine, and checks its output against `expectations`.
    pub(super) fn run<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
        expectations: Expectations,
    ) -> Outcome {
        Running::start(self.command(&[], arguments), None, LIMIT, expectations).wait()
    }

    /// Runs the engine. It may fail and print messages.
    pub(super) fn attempt<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Outcome {
        let expectations = Expectations {
            target_writes_stderr: true,
            ..Expectations::default()
        };
        self.run(arguments, expectations)
    }

    /// Runs the engine, asserts that it succeeds, and returns its output.
    pub(super) fn done<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> String {
        self.attempt(arguments).launched().stdout()
    }
}

/// Runs podman with this standard input.
pub(super) fn feed(arguments: impl IntoIterator<Item = OsString>, content: &str) -> Outcome {
    let mut command = Podman.command(&[], arguments);
    command.stdin(Stdio::piped());
    let content = Some(content.into());
    Running::start(command, content, LIMIT, Expectations::default()).wait()
}

/// One container. It doesn't have a network unless the test adds one.
pub(super) struct Container {
    engine: Engine,
    image: &'static str,
    name: String,
    /// The directory that is mounted at `/shared`, in which every user can write.
    shared: Directory,
    options: Vec<OsString>,
    words: Vec<OsString>,
    expectations: Expectations,
}

impl Container {
    /// A container of this image.
    pub(super) fn from_image(image: &'static str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let shared = Directory::new();
        fs::set_permissions(shared.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let volume = format!("--volume={}:/shared", shared.path().display());
        Self {
            engine: Podman,
            image,
            name: format!("it-{}-{number}", std::process::id()),
            options: vec![volume.into()],
            shared,
            words: Vec::new(),
            expectations: Expectations::default(),
        }
        .env("AWS_EC2_METADATA_DISABLED", "true")
    }

    /// Adds the sentence of a table's row, which a failure shows.
    pub(super) fn case(mut self, sentence: &str) -> Self {
        self.expectations.case = sentence.to_owned();
        self
    }

    /// Lets this engine run the container.
    pub(super) fn run_by(mut self, engine: &Engine) -> Self {
        self.engine = engine.clone();
        self
    }

    /// Adds busybox as `sh` to an image that doesn't have a shell.
    pub(super) fn busybox(self) -> Self {
        let hosts = env::var("SECRETS_EXEC_HOSTS").unwrap();
        self.option(format!("--volume={hosts}/static/busybox:/bin/sh:ro"))
    }

    /// Serves [`secrets`] by `--local`.
    pub(super) fn local(self) -> Self {
        self.file("local.json", &secrets())
            .env("SECRETS_EXEC_LOCAL", "/shared/local.json")
    }

    /// Serves [`secrets_of_examples`] by `--local`.
    pub(super) fn local_examples(self) -> Self {
        self.file("local.yaml", &secrets_of_examples())
            .env("SECRETS_EXEC_LOCAL", "/shared/local.yaml")
    }

    /// Shares the network of this machine, and points every AWS client at the fake.
    pub(super) fn aws(self, aws: &Aws) -> Self {
        self.option("--network=host")
            .env("AWS_ENDPOINT_URL", &aws.endpoint())
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", ACCESS_SECRET)
    }

    pub(super) fn env(self, name: &str, value: &str) -> Self {
        self.option(format!("--env={name}={value}"))
    }

    /// Writes a file below `/shared`.
    pub(super) fn file(self, name: &str, content: &str) -> Self {
        if name.starts_with("local.") {
            watch::local_file(content);
        }
        fs::write(self.path(name), content).unwrap();
        self
    }

    /// The path, outside the container, of a file below `/shared`.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.shared.path().join(name)
    }

    pub(super) fn option(mut self, option: impl Into<OsString>) -> Self {
        self.options.push(option.into());
        self
    }

    /// Adds arguments after the image.
    pub(super) fn words<A: AsRef<OsStr>>(mut self, words: impl IntoIterator<Item = A>) -> Self {
        self.words
            .extend(words.into_iter().map(|word| word.as_ref().to_owned()));
        self
    }

    /// Adds a shell script as the command.
    pub(super) fn script(self, script: &str) -> Self {
        self.words(["--", "sh", "-c", script])
    }

    /// Adds a command that prints its environment as the kernel keeps it.
    pub(super) fn shows_environment(self) -> Self {
        self.words(["--", "cat", "/proc/self/environ"])
            .prints_values()
    }

    /// Allows the command to print secret values on standard output.
    pub(super) fn prints_values(mut self) -> Self {
        self.expectations.prints_values = true;
        self
    }

    /// Allows lines on standard error that don't come from the program.
    pub(super) fn target_writes_stderr(mut self) -> Self {
        self.expectations.target_writes_stderr = true;
        self
    }

    /// Runs the container, and waits until it has ended.
    pub(super) fn run(self) -> Outcome {
        self.start().wait()
    }

    pub(super) fn start(self) -> Started {
        self.start_by(&[])
    }

    /// Starts the container with this wrapper in front of the engine's command.
    pub(super) fn start_by(self, wrapper: &[&str]) -> Started {
        let mut line = ["run", "--rm", "--pull=never", "--name", &self.name]
            .map(OsString::from)
            .to_vec();
        let mut options = self.options.iter().map(|option| option.to_string_lossy());
        if !options.any(|option| option.starts_with("--network=")) {
            line.push("--network=none".into());
        }
        line.extend(self.options);
        line.push(self.image.into());
        line.extend(self.words);
        let command = self.engine.command(wrapper, line);
        let running = Running::start(command, None, LIMIT, self.expectations);
        Started {
            engine: self.engine,
            name: self.name,
            shared: self.shared,
            running,
        }
    }
}

/// A running container.
pub(super) struct Started {
    engine: Engine,
    name: String,
    shared: Directory,
    running: Running,
}

impl Started {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Waits until the container's command has written this file below `/shared`.
    pub(super) fn await_file(&self, name: &str) {
        let path = self.shared.path().join(name);
        await_fact(&format!("{name} is there"), || path.exists());
    }

    /// Runs another command in the container, and returns its output.
    pub(super) fn exec<A: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = A>) -> Outcome {
        let words = words.into_iter().map(|word| word.as_ref().to_owned());
        let line = ["exec", &self.name].map(OsString::from).into_iter();
        let expectations = Expectations {
            prints_values: true,
            ..Expectations::default()
        };
        self.engine.run(line.chain(words), expectations)
    }

    /// Stops the container. The engine sends TERM, and KILL after a minute.
    pub(super) fn stop(&self) {
        self.engine.done(["stop", "-t=60", &self.name]);
    }

    /// Waits until the container has ended.
    pub(super) fn wait(self) -> Outcome {
        self.running.wait()
    }
}
