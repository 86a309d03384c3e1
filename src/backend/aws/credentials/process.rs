//! The provider that runs a program, which prints credentials as JSON. The program is the
//! `credential_process` of a profile or, for a profile of `aws login`, the AWS CLI. It is killed if
//! the launch ends first (`system::lifecycle`).
//!
//! If this process is in the terminal's foreground job, the program belongs to the job, too. So it
//! can ask a question on the terminal, and Ctrl-C and Ctrl-Z reach both. Otherwise the program gets
//! its own session, which has no terminal.
//!
//! The program's output contains a secret key, so no message quotes the output, and its buffer is
//! wiped.
//!
//! <https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html>
//!
//! The SDK gives the program our standard input, and doesn't end it at a deadline (smithy-rs#2086,
//! open, asks for time limits). Its provider for `aws login` (smithy-rs#4407) needs 28 more crates,
//! so we let the AWS CLI print these credentials.

#![allow(unsafe_code, reason = "system calls in the child before execve(2)")]

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use nix::sys::signal::Signal;
use nix::sys::termios::{Termios, tcgetattr};
use nix::unistd::{Pid, getpid, setsid};
use serde::Deserialize;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::provider::unusable;
use crate::model::answer::{FetchError, FetchResult, OutageKind};
use crate::model::shown::shell_word;
use crate::net::error_text;
use crate::system::lifecycle::{self, AskedProgram};
use crate::system::redaction::redacted_line;
use crate::system::{os_error, streams};
use crate::time::RetryBudget;

/// The limit for the output of a program, in bytes. Credentials need a few kilobytes.
const MAX_OUTPUT: usize = 64 * 1024;

/// The interval of the checks whether a program has ended, once the program has closed its output.
const TICK: Duration = Duration::from_millis(1);

/// True once a program that prints credentials has failed. When `--wait` starts the program again,
/// the program no longer gets our standard error, so that its message doesn't appear again and
/// again. But a program that can ask the user on the terminal always gets our standard error.
static HAS_FAILED: AtomicBool = AtomicBool::new(false);

/// Runs the `credential_process` of a profile in a shell and returns the credentials that it
/// prints. No message quotes the command, because its arguments can be secret.
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

/// Asks the AWS CLI for the credentials of a profile that `aws login` has written. The AWS CLI
/// renews the session itself.
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

/// Runs the program `command` and returns the credentials that it prints. Messages call the program
/// `name`.
///
/// A program that fails sets [`HAS_FAILED`]. A program that can't be started doesn't, because it
/// hasn't printed a message.
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

    let failed = |why: String| {
        HAS_FAILED.store(true, Ordering::Relaxed);
        unusable(format!("{name} {why}"))
    };
    // Dropping `program` at the deadline kills it.
    let Some(printed) = budget.within(program.output()).await else {
        let late = format!("{name} didn't print credentials in time");
        return Err(FetchError::outage(OutageKind::Timeout, late));
    };
    let output = printed.map_err(|failure| {
        let error = failed(failure.why);
        if failure.is_not_found {
            return error.help(NOT_FOUND);
        }
        error
    })?;
    let Some((credentials, expiration)) = parse_output(&output) else {
        let error = failed("didn't print credentials in AWS's JSON format".to_owned());
        return Err(error.help(EXAMPLE));
    };

    let expiry = credentials.expiry();
    if expiry.is_some_and(|end| end <= SystemTime::now()) {
        let end = redacted_line(&expiration);
        return Err(failed(format!("printed credentials that expired at {end}")));
    }

    // From here on, dropping `program` must not kill anything, because the program may have left a
    // process behind on purpose, such as an agent.
    lifecycle::locked_program().take();
    Ok(credentials)
}

/// The help if the shell doesn't find the program in `credential_process`.
const NOT_FOUND: &str =
    "install the program in credential_process, or write its full path in the profile";

/// The reason why a program didn't print credentials.
struct ProgramFailure {
    /// The predicate of a sentence about the program: `failed (exit status: 1)`.
    why: String,
    /// True if the shell hasn't found the program.
    is_not_found: bool,
}

impl From<String> for ProgramFailure {
    fn from(why: String) -> Self {
        Self {
            why,
            is_not_found: false,
        }
    }
}

const EXAMPLE: &str = "print {\"Version\": 1, \"AccessKeyId\": \"…\", \"SecretAccessKey\": \"…\", \"SessionToken\": \"…\", \
     \"Expiration\": \"2030-01-31T12:00:00Z\"}";

/// The JSON object that a `credential_process` prints.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ProcessOutput {
    version: u32,
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    expiration: Option<String>,
}

/// Parses the program's output. Returns the credentials and, for messages, their expiration as the
/// program wrote it, or an empty text if they don't expire. `None` if the output doesn't have AWS's
/// format.
fn parse_output(printed: &[u8]) -> Option<(Credentials, String)> {
    let output: ProcessOutput = serde_json::from_slice(printed).ok()?;
    if output.version != 1 {
        return None;
    }
    let expires = match &output.expiration {
        Some(text) => Some(parse_time(text)?),
        None => None,
    };
    let credentials = Credentials::new(
        output.access_key_id,
        output.secret_access_key,
        output.session_token.filter(|token| !token.is_empty()),
        expires,
        "CredentialProcess",
    );
    Some((credentials, output.expiration.unwrap_or_default()))
}

/// Parses a time in the form of RFC 3339. As in botocore, the offset from UTC can be `UTC`, and the
/// colon in the offset is optional.
pub(super) fn parse_time(text: &str) -> Option<SystemTime> {
    let text = &text.replace("UTC", "Z");
    let parse = |text: &str| DateTime::from_str(text, Format::DateTimeWithOffset).ok();
    let moment = parse(text).or_else(|| {
        let (hours, minutes) = text.split_at_checked(text.len().checked_sub(2)?)?;
        parse(&format!("{hours}:{minutes}"))
    });
    SystemTime::try_from(moment?).ok()
}

/// A program that has been started, and its standard output until [`Self::output`] is called.
/// Dropping this value calls [`lifecycle::kill_program`], and reaps the program.
struct CredentialProcess(Option<OwnedFd>);

impl CredentialProcess {
    /// Starts a program and stores it where [`lifecycle::kill_program`] finds it. The program's
    /// standard input is /dev/null, because this process's standard input belongs to the command
    /// that is launched. Outside the terminal's foreground job, the program gets its own session.
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

        // The program is stored before `spawn`, because a different thread may end this process
        // during `spawn`. In that case, `kill_program` kills this process's only child.
        *lifecycle::locked_program() = Some(AskedProgram {
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
        Ok(Self(stdout))
    }

    /// Waits until the program has ended, and until its output has ended or can be parsed, and
    /// returns the output. The end of the output isn't required, because a child that the program
    /// has left behind can keep the output open. Waits without a time limit: at the deadline, the
    /// caller drops the program, which kills it.
    async fn output(&mut self) -> Result<Zeroizing<Vec<u8>>, ProgramFailure> {
        let why = |error: io::Error| format!("can't be read or waited for: {}", error_text(&error));
        let mut pipe = self
            .0
            .take()
            .map(pipe::Receiver::from_owned_fd)
            .transpose()
            .map_err(why)?;
        // The memory is allocated once, because a vector that grows leaves behind copies that
        // aren't wiped.
        let mut output = Zeroizing::new(Vec::with_capacity(MAX_OUTPUT));
        while output.len() < MAX_OUTPUT {
            // If another thread has killed the program and is ending this process, this loop never
            // ends.
            match try_wait().map_err(why)? {
                Some(status) if !status.success() => {
                    return Err(ProgramFailure {
                        why: format!("failed ({status})"),
                        is_not_found: status.code() == Some(127),
                    });
                }
                Some(_) if pipe.is_none() || parse_output(&output).is_some() => return Ok(output),
                _ => {}
            }
            let Some(open) = &mut pipe else {
                tokio::time::sleep(TICK).await;
                continue;
            };
            // While the output is open, the loop checks at least every 50 ms whether the program
            // has ended.
            let reading = timeout(50 * TICK, open.read_buf(&mut *output));
            if let Ok(Ok(0) | Err(_)) = reading.await {
                // The output has ended. After a read error, nothing more can be read either, so the
                // program is judged by its exit status and by what it has printed so far.
                pipe = None;
            }
        }
        Err("printed more than the limit of 64 KiB".to_owned().into())
    }
}

impl Drop for CredentialProcess {
    fn drop(&mut self) {
        if let Some(mut program) = lifecycle::kill_program() {
            let _ = program.wait();
        }
    }
}

/// The exit status of the program that has been started. `None` while it is running, and also if
/// another thread has killed it.
fn try_wait() -> io::Result<Option<ExitStatus>> {
    let mut program = lifecycle::locked_program();
    match program.as_mut().and_then(|program| program.child.as_mut()) {
        Some(child) => child.try_wait(),
        None => Ok(None),
    }
}

/// Opens the terminal, and returns it with its modes, which are restored if the program is killed
/// at a password prompt. `None` if this process isn't in the terminal's foreground.
fn foreground_terminal() -> Option<(File, Termios)> {
    let opened = File::options().read(true).write(true).open("/dev/tty");
    let tty = opened.ok()?;
    if !streams::is_foreground(&tty) {
        return None;
    }
    let modes = tcgetattr(&tty).ok()?;
    Some((tty, modes))
}

/// Prepares the child process for the program, between fork and execve. The child gets the signal
/// mask and actions that this process inherited. On Linux, the kernel kills the child when
/// `parent`, the process that has forked it, ends.
#[cfg_attr(target_os = "macos", allow(unused_variables, reason = "Linux uses it"))]
fn prepare_child(parent: Pid, has_own_session: bool) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
        // The parent may have ended before prctl(2). A parent with the id 0 is in a different PID
        // namespace.
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
