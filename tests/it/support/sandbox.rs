//! The builder of one run of `secrets-exec`: arguments, environment, files and standard input, cut off from this
//! machine's own environment and home.

use std::cell::Cell;
use std::collections::{BTreeMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::support::aws::Aws;
use crate::support::aws::fault::Fault;
use crate::support::aws::secret::Secret;
use crate::support::connection::Connection;
use crate::support::directory::{Directory, names_in};
use crate::support::outcome::{Expectations, Outcome};
use crate::support::running::Running;
use crate::support::watch;

/// A text in every credential, and in secrets that a fault shows; a run that prints it fails.
pub const CANARY: &str = "cAnArY-7f3a9c51";

/// The secret access key of the sandbox, which holds the canary.
pub const ACCESS_SECRET: &str = "cAnArY-7f3a9c51/access";

/// The binary under test: `SECRETS_EXEC_BINARY`, or else the one that cargo has built.
pub fn program() -> PathBuf {
    std::env::var_os("SECRETS_EXEC_BINARY").map_or_else(|| env!("CARGO_BIN_EXE_secrets-exec").into(), PathBuf::from)
}

/// The file of [`Sandbox::spawn_copy`].
const COPY: &str = "secrets-exec-copy";

/// A command that prints its environment as the kernel holds it.
const SHOW_ENVIRONMENT: [&str; 2] = ["/bin/cat", "/proc/self/environ"];

/// Reads a file of this repository.
pub fn repository_file(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// A fake like [`served`](super::aws::served) that answers when it is released.
pub fn held() -> Aws {
    Aws::start().secret("x", Secret::text(r#"{"k":"v-4c7a1e"}"#).held())
}

/// A fake that never answers for the secret `x`.
pub fn hanging() -> Aws {
    Aws::start().secret("x", Secret::failing(Fault::Hang))
}

/// A run that sets `A` to the key `k` of the secret `x`.
pub fn sandbox(aws: &Aws) -> Sandbox {
    Sandbox::new().aws(aws).resolve("A=x:k")
}

/// A run that sets `A` to the canary, from a local file.
pub fn local() -> Sandbox {
    Sandbox::new().local_secret()
}

/// One run. The command is [`SHOW_ENVIRONMENT`] unless the test names another.
pub struct Sandbox {
    directory: Directory,
    wrapper: Vec<OsString>,
    options: Vec<OsString>,
    separator: bool,
    command: Vec<OsString>,
    environment: BTreeMap<OsString, OsString>,
    stdin: Option<Vec<u8>>,
    connection: Cell<Option<Connection>>,
    limit: Duration,
    expectations: Expectations,
    /// The texts that the test wrote into files.
    written: Vec<u8>,
}

impl Sandbox {
    pub fn new() -> Self {
        let directory = Directory::new();
        let home = directory.path().join("home");
        fs::create_dir(directory.path().join("work")).unwrap();
        fs::create_dir(&home).unwrap();
        let environment = [
            ("PATH", OsString::from("/usr/local/bin:/usr/bin:/bin")),
            ("HOME", home.into_os_string()),
            ("AWS_EC2_METADATA_DISABLED", OsString::from("true")),
        ];
        Self {
            directory,
            wrapper: Vec::new(),
            options: Vec::new(),
            separator: true,
            command: SHOW_ENVIRONMENT.map(OsString::from).to_vec(),
            environment: environment.into_iter().map(|(name, value)| (name.into(), value)).collect(),
            stdin: None,
            connection: Cell::default(),
            limit: Duration::from_secs(600),
            expectations: Expectations::default(),
            written: Vec::new(),
        }
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
        self.file("local.json", secrets).args(["--local", "local.json"])
    }

    /// Sets `A` to the canary, from a local file.
    pub fn local_secret(self) -> Self {
        self.local(&format!(r#"{{"x":"{CANARY}"}}"#)).resolve("A=x")
    }

    /// Writes the default declaration.
    pub fn declaration(self, yaml: &str) -> Self {
        self.file("secrets-exec.yaml", yaml)
    }

    /// Writes a file below the working directory.
    pub fn file(mut self, name: &str, content: impl AsRef<[u8]>) -> Self {
        self.written.extend([b" ", name.as_bytes(), b" ", content.as_ref()].concat());
        if name.ends_with(".local.yaml") {
            watch::local_file(&String::from_utf8_lossy(content.as_ref()));
        }
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        self
    }

    /// Writes an executable file below the working directory.
    pub fn executable(mut self, name: &str, content: impl AsRef<[u8]>) -> Self {
        self.written.extend([b" ", name.as_bytes(), b" ", content.as_ref()].concat());
        let draft = self.directory.path().join("draft");
        fs::write(&draft, content).unwrap();
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        copy_elsewhere(&draft, &path);
        self.mode(name, 0o755)
    }

    pub fn mode(self, name: &str, mode: u32) -> Self {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
        self
    }

    /// Writes a file below the home directory.
    pub fn home_file(mut self, name: &str, content: &str) -> Self {
        self.written.extend([" ", name, " ", content].concat().into_bytes());
        let path = self.home().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    pub fn home(&self) -> PathBuf {
        self.directory.path().join("home")
    }

    /// The path of a file below the working directory.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.directory.path().join("work").join(name)
    }

    /// The names in a directory below the working directory, sorted.
    pub fn names_in(&self, directory: &str) -> Vec<String> {
        names_in(&self.path(directory))
    }

    pub fn arg(mut self, option: impl AsRef<OsStr>) -> Self {
        self.options.push(option.as_ref().to_owned());
        self
    }

    pub fn args<A: AsRef<OsStr>>(mut self, options: impl IntoIterator<Item = A>) -> Self {
        self.options.extend(owned(options));
        self
    }

    /// Adds `-e NAME=REF`.
    pub fn resolve(self, binding: &str) -> Self {
        self.args(["-e", binding])
    }

    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        let entry = (name.as_ref().to_owned(), value.as_ref().to_owned());
        self.environment.extend([entry]);
        self
    }

    pub fn env_remove(mut self, name: &str) -> Self {
        self.environment.remove(OsStr::new(name));
        self
    }

    pub fn stdin(mut self, content: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(content.into());
        self
    }

    /// Starts the next run with a connection as its standard input, and maybe as output and error, and keeps no copy of it.
    pub fn connected(&self, connection: Connection) -> &Self {
        self.connection.set(Some(connection));
        self
    }

    /// Replaces the command.
    pub fn command<A: AsRef<OsStr>>(mut self, command: impl IntoIterator<Item = A>) -> Self {
        self.command = owned(command);
        self
    }

    /// Replaces the command with a shell script.
    pub fn script(self, script: &str) -> Self {
        self.command(["/bin/sh", "-c", script])
    }

    /// Passes the options alone, without `--` and a command.
    pub fn bare(mut self) -> Self {
        self.separator = false;
        self.command.clear();
        self
    }

    /// Starts the program through a wrapper, which execs its remaining arguments.
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

    pub fn run(&self) -> Outcome {
        self.spawn().wait()
    }

    pub fn spawn(&self) -> Running {
        self.start(&self.line(Some(program().as_os_str())))
    }

    /// Starts a copy of the program that every user may execute.
    pub fn spawn_copy(&self) -> Running {
        let copy = self.path(COPY);
        copy_elsewhere(&program(), &copy);
        self.start(&self.line(Some(copy.as_os_str())))
    }

    /// Runs the command without the program, for comparison.
    pub fn control(&self) -> Outcome {
        self.start(&self.line(None)).wait()
    }

    fn line(&self, program: Option<&OsStr>) -> Vec<OsString> {
        let mut line = self.wrapper.clone();
        if let Some(program) = program {
            line.push(program.to_owned());
            line.extend(self.options.iter().cloned());
            if self.separator {
                line.push("--".into());
            }
        }
        line.extend(self.command.iter().cloned());
        line
    }

    /// The file of `--local`, if there is one.
    fn local_file(&self) -> Option<&OsString> {
        let option = self.options.iter().position(|option| option == "--local");
        let given = option.and_then(|at| self.options.get(at + 1));
        given.or_else(|| self.environment.get(OsStr::new("SECRETS_EXEC_LOCAL")))
    }

    fn start(&self, line: &[OsString]) -> Running {
        let mut command = Command::new(&line[0]);
        command
            .args(&line[1..])
            .env_clear()
            .envs(&self.environment)
            .current_dir(self.path(""))
            .stdin(match self.stdin {
                Some(_) => Stdio::piped(),
                None => Stdio::null(),
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(path) = self.local_file().map(|name| self.path(name)).filter(|path| path.is_file()) {
            watch::local_file(&String::from_utf8_lossy(&fs::read(path).unwrap()));
        }
        if let Some(connection) = self.connection.take() {
            connection.prepare(&mut command);
        }
        let mut expectations = self.expectations.clone();
        expectations.prints_values |= self.command == SHOW_ENVIRONMENT;
        Running::start(command, self.stdin.clone(), self.limit, expectations)
    }
}

/// Asserts that no file holds a value, but for those that the test itself names.
impl Drop for Sandbox {
    fn drop(&mut self) {
        if thread::panicking() {
            return;
        }
        let words =
            [&self.wrapper, &self.options, &self.command].into_iter().flatten().chain(self.environment.values());
        let mut named = String::from_utf8_lossy(&self.written).into_owned() + " " + COPY;
        words.for_each(|word| named.extend([" ", &word.to_string_lossy()]));
        let named: HashSet<&str> = named.split(|c: char| !c.is_alphanumeric() && !"._-".contains(c)).collect();
        let leaked = watch::leaked(&self.expectations.test, self.directory.path(), &|name| named.contains(name));
        assert_eq!(leaked, None, "{}: a value in a file that nothing in the test names", self.expectations.case);
    }
}

/// Copies an executable file in a child process. A descriptor of ours that is open for writing could be inherited by a
/// child that another test forks at that moment, and execve(2) would answer ETXTBSY.
fn copy_elsewhere(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg(from).arg(to).status().unwrap().success());
}

fn owned<A: AsRef<OsStr>>(words: impl IntoIterator<Item = A>) -> Vec<OsString> {
    let words = words.into_iter();
    words.map(|word| word.as_ref().to_owned()).collect()
}
