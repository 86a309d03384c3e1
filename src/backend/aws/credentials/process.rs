//! The provider for `credential_process` of a profile, a program that prints credentials as JSON.
//!
//! <https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html>

use std::error::Error;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::time::SystemTime;
use std::{fmt, io};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError as ProviderError;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use futures_util::future::try_join3;
use nix::errno::Errno;
use nix::sys::wait::WaitStatus;
use serde::Deserialize;
use tokio::net::unix::pipe;
use zeroize::Zeroizing;

use super::process_group::ProcessGroup;
use crate::backend::aws::config::Reading;
use crate::backend::aws::protocol::error_text;
use crate::model::quoting::one_line;
use crate::system::os_error;

pub struct CredentialProcess {
    /// A command for the shell. Its arguments may be secret.
    command: String,
    reading: Reading,
}

impl fmt::Debug for CredentialProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CredentialProcess(redacted)")
    }
}

impl ProvideCredentials for CredentialProcess {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            let failed = |why| ProviderError::provider_error(format!("credential_process {why}"));
            let (group, child) = self.start().map_err(ProviderError::provider_error)?;
            let output = follow(group, child).await.map_err(failed)?;
            read(&output).map_err(failed)
        })
    }
}

/// The limit for the output, in bytes. Credentials take a few kilobytes.
const MAX_OUTPUT: usize = 64 * 1024;

impl CredentialProcess {
    pub fn new(command: &str, reading: Reading) -> Self {
        Self { command: command.to_owned(), reading }
    }

    /// Starts the program. Its standard input is /dev/null, since that of this process is for the command.
    fn start(&self) -> Result<(ProcessGroup, Child), StartError> {
        let mut command = Command::new("sh");
        command.arg("-c").arg(&self.command);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        ProcessGroup::start(&mut command, self.reading).map_err(StartError)
    }
}

/// The error of a program that could not be started.
#[derive(Debug)]
pub struct StartError(io::Error);

impl StartError {
    /// True if a limit of processes or descriptors is reached, which may change.
    pub fn is_limit(&self) -> bool {
        let errno = os_error::errno(&self.0);
        errno == Errno::EAGAIN || os_error::is_limit(errno)
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "credential_process cannot be started: {}", os_error::text(&self.0))
    }
}

impl Error for StartError {}

/// Waits for the end of the program, and returns its output.
async fn follow(mut group: ProcessGroup, child: Child) -> Result<Zeroizing<Vec<u8>>, String> {
    let running = try_join3(read_all(child.stdout), read_all(child.stderr), group.ended());
    let (stdout, stderr, status) =
        running.await.map_err(|error| format!("cannot be read or waited for: {}", error_text(&error)))?;
    group.complete();
    let stderr = one_line(&String::from_utf8_lossy(&stderr));
    let colon = if stderr.is_empty() { "" } else { ": " };
    match status {
        WaitStatus::Exited(_, 0) => Ok(stdout),
        WaitStatus::Exited(_, status) => Err(format!("ended with status {status}{colon}{stderr}")),
        WaitStatus::Signaled(_, signal, _) => Err(format!("was ended by {signal}{colon}{stderr}")),
        _ => Err(format!("ended in an unknown way{colon}{stderr}")),
    }
}

/// Reads a pipe to its end or to [`MAX_OUTPUT`].
async fn read_all(pipe: Option<impl Into<OwnedFd>>) -> io::Result<Zeroizing<Vec<u8>>> {
    // Allocated once: a vector that grows leaves copies behind, which are not wiped.
    let mut all = Zeroizing::new(vec![0; MAX_OUTPUT]);
    let mut length = 0;
    if let Some(pipe) = pipe {
        let pipe = pipe::Receiver::from_owned_fd(pipe.into())?;
        while let Some(rest) = all.get_mut(length..).filter(|rest| !rest.is_empty()) {
            pipe.readable().await?;
            match pipe.try_read(rest) {
                Ok(0) => break,
                Ok(read) => length += read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
    all.truncate(length);
    Ok(all)
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

fn read(output: &[u8]) -> Result<Credentials, String> {
    // serde's error is dropped: it quotes the output.
    let output: ProcessOutput =
        serde_json::from_slice(output).map_err(|_| "printed no JSON as AWS defines it".to_owned())?;
    if output.version != Some(1) {
        return Err("printed no `\"Version\": 1`".to_owned());
    }
    let missing = |key: &str| format!("printed no {key}");
    let id = output.access_key_id.ok_or_else(|| missing("AccessKeyId"))?;
    let secret = output.secret_access_key.ok_or_else(|| missing("SecretAccessKey"))?;
    let token = output.session_token.filter(|token| !token.is_empty());
    let expires = output.expiration.as_deref().map(parse_expiration).transpose()?;
    Ok(Credentials::new(id, secret, token, expires, "CredentialProcess"))
}

/// Parses a time in the future (RFC 3339).
fn parse_expiration(text: &str) -> Result<SystemTime, String> {
    let moment = DateTime::from_str(text, Format::DateTimeWithOffset).ok();
    let moment = moment.and_then(|moment| SystemTime::try_from(moment).ok());
    let moment = moment.ok_or("printed an Expiration that is not a time in RFC 3339")?;
    if moment <= SystemTime::now() {
        return Err(format!("printed credentials that expired at {}", one_line(text)));
    }
    Ok(moment)
}
