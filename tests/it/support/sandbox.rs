//! The builder of one run of `secrets-exec`: arguments, environment, files and standard input,
//! isolated from this machine's own environment and home directory.

mod files;
mod start;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::support::aws::Aws;
use crate::support::aws::fault::Fault;
use crate::support::aws::secret::Secret;
use crate::support::directory::Directory;
use crate::support::outcome::Expectations;
pub use start::copy_elsewhere;

/// A string that is part of every credential, and of the secrets that a fault shows. A run that
/// prints it fails its test.
pub const CANARY: &str = "cAnArY-7f3a9c51";

/// The secret access key of the sandbox, which contains the canary.
pub const ACCESS_SECRET: &str = "cAnArY-7f3a9c51/access";

/// The binary under test: `SECRETS_EXEC_BINARY` if that is set, and otherwise the one that cargo
/// has built.
pub fn program() -> PathBuf {
    std::env::var_os("SECRETS_EXEC_BINARY")
        .map_or_else(|| env!("CARGO_BIN_EXE_secrets-exec").into(), PathBuf::from)
}

/// A command that prints its environment as the kernel keeps it.
const SHOW_ENVIRONMENT: [&str; 2] = ["/bin/cat", "/proc/self/environ"];

pub fn repository_file(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// The text of a key in Cargo.toml. Before the first release, there's no repository.
pub fn manifest(key: &str) -> Option<String> {
    let manifest = repository_file("Cargo.toml");
    let prefix = format!("{key} = \"");
    let value = manifest.lines().find_map(|line| line.strip_prefix(&prefix));
    value.map(|value| value.trim_end_matches('"').to_owned())
}

/// A fake like [`served`](super::aws::served), which doesn't answer until the test releases it.
pub fn held() -> Aws {
    Aws::start().secret("x", Secret::text(r#"{"k":"v-4c7a1e"}"#).held())
}

/// A fake that never answers requests for the secret `x`.
pub fn hanging() -> Aws {
    Aws::start().secret("x", Secret::failing(Fault::Hang))
}

/// A run that sets `A` to the key `k` of the secret `x`.
pub fn sandbox(aws: &Aws) -> Sandbox {
    Sandbox::new().aws(aws).resolve("A=x:k")
}

/// A run that sets `A` to the canary, from a local file.
pub fn local() -> Sandbox {
    let secrets = format!(r#"{{"x":"{CANARY}"}}"#);
    Sandbox::new().local(&secrets).resolve("A=x")
}

/// One run. The command is [`SHOW_ENVIRONMENT`] unless the test sets another one.
pub struct Sandbox {
    directory: Arc<Directory>,
    wrapper: Vec<OsString>,
    options: Vec<OsString>,
    separator: bool,
    command: Vec<OsString>,
    environment: BTreeMap<OsString, OsString>,
    stdin: Option<Vec<u8>>,
    expectations: Expectations,
    /// The names and the contents of the files that the test has written.
    written: Vec<u8>,
}

impl Sandbox {
    pub fn new() -> Self {
        let directory = Arc::new(Directory::new());
        let home = directory.path().join("home");
        fs::create_dir(directory.path().join("work")).unwrap();
        fs::create_dir(&home).unwrap();
        let sandbox = Self {
            wrapper: Vec::new(),
            options: Vec::new(),
            separator: true,
            command: owned(SHOW_ENVIRONMENT),
            environment: BTreeMap::new(),
            stdin: None,
            expectations: Expectations {
                files: Some(Arc::clone(&directory)),
                ..Expectations::default()
            },
            directory,
            written: Vec::new(),
        };
        sandbox
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", home)
            .env("AWS_EC2_METADATA_DISABLED", "true")
    }

    /// Points every AWS client at `aws`, with a region and credentials.
    pub fn aws(self, aws: &Aws) -> Self {
        self.endpoint(&aws.endpoint()).region("us-east-1").keys()
    }

    pub fn endpoint(self, url: &str) -> Self {
        self.env("AWS_ENDPOINT_URL", url)
    }

    pub fn region(self, region: &str) -> Self {
        self.env("AWS_REGION", region)
    }

    /// Serves `secrets`, a JSON document, by `--local`, which prints one line on standard error.
    pub fn local(self, secrets: &str) -> Self {
        self.file("local.json", secrets)
            .args(["--local", "local.json"])
    }

    /// Writes the default declaration.
    pub fn declaration(self, yaml: &str) -> Self {
        self.file("secrets-exec.yaml", yaml)
    }

    /// Adds an option of the program, before `--`.
    pub fn arg(mut self, option: impl AsRef<OsStr>) -> Self {
        self.options.push(option.as_ref().to_owned());
        self
    }

    /// Adds options of the program, before `--`.
    pub fn args<A: AsRef<OsStr>>(mut self, options: impl IntoIterator<Item = A>) -> Self {
        self.options.extend(owned(options));
        self
    }

    /// Adds a subcommand and its options before all other options.
    pub fn options_first(mut self, options: Vec<String>) -> Self {
        self.options.splice(0..0, owned(options));
        self
    }

    /// Adds `-e NAME=REF`.
    pub fn resolve(self, binding: &str) -> Self {
        self.args(["-e", binding])
    }

    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment
            .insert(name.as_ref().to_owned(), value.as_ref().to_owned());
        self
    }

    /// The variables that the run inherits.
    pub fn environment(&self) -> &BTreeMap<OsString, OsString> {
        &self.environment
    }

    pub fn env_remove(mut self, name: &str) -> Self {
        self.environment.remove(OsStr::new(name));
        self
    }

    pub fn stdin(mut self, content: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(content.into());
        self
    }

    pub fn command<A: AsRef<OsStr>>(mut self, command: impl IntoIterator<Item = A>) -> Self {
        self.command = owned(command);
        self
    }

    /// Replaces the command with a shell script.
    pub fn script(self, script: &str) -> Self {
        self.command(["/bin/sh", "-c", script])
    }

    /// Passes only the options, without `--` and a command.
    pub fn bare(mut self) -> Self {
        self.separator = false;
        self.command.clear();
        self
    }

    /// Starts the program through a wrapper, which must exec its remaining arguments.
    pub fn through<A: AsRef<OsStr>>(mut self, wrapper: impl IntoIterator<Item = A>) -> Self {
        self.wrapper = owned(wrapper);
        self
    }

    /// Starts the program through a shell script such as `exec "$@" 3<file`.
    pub fn prepared_by(self, script: &str) -> Self {
        self.through(["/bin/sh", "-c", script, "sh"])
    }

    /// Allows the command to print secret values on standard output.
    pub fn prints_values(mut self) -> Self {
        self.expectations.prints_values = true;
        self
    }

    /// Allows lines on standard error without the program's prefix.
    pub fn target_writes_stderr(mut self) -> Self {
        self.expectations.target_writes_stderr = true;
        self
    }

    /// Names the row of a table, for the messages of failed assertions.
    pub fn case(mut self, sentence: impl Into<String>) -> Self {
        self.expectations.case = sentence.into();
        self
    }
}

fn owned<A: AsRef<OsStr>>(words: impl IntoIterator<Item = A>) -> Vec<OsString> {
    let words = words.into_iter();
    words.map(|word| word.as_ref().to_owned()).collect()
}
