//! The values of options, and a parser for each kind of value. If a parser refuses a value, its
//! error says what it expects instead.

use std::ffi::OsStr;
use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;
use std::time::Duration;

use glob::Pattern;
use nix::sys::signal::Signal;

use crate::model::env_variables::parse_pattern;
use crate::model::reference::{Region, Role};
use crate::model::url::HttpUrl;

/// A description of the values that a parser accepts. It completes the message "… must be …".
pub type Expected = &'static str;

/// The value of `--agent`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentChoice {
    /// `0` or `false`: the agent isn't used, even if a place with lower precedence asks for it.
    Off,
    At(HttpUrl),
}

/// The value of `--on-rotation`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnRotation {
    /// Stop the command, and start it again with the new values.
    Restart,
    /// Replace the files, and then send this signal to the process group of the command.
    Signal(SignalNumber),
    /// Stop the command and exit.
    Exit,
}

/// The value of `--log-format`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    #[default]
    Text,
    /// Each line is one JSON object.
    Json,
}

/// The value of `--key-exchange`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyExchange {
    /// X25519MLKEM768, and after it the classical groups. The first message is longer than one
    /// packet.
    #[default]
    Hybrid,
    /// Only the classical groups.
    Classical,
}

/// A signal, by its number on Linux (signal(7); Alpha, SPARC, MIPS and PA-RISC have other numbers).
/// Real-time signals don't have names here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SignalNumber(pub i32);

/// The condition under which a signal that reaches this process is passed on to the process group
/// of the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forwarding {
    Always,
    /// Only if a process has sent the signal (`si_code` is 0 or less, see sigaction(2)). Otherwise,
    /// the kernel reports a fault of this process.
    IfSent,
    /// The signal is only for this process, or can't be handled (SIGKILL, SIGSTOP).
    Never,
}

impl SignalNumber {
    pub const INT: Self = Self(2);
    pub const ILL: Self = Self(4);
    pub const BUS: Self = Self(7);
    pub const FPE: Self = Self(8);
    pub const KILL: Self = Self(9);
    pub const SEGV: Self = Self(11);
    pub const PIPE: Self = Self(13);
    pub const ALRM: Self = Self(14);
    pub const TERM: Self = Self(15);
    pub const CHLD: Self = Self(17);
    pub const CONT: Self = Self(18);
    pub const STOP: Self = Self(19);
    pub const TTIN: Self = Self(21);
    pub const TTOU: Self = Self(22);

    /// Parses the name of a signal that a command can handle: `HUP` or `SIGHUP`, in upper or lower
    /// case.
    ///
    /// # Errors
    /// If the signal doesn't exist, is never passed on, or reports a fault of the program.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        let signal: Option<Signal> = format!("SIG{name}").parse().ok();
        match signal.map(|signal| Self(signal as i32)) {
            Some(signal) if signal.forwarding() == Forwarding::Always => Ok(signal),
            Some(_) => Err("a signal that a program can handle, such as TERM or HUP"),
            None => Err("the name of a signal, such as TERM or HUP"),
        }
    }

    /// Returns the condition under which the signal is passed on to the command.
    pub fn forwarding(self) -> Forwarding {
        match self {
            Self::KILL | Self::STOP | Self::CHLD | Self::TTIN | Self::TTOU | Self::PIPE => {
                Forwarding::Never
            }
            Self::SEGV | Self::BUS | Self::FPE | Self::ILL => Forwarding::IfSent,
            Self(_) => Forwarding::Always,
        }
    }
}

/// Writes the name, such as `SIGTERM`. A real-time signal doesn't have a name here, and is written
/// as `signal 34`.
impl Display for SignalNumber {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match Signal::try_from(self.0) {
            Ok(signal) => f.write_str(signal.as_str()),
            Err(_) => write!(f, "signal {}", self.0),
        }
    }
}

/// Returns a value as text.
///
/// # Errors
/// If the value isn't UTF-8.
fn utf8(value: &OsStr) -> Result<&str, Expected> {
    value.to_str().ok_or("text in UTF-8")
}

/// Parses any text. It must be UTF-8.
pub fn parse_text(value: &OsStr) -> Result<String, Expected> {
    utf8(value).map(str::to_owned)
}

/// Parses a path, which doesn't have to be UTF-8, but must not be empty.
pub fn parse_path(value: &OsStr) -> Result<PathBuf, Expected> {
    if value.is_empty() {
        Err("a path")
    } else {
        Ok(value.into())
    }
}

/// Returns the choice with this name. Returns `expected` as the error if there isn't one.
fn parse_choice<T: Copy>(
    value: &OsStr,
    choices: &[(&str, T)],
    expected: Expected,
) -> Result<T, Expected> {
    let chosen = choices.iter().find(|(text, _)| value == *text);
    chosen.map(|(_, choice)| *choice).ok_or(expected)
}

/// Parses the value of a flag in a variable: `1` or `0`.
pub fn parse_flag(value: &OsStr) -> Result<bool, Expected> {
    parse_choice(value, &[("1", true), ("0", false)], "1 or 0")
}

/// Parses the value of `--verbose` in a variable: `0`, `1` or `2`.
pub fn parse_level(value: &OsStr) -> Result<u8, Expected> {
    parse_choice(value, &[("0", 0), ("1", 1), ("2", 2)], "0, 1 or 2")
}

/// Parses the value of `--agent`: `0`, `1` or a URL. The token of the agent is sent to this URL,
/// and secrets come back from it. They must not cross the network in plain text, so an agent on
/// another host needs https.
pub fn parse_agent(value: &OsStr) -> Result<AgentChoice, Expected> {
    match value.to_str() {
        Some("0") => Ok(AgentChoice::Off),
        Some("1") => Ok(AgentChoice::At(HttpUrl::for_agent())),
        Some(_) | None => match parse_url(value) {
            Ok(url) if url.is_loopback() || url.is_https() => Ok(AgentChoice::At(url)),
            Ok(_) | Err(_) => Err(
                "a URL such as http://127.0.0.1:2773 (with https if the agent is on another host; without a user name, password or query)",
            ),
        },
    }
}

/// Parses a pattern for names of variables.
pub fn parse_name_pattern(value: &OsStr) -> Result<Pattern, Expected> {
    parse_pattern(utf8(value)?)
}

/// Parses the code of a region, which doesn't have to be one of AWS's, because an emulator can have
/// others.
pub fn parse_region(value: &OsStr) -> Result<Region, Expected> {
    Region::parse(utf8(value)?).ok_or(Region::EXPECTED)
}

/// Parses the ARN of a role. The external id is an option of its own.
pub fn parse_role(value: &OsStr) -> Result<Role, Expected> {
    Role::parse(utf8(value)?, None).ok_or(Role::EXPECTED)
}

/// Parses the URL of an endpoint, with the scheme `http` or `https`. A user name, a password or a
/// query is refused, because it wouldn't be sent.
pub fn parse_url(value: &OsStr) -> Result<HttpUrl, Expected> {
    HttpUrl::parse_endpoint(utf8(value)?)
        .ok_or("a URL that begins with http:// or https://, without a user name, password or query")
}

/// The longest duration: a century. Sums of several such durations don't overflow.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// Parses a duration, which can be zero. A duration longer than a century becomes a century.
pub fn parse_duration_or_zero(value: &OsStr) -> Result<Duration, Expected> {
    let duration = humantime::parse_duration(utf8(value)?).ok();
    duration
        .map(|duration| duration.min(LONGEST))
        .ok_or("a duration with a unit, such as 30s, 1m30s or 0s")
}

/// Parses a duration that isn't zero.
pub fn parse_duration(value: &OsStr) -> Result<Duration, Expected> {
    match parse_duration_or_zero(value) {
        Ok(Duration::ZERO) => Err("longer than 0s"),
        Ok(duration) => Ok(duration),
        Err(_) => Err("a duration with a unit, such as 30s or 1m30s"),
    }
}

/// Parses the value of `--poll-interval`, which is at least ten seconds. Shorter intervals would
/// cost money, and reach AWS's quotas.
pub fn parse_poll_interval(value: &OsStr) -> Result<Duration, Expected> {
    let interval = parse_duration(value)?;
    if interval >= Duration::from_secs(10) {
        Ok(interval)
    } else {
        Err("at least 10s")
    }
}

/// Parses the value of `--on-rotation`: `restart`, `exit` or `signal=NAME`.
pub fn parse_on_rotation(value: &OsStr) -> Result<OnRotation, Expected> {
    let text = utf8(value)?;
    match (text, text.strip_prefix("signal=")) {
        ("restart", _) => Ok(OnRotation::Restart),
        ("exit", _) => Ok(OnRotation::Exit),
        (_, Some(signal)) => match SignalNumber::parse(signal) {
            Ok(signal) => Ok(OnRotation::Signal(signal)),
            Err(_) => Err("signal=NAME with a signal that a program can handle (as in signal=HUP)"),
        },
        (_, None) => Err("restart, exit or signal=NAME (as in signal=HUP)"),
    }
}

/// Parses the name of a signal that a command can handle.
pub fn parse_signal(value: &OsStr) -> Result<SignalNumber, Expected> {
    SignalNumber::parse(utf8(value)?)
}

/// Parses the value of `--poll-signal`. TERM, INT and CONT are refused, because the command needs
/// them.
pub fn parse_poll_signal(value: &OsStr) -> Result<SignalNumber, Expected> {
    match parse_signal(value)? {
        SignalNumber::TERM | SignalNumber::INT | SignalNumber::CONT => {
            Err("a signal that is free for this purpose (TERM, INT and CONT are for the command)")
        }
        signal => Ok(signal),
    }
}

/// Parses the value of `--key-exchange`: `hybrid` or `classical`.
pub fn parse_key_exchange(value: &OsStr) -> Result<KeyExchange, Expected> {
    let values = [
        ("hybrid", KeyExchange::Hybrid),
        ("classical", KeyExchange::Classical),
    ];
    parse_choice(value, &values, "hybrid or classical")
}

/// Parses the value of `--log-format`: `text` or `json`.
pub fn parse_log_format(value: &OsStr) -> Result<LogFormat, Expected> {
    let values = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    parse_choice(value, &values, "text or json")
}

#[cfg(test)]
mod tests {
    use nix::libc;

    use super::*;

    #[test]
    fn a_signal_that_concerns_only_secrets_exec_is_not_forwarded_to_the_command() {
        let never = [
            libc::SIGCHLD,
            libc::SIGTTIN,
            libc::SIGTTOU,
            libc::SIGPIPE,
            libc::SIGKILL,
            libc::SIGSTOP,
        ];
        let faults = [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL];
        for number in 1..32 {
            let expected = match number {
                number if never.contains(&number) => Forwarding::Never,
                number if faults.contains(&number) => Forwarding::IfSent,
                _ => Forwarding::Always,
            };
            assert_eq!(SignalNumber(number).forwarding(), expected, "{number}");
        }
    }
}
