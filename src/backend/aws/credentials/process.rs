//! The provider for a program that prints credentials as JSON: the `credential_process` of a profile, or the AWS CLI for a profile of
//! `aws login`. The program is killed when the launch ends early (`system::ending`).
//!
//! While this process's group is the terminal's foreground job, the program stays in the group: it can ask on the terminal, and Ctrl-C
//! and Ctrl-Z reach it as they reach this process. Otherwise it gets a session of its own, which has no terminal.
//!
//! <https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html>

#![allow(unsafe_code, reason = "system calls in the child before execve(2)")]

use std::fs::File;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use nix::sys::signal::Signal;
use nix::sys::termios::tcgetattr;
use nix::unistd::{Pid, getpid, setsid};
use serde::Deserialize;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use zeroize::Zeroizing;

use super::provider::{unusable, with_help};
use super::sso::shell_word;
use crate::model::answer::FetchError;
use crate::model::quoting::one_line;
use crate::net::errors::error_text;
use crate::system::ending::{self, AskedProgram};
use crate::system::{os_error, signals, terminal};

/// The limit for the output, in bytes. Credentials take a few kilobytes.
const MAX_OUTPUT: usize = 64 * 1024;

/// The interval at which the end of a program that has closed its output is polled.
const TICK: Duration = Duration::from_millis(1);

/// Runs the `credential_process` of a profile, a command of the shell whose arguments may be secret, and returns the credentials that it
/// prints.
pub async fn process_credentials(command: &str, profile: &str) -> Result<Credentials, FetchError> {
    let mut shell = Command::new("sh");
    shell.args(["-c", command]);
    let name = format!("the credential_process of the profile {profile:?}");
    printed_credentials(shell, &name).await
}

/// Asks the AWS CLI for the credentials of a profile of `aws login`, whose session the CLI renews itself.
pub async fn login_credentials(profile: &str) -> Result<Credentials, FetchError> {
    let mut cli = Command::new("aws");
    cli.args([
        "configure",
        "export-credentials",
        "--profile",
        profile,
        "--format",
        "process",
    ]);
    let profile = shell_word(profile);
    let name = format!(
        "the AWS CLI (aws configure export-credentials --profile {profile} --format process)"
    );
    let printed = printed_credentials(cli, &name).await;
    printed.map_err(|error| {
        with_help(
            error,
            format!("log in again: aws login --profile {profile}"),
        )
    })
}

async fn printed_credentials(command: Command, name: &str) -> Result<Credentials, FetchError> {
    let program = CredentialProcess::start(command).map_err(|error| {
        let why = format!("{name} can't be started: {}", os_error::text(&error));
        with_help(unusable(why), "install it, or add its directory to PATH")
    })?;
    let failed = |why| unusable(format!("{name} {why}"));
    let output = program.output().await.map_err(failed)?;
    parse(&output).map_err(failed)
}

/// The program's output. All fields are optional, so that an error can name a missing one.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ProcessOutput {
    version: Option<u32>,
    access_key_id: Option<String>,
    secret_access_key: Option<String>,
    session_token: Option<String>,
    expiration: Option<String>,
}

fn parse(output: &[u8]) -> Result<Credentials, String> {
    // serde's error is dropped: it quotes the output.
    let output: ProcessOutput = serde_json::from_slice(output)
        .map_err(|_| "did not print the JSON that AWS defines for it".to_owned())?;
    if output.version != Some(1) {
        return Err("did not print \"Version\": 1".to_owned());
    }
    let missing = |key: &str| format!("did not print {key}");
    let id = output.access_key_id.ok_or_else(|| missing("AccessKeyId"))?;
    let secret = output
        .secret_access_key
        .ok_or_else(|| missing("SecretAccessKey"))?;
    let token = output.session_token.filter(|token| !token.is_empty());
    let expires = output
        .expiration
        .as_deref()
        .map(parse_expiration)
        .transpose()?;
    Ok(Credentials::new(
        id,
        secret,
        token,
        expires,
        "CredentialProcess",
    ))
}

/// Parses a time in the future (RFC 3339). Its offset may lack the colon, as for botocore.
fn parse_expiration(text: &str) -> Result<SystemTime, String> {
    let parse = |text: &str| DateTime::from_str(text, Format::DateTimeWithOffset).ok();
    let moment = parse(text).or_else(|| {
        let (hours, minutes) = text.split_at_checked(text.len().checked_sub(2)?)?;
        parse(&format!("{hours}:{minutes}"))
    });
    let moment = moment.and_then(|moment| SystemTime::try_from(moment).ok());
    let moment =
        moment.ok_or("printed an Expiration that is not a time like 2030-01-31T12:00:00Z")?;
    if moment <= SystemTime::now() {
        return Err(format!(
            "printed credentials that expired at {}",
            one_line(text)
        ));
    }
    Ok(moment)
}

/// A running program, with its standard output. Dropping the value kills it unless it has ended, and reaps it.
struct CredentialProcess(Option<ChildStdout>);

impl CredentialProcess {
    /// Starts a command. Its standard input is /dev/null, since that of this process is for the command of the launch; its standard
    /// error is that of this process.
    fn start(mut command: Command) -> io::Result<Self> {
        let terminal = File::options()
            .read(true)
            .write(true)
            .open("/dev/tty")
            .ok()
            .filter(|file| terminal::is_foreground(file));
        let terminal = terminal.and_then(|file| tcgetattr(&file).ok().map(|modes| (file, modes)));
        let (is_alone, parent) = (terminal.is_none(), getpid());
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        // SAFETY: `prepare` only makes system calls, and these are async-signal-safe.
        unsafe { command.pre_exec(move || prepare(parent, is_alone)) };
        *ending::program() = Some(AskedProgram {
            child: None,
            terminal,
        });
        let started = command.spawn();
        // Without a program another thread ends this process.
        let mut asked = ending::program();
        let mut child = started.inspect_err(|_| *asked = None)?;
        let stdout = child.stdout.take();
        if let Some(program) = asked.as_mut() {
            program.child = Some(child);
        }
        Ok(Self(stdout))
    }

    /// Returns the program's standard output.
    async fn output(mut self) -> Result<Zeroizing<Vec<u8>>, String> {
        let failed =
            |error: io::Error| format!("can't be read or waited for: {}", error_text(&error));
        let stdout = read_all(self.0.take()).await.map_err(failed)?;
        // Without a program another thread ends this process.
        let status = || {
            ending::program()
                .as_mut()
                .and_then(|program| program.child.as_mut())
                .map_or(Ok(None), Child::try_wait)
        };
        let status = loop {
            match status().map_err(failed)? {
                Some(status) => break status,
                None => tokio::time::sleep(TICK).await,
            }
        };
        match status.code() {
            Some(0) => Ok(stdout),
            Some(code) => Err(format!("ended with status {code}")),
            None => {
                let signal = status
                    .signal()
                    .and_then(|number| Signal::try_from(number).ok());
                Err(format!(
                    "was ended by {}",
                    signal.map_or("a signal", Signal::as_str)
                ))
            }
        }
    }
}

impl Drop for CredentialProcess {
    fn drop(&mut self) {
        if let Some(mut program) = ending::kill_program() {
            let _ = program.wait();
        }
    }
}

/// Prepares the child for the program: signals are as this process inherited them, and it ends with this process.
#[cfg_attr(
    target_os = "macos",
    allow(unused_variables, reason = "PR_SET_PDEATHSIG is of Linux")
)]
fn prepare(parent: Pid, is_alone: bool) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
        // This process may have ended before. 0: this process is in another PID namespace.
        if ![parent, Pid::from_raw(0)].contains(&Pid::parent()) {
            return Err(nix::errno::Errno::ESRCH.into());
        }
    }
    if is_alone {
        setsid()?;
    }
    signals::restore();
    Ok(())
}

/// Reads a pipe to its end or to [`MAX_OUTPUT`].
async fn read_all(pipe: Option<ChildStdout>) -> io::Result<Zeroizing<Vec<u8>>> {
    // Allocated once: a vector that grows leaves copies behind, which are not wiped.
    let mut all = Zeroizing::new(Vec::with_capacity(MAX_OUTPUT));
    if let Some(pipe) = pipe {
        let mut pipe = pipe::Receiver::from_owned_fd(pipe.into())?;
        while all.len() < MAX_OUTPUT && pipe.read_buf(&mut *all).await? > 0 {}
    }
    Ok(all)
}
