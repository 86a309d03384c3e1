//! [`Container`] builds and runs one container (image, options, environment, command), which is removed when it has
//! ended.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::aws::Aws;
use crate::support::directory::Directory;
use crate::support::outcome::{Expectations, Outcome};
use crate::support::running::Running;
use crate::support::sandbox::{ACCESS_SECRET, CANARY};
use crate::support::skip::skipped;

/// The longest wait for anything; only a failing test waits so long.
const LIMIT: Duration = Duration::from_secs(120);

/// The secret `x` of these tests: its key `k` is `v`.
pub(super) fn secret() -> String {
    format!(r#"{{"k":"v","canary":"{CANARY}"}}"#)
}

/// The content of [`Container::local`]'s file: [`secret`].
pub(super) fn secrets() -> String {
    format!(r#"{{"x":{}}}"#, secret())
}

/// Returns whether `prepare` has made all images here; reports the calling test as skipped when not.
pub(super) fn works() -> bool {
    let works = env::var_os("SECRETS_EXEC_HOSTS").is_some_and(|hosts| Path::new(&hosts).join("ready").exists());
    if !works {
        skipped("tests/hosts/prepare has made no images");
    }
    works
}

/// podman with the storage of these tests.
fn podman<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hosts/podman"));
    command.env_clear().env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    command.env("SECRETS_EXEC_HOSTS", env::var_os("SECRETS_EXEC_HOSTS").unwrap_or_default());
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs podman, whose output is checked by `expectations`.
pub(super) fn run<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>, expectations: Expectations) -> Outcome {
    Running::start(podman(arguments), None, LIMIT, expectations).wait()
}

/// Runs podman, asserts success, and returns the output.
pub(super) fn done<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> String {
    let expectations = Expectations { target_writes_stderr: true, ..Expectations::default() };
    run(arguments, expectations).launched().stdout()
}

/// Runs podman with this standard input.
pub(super) fn feed(arguments: impl IntoIterator<Item = OsString>, content: &str) -> Outcome {
    let mut command = podman(arguments);
    command.stdin(Stdio::piped());
    Running::start(command, Some(content.into()), LIMIT, Expectations::default()).wait()
}

/// The path of a file of this repository, to be mounted.
pub(super) fn repository(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Waits until a condition on another process holds.
pub(super) fn await_that(what: &str, mut fact: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !fact() {
        assert!(begun.elapsed() < LIMIT, "this never came true: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// One container, without a network unless the test adds one.
pub(super) struct Container {
    image: &'static str,
    name: String,
    /// The directory that is mounted at `/shared`, writable for every user.
    shared: Directory,
    options: Vec<OsString>,
    words: Vec<OsString>,
    expectations: Expectations,
}

impl Container {
    pub(super) fn of(image: &'static str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let shared = Directory::new();
        fs::set_permissions(shared.path(), fs::Permissions::from_mode(0o777)).unwrap();
        Self {
            image,
            name: format!("it-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)),
            options: vec!["--volume".into(), format!("{}:/shared", shared.path().display()).into()],
            shared,
            words: Vec::new(),
            expectations: Expectations::default(),
        }
        .env("AWS_EC2_METADATA_DISABLED", "true")
    }

    /// Serves [`secrets`] by `--local`.
    pub(super) fn local(self) -> Self {
        self.file("local.json", &secrets()).env("SECRETS_EXEC_LOCAL", "/shared/local.json")
    }

    /// Shares this machine's network, and points every AWS client at the fake.
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
        self.words.extend(words.into_iter().map(|word| word.as_ref().to_owned()));
        self
    }

    /// Adds a shell script as the command.
    pub(super) fn script(self, script: &str) -> Self {
        self.words(["--", "sh", "-c", script])
    }

    /// Adds a command that prints its environment as the kernel holds it.
    pub(super) fn shows_environment(self) -> Self {
        self.words(["--", "cat", "/proc/self/environ"]).prints_values()
    }

    pub(super) fn prints_values(mut self) -> Self {
        self.expectations.prints_values = true;
        self
    }

    pub(super) fn target_writes_stderr(mut self) -> Self {
        self.expectations.target_writes_stderr = true;
        self
    }

    pub(super) fn run(self) -> Outcome {
        self.start().wait()
    }

    pub(super) fn start(self) -> Started {
        let mut line: Vec<OsString> = ["run", "--rm", "--pull=never", "--name", &self.name].map(OsString::from).into();
        if !self.options.iter().any(|option| option.to_string_lossy().starts_with("--network=")) {
            line.push("--network=none".into());
        }
        line.extend(self.options);
        line.push(self.image.into());
        line.extend(self.words);
        let running = Running::start(podman(line), None, LIMIT, self.expectations);
        Started { name: self.name, shared: self.shared, running }
    }
}

/// A running container.
pub(super) struct Started {
    name: String,
    shared: Directory,
    running: Running,
}

impl Started {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Waits until its command has written this file below `/shared`.
    pub(super) fn await_file(&self, name: &str) {
        let path = self.shared.path().join(name);
        await_that(&format!("{name} is there"), || path.exists());
    }

    /// Runs another command in the container and returns its output.
    pub(super) fn exec<A: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = A>) -> Outcome {
        let mut line: Vec<OsString> = ["exec", &self.name].map(OsString::from).into();
        line.extend(words.into_iter().map(|word| word.as_ref().to_owned()));
        run(line, Expectations { prints_values: true, ..Expectations::default() })
    }

    /// Stops the container: podman sends TERM, and KILL after a minute.
    pub(super) fn stop(&self) {
        done(["stop", "--time=60", &self.name]);
    }

    pub(super) fn wait(self) -> Outcome {
        self.running.wait()
    }
}
