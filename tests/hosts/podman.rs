//! Use [`Container`] to state one container (image, options, environment, command) and to run it; it is gone when it has ended.

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

/// How long anything may take; only a failing test waits so long.
const LIMIT: Duration = Duration::from_secs(120);

/// The secret `x` of these tests: its key `k` is `v`.
pub(super) fn secret() -> String {
    format!(r#"{{"k":"v","canary":"{CANARY}"}}"#)
}

/// What the local file of [`Container::local`] holds: [`secret`].
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

/// Podman, with the storage of these tests.
fn podman<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hosts/podman"));
    command.env_clear().env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    command.env("SECRETS_EXEC_HOSTS", env::var_os("SECRETS_EXEC_HOSTS").unwrap_or_default());
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs podman to its end. What it prints may hold values only where `expectations` say so.
pub(super) fn run<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>, expectations: Expectations) -> Outcome {
    Running::start(podman(arguments), None, LIMIT, expectations).wait()
}

/// Runs podman with success, and returns what it prints.
pub(super) fn done<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> String {
    let expectations = Expectations { target_writes_stderr: true, ..Expectations::default() };
    run(arguments, expectations).launched().stdout()
}

/// Runs podman with that on its standard input.
pub(super) fn feed(arguments: impl IntoIterator<Item = OsString>, content: &str) -> Outcome {
    let mut command = podman(arguments);
    command.stdin(Stdio::piped());
    Running::start(command, Some(content.into()), LIMIT, Expectations::default()).wait()
}

/// A file of this repository that is mounted.
pub(super) fn repository(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Waits for a fact about another process.
pub(super) fn await_that(what: &str, mut fact: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !fact() {
        assert!(begun.elapsed() < LIMIT, "this never came true: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// One container, stated; it has no network unless the test gives it one.
pub(super) struct Container {
    image: &'static str,
    name: String,
    /// Mounted at `/shared`, for every user to write to.
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

    /// Shares this machine's network, where the fake of AWS listens, and points every AWS client at it.
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

    /// What stands after the image.
    pub(super) fn words<A: AsRef<OsStr>>(mut self, words: impl IntoIterator<Item = A>) -> Self {
        self.words.extend(words.into_iter().map(|word| word.as_ref().to_owned()));
        self
    }

    /// Ends the words with a shell script as the command.
    pub(super) fn script(self, script: &str) -> Self {
        self.words(["--", "sh", "-c", script])
    }

    /// Ends the words with a command that prints its environment as the kernel holds it.
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

/// A container that runs.
pub(super) struct Started {
    name: String,
    shared: Directory,
    running: Running,
}

impl Started {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Waits until its command has written the file below `/shared`.
    pub(super) fn await_file(&self, name: &str) {
        let path = self.shared.path().join(name);
        await_that(&format!("{name} is there"), || path.exists());
    }

    /// What a command prints that is run inside, beside the container's own.
    pub(super) fn exec<A: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = A>) -> Outcome {
        let mut line: Vec<OsString> = ["exec", &self.name].map(OsString::from).into();
        line.extend(words.into_iter().map(|word| word.as_ref().to_owned()));
        run(line, Expectations { prints_values: true, ..Expectations::default() })
    }

    /// Has podman send TERM, and KILL if that does not end it in a minute.
    pub(super) fn stop(&self) {
        done(["stop", "--time=60", &self.name]);
    }

    pub(super) fn wait(self) -> Outcome {
        self.running.wait()
    }
}
