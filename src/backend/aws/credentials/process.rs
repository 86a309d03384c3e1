//! Runs a program that prints credentials as JSON: the `credential_process` of a profile or, for a
//! profile that uses `aws login`, the AWS CLI. If the launch ends first, the program is killed
//! (`system::lifecycle`).
//!
//! If this process is in the terminal's foreground job, so is the program. It can then ask a
//! question on the terminal, and Ctrl-C and Ctrl-Z reach both. Otherwise, the program gets a
//! session of its own, without a terminal.
//!
//! The output contains a secret key, so no message quotes it, and its buffer is wiped.
//!
//! <https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html>
//!
//! The SDK gives the program our standard input, and doesn't end it at a deadline (smithy-rs#2086,
//! open, asks for time limits). Its provider for `aws login` (smithy-rs#4407) needs 28 more crates.

#![allow(unsafe_code, reason = "system calls in the child before execve(2)")]

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_credential_types::Credentials;
use nix::sys::signal::Signal;
use nix::sys::termios::{Termios, tcgetattr};
use nix::unistd::{Pid, getpid, setsid};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::provider::{CredentialsJson, is_current, unusable};
use crate::model::message::{FetchError, FetchResult, OutageKind};
use crate::model::shown::shell_word;
use crate::net::error_text;
use crate::system::lifecycle::{self, AskedProgram};
use crate::system::redaction::redacted_line;
use crate::system::{os_error, streams};
use crate::time::RetryBudget;

/// The maximum size of a program's output, in bytes. Credentials only need a few kilobytes.
const MAX_OUTPUT: usize = 64 * 1024;

/// The interval at which we check whether a program that has closed its output has also ended.
const TICK: Duration = Duration::from_millis(1);

/// True once a program has failed. If `--wait` starts it again, its standard error is discarded, so
/// that it doesn't repeat the same message. A program that can ask the user on the terminal always
/// keeps our standard error.
static HAS_FAILED: AtomicBool = AtomicBool::new(false);

/// Runs a profile's `credential_process` in a shell. No message quotes the command, because its
/// arguments can be secret.
pub(super) async fn process_credentials(
    command: &str,
    profile: &str,
    budget: &RetryBudget<'_>,
) -> FetchResult<Credentials> {
    let mut shell = Command::new("sh");
    shell.args(["-c", command]);
    let name = format!("the credential_process of the profile {profile:?}");
    printed_credentials(shell, &name, budget).await
}

/// Asks the AWS CLI for the credentials of a profile that uses `aws login`. The CLI renews the
/// user's session if necessary.
pub(super) async fn login_credentials(
    profile: &str,
    budget: &RetryBudget<'_>,
) -> FetchResult<Credentials> {
    let mut cli = Command::new("aws");
    cli.args(["configure", "export-credentials", "--profile", profile]);
    cli.args(["--format", "process"]);
    let quoted = shell_word("NAME", profile);
    let call = format!("aws configure export-credentials --profile {quoted} --format process");
    let printed = printed_credentials(cli, &format!("the AWS CLI ({call})"), budget).await;
    let help = format!("log in again: aws login --profile {quoted}");
    printed.map_err(|error| error.or_provider_help(Some(&help)))
}

/// Runs a program and returns the credentials that it prints. A program that can't be started
/// doesn't set [`HAS_FAILED`], because it hasn't printed any message.
async fn printed_credentials(
    command: Command,
    name: &str,
    budget: &RetryBudget<'_>,
) -> FetchResult<Credentials> {
    let mut program = CredentialProcess::start(command).map_err(|error| {
        let why = os_error::io_error_text(&error);
        let text = format!("{name} can't be started: {why}");
        unusable(text).help("install it, or add its directory to PATH")
    })?;

    // Dropping `program` at the deadline kills it.
    let Some(printed) = budget.within(program.output(name)).await else {
        let late = format!("{name} didn't print credentials in time");
        return Err(FetchError::outage(OutageKind::Timeout, late));
    };
    let credentials = printed.inspect_err(|_| HAS_FAILED.store(true, Ordering::Relaxed))?;

    // From here on, dropping `program` must not kill anything: the program may have left a process
    // behind on purpose, such as an agent.
    lifecycle::locked_program().take();
    Ok(credentials)
}

/// The help if the shell can't find the program in `credential_process`.
const NOT_FOUND: &str =
    "install the program in credential_process, or write its full path in the profile";

const EXAMPLE: &str = "print {\"Version\": 1, \"AccessKeyId\": \"…\", \"SecretAccessKey\": \"…\", \"SessionToken\": \"…\", \
     \"Expiration\": \"2030-01-31T12:00:00Z\"}";

/// Parses the credentials and, for messages, their expiration time as the program wrote it, or an
/// empty text if they don't expire.
fn parse_output(printed: &[u8]) -> Option<(Credentials, String)> {
    let output: CredentialsJson = serde_json::from_slice(printed).ok()?;
    if output.version != Some(1) {
        return None;
    }
    let end = output.expiration.clone().unwrap_or_default();
    Some((output.into_credentials()?, end))
}

/// A program that was started to print credentials, with its standard output. Dropping this value
/// kills the program ([`lifecycle::kill_program`]) and reaps it.
struct CredentialProcess {
    /// `None` once [`Self::output`] reads it.
    stdout: Option<OwnedFd>,
}

impl CredentialProcess {
    /// Starts a program, and stores it where [`lifecycle::kill_program`] finds it. Its
    /// standard input is /dev/null, because ours belongs to the command that will be launched.
    fn start(mut command: Command) -> io::Result<Self> {
        let terminal = foreground_terminal();
        let has_own_session = terminal.is_none();
        let parent = getpid();
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        if has_own_session && HAS_FAILED.load(Ordering::Relaxed) {
            command.stderr(Stdio::null());
        }
        // SAFETY: `prepare_child` only makes system calls that are async-signal-safe.
        unsafe { command.pre_exec(move || prepare_child(parent, has_own_session)) };

        // The program is stored before `spawn`, because another thread may end this process during
        // `spawn`. In that case, `kill_program` kills this process's only new child.
        *lifecycle::locked_program() = Some(AskedProgram {
            earlier: lifecycle::children("self"),
            child: None,
            terminal,
        });
        let started = command.spawn();

        let mut asked = lifecycle::locked_program();
        let mut child = started.inspect_err(|_| *asked = None)?;
        let stdout = child.stdout.take().map(OwnedFd::from);
        // If `asked` is `None`, another thread has already killed the program and is ending this
        // process.
        if let Some(program) = asked.as_mut() {
            program.child = Some(child);
        }
        Ok(Self { stdout })
    }

    /// Waits for the program to end, and returns the credentials that it printed.
    ///
    /// Once the program has ended, output that can be parsed is enough: a child that the program
    /// leaves behind may keep the output open. At the deadline, the caller drops the program, which
    /// kills it.
    async fn output(&mut self, name: &str) -> FetchResult<Credentials> {
        let failed = |why: &str| unusable(format!("{name} {why}"));
        let broken = |error: io::Error| {
            let why = error_text(&error);
            failed(&format!("can't be read or waited for: {why}"))
        };
        let mut pipe = self
            .stdout
            .take()
            .map(pipe::Receiver::from_owned_fd)
            .transpose()
            .map_err(broken)?;
        // The vector has its full capacity from the start, because growing would leave copies
        // behind that aren't wiped.
        let mut output = Zeroizing::new(Vec::with_capacity(MAX_OUTPUT));
        while output.len() < MAX_OUTPUT {
            // If another thread has killed the program, there is no exit status, so the loop runs
            // until that thread ends this process.
            if let Some(status) = try_wait().map_err(broken)? {
                if !status.success() {
                    let error = failed(&format!("failed ({status})"));
                    if status.code() == Some(127) {
                        return Err(error.help(NOT_FOUND));
                    }
                    return Err(error);
                }
                match parse_output(&output) {
                    Some((credentials, _)) if is_current(&credentials) => return Ok(credentials),
                    Some((_, end)) => {
                        let end = redacted_line(&end);
                        let why = format!("printed credentials that expired at {end}");
                        return Err(failed(&why));
                    }
                    None if pipe.is_none() => {
                        let why = "didn't print credentials in AWS's JSON format";
                        return Err(failed(why).help(EXAMPLE));
                    }
                    None => {}
                }
            }
            let Some(open) = &mut pipe else {
                tokio::time::sleep(TICK).await;
                continue;
            };
            let reading = timeout(50 * TICK, open.read_buf(&mut *output));
            if let Ok(Ok(0) | Err(_)) = reading.await {
                // A read error is treated as the end of the output: the exit status and the output
                // so far decide.
                pipe = None;
            }
        }
        Err(failed("printed more than the limit of 64 KiB"))
    }
}

impl Drop for CredentialProcess {
    fn drop(&mut self) {
        if let Some(mut program) = lifecycle::kill_program() {
            let _ = program.wait();
        }
    }
}

/// The program's exit status. `None` while the program is running, and also if another thread has
/// killed it.
fn try_wait() -> io::Result<Option<ExitStatus>> {
    let mut program = lifecycle::locked_program();
    match program.as_mut().and_then(|program| program.child.as_mut()) {
        Some(child) => child.try_wait(),
        None => Ok(None),
    }
}

/// The terminal and its current modes, if this process is in the terminal's foreground. The modes
/// are restored if the program is killed while it asks for a password.
fn foreground_terminal() -> Option<(File, Termios)> {
    let opened = File::options().read(true).write(true).open("/dev/tty");
    let tty = opened.ok()?;
    if !streams::is_foreground(&tty) {
        return None;
    }
    let modes = tcgetattr(&tty).ok()?;
    Some((tty, modes))
}

/// Runs between fork and execve. Restores the inherited signal mask and actions and, on Linux,
/// makes the kernel kill the child when `parent` ends.
#[cfg_attr(target_os = "macos", allow(unused_variables, reason = "Linux uses it"))]
fn prepare_child(parent: Pid, has_own_session: bool) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
        // If the parent ended before prctl(2), the kernel won't kill the child, so the child fails
        // here. The id 0 is accepted, because it means a parent in another PID namespace.
        if ![parent, Pid::from_raw(0)].contains(&Pid::parent()) {
            return Err(nix::errno::Errno::ESRCH.into());
        }
    }
    if has_own_session {
        setsid()?;
    }
    lifecycle::restore_signals();
    Ok(())
}
