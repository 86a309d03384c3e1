//! The values of options, and their parsers.

use std::ffi::OsStr;
use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;
use std::time::Duration;

use glob::Pattern;

use crate::model::env_name::parse_pattern;
use crate::model::reference::{Region, Role};
use crate::model::url::HttpUrl;

/// The expected form of a value, for the messages "… must be …" and "… is not …".
pub type Expected = &'static str;

/// The value of `--agent`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentChoice {
    /// `0` or `false`.
    Off,
    At(HttpUrl),
}

/// The value of `--on-rotation`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnRotation {
    /// Stop the command and start it again with the new values.
    Restart,
    /// Replace the files, then send this signal to the command's process group.
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
    /// X25519MLKEM768, then the classical groups. The first message is longer than one packet.
    #[default]
    Hybrid,
    /// No post-quantum group.
    Classical,
}

/// A signal by its number on Linux (signal(7), all architectures but Alpha, SPARC, MIPS and PA-RISC). Real-time signals don't have names here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SignalNumber(pub i32);

/// The rule by which a signal that reaches this process is sent to the command's process group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forwarding {
    Always,
    /// If a process sent it (`si_code` of 0 or less): the kernel raises it for a fault of this process (sigaction(2)).
    IfSent,
    /// The signal only concerns this process, or it cannot be handled (SIGKILL, SIGSTOP).
    Never,
}

/// The standard signals in the order of their numbers, from 1.
const NAMES: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
    "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
    "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];

impl SignalNumber {
    pub const INT: Self = Self(2);
    pub const QUIT: Self = Self(3);
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

    /// Parses a signal that a command can handle, by name (`HUP`, `SIGHUP`), in either case.
    ///
    /// # Errors
    /// If the signal does not exist, is never forwarded, or reports a fault of the program.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let name = text.to_ascii_uppercase();
        let name = name.strip_prefix("SIG").unwrap_or(&name);
        match (1..)
            .zip(NAMES)
            .find(|(_, standard)| *standard == name)
            .map(|(number, _)| Self(number))
        {
            Some(signal) if signal.forwarding() == Forwarding::Always => Ok(signal),
            Some(_) => Err("a signal such as HUP or USR1, which a program can handle"),
            None => Err("the name of a signal such as HUP or USR1"),
        }
    }

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

/// The name with `SIG`, or the number of a real-time signal.
impl Display for SignalNumber {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let standard = usize::try_from(self.0 - 1)
            .ok()
            .and_then(|at| NAMES.get(at));
        match standard {
            Some(name) => write!(f, "SIG{name}"),
            None => write!(f, "signal {}", self.0),
        }
    }
}

fn utf8(value: &OsStr) -> Result<&str, Expected> {
    value.to_str().ok_or("text in UTF-8")
}

pub fn text(value: &OsStr) -> Result<String, Expected> {
    utf8(value).map(str::to_owned)
}

/// A path need not be UTF-8.
pub fn path(value: &OsStr) -> Result<PathBuf, Expected> {
    if value.is_empty() {
        Err("a path")
    } else {
        Ok(value.into())
    }
}

/// Returns the choice whose word is the value.
fn choice<T: Copy>(
    value: &OsStr,
    choices: &[(&str, T)],
    expected: Expected,
) -> Result<T, Expected> {
    let chosen = choices.iter().find(|(text, _)| value == *text);
    chosen.map(|(_, choice)| *choice).ok_or(expected)
}

pub fn flag(value: &OsStr) -> Result<bool, Expected> {
    choice(value, &[("1", true), ("0", false)], "1 or 0")
}

pub fn level(value: &OsStr) -> Result<u8, Expected> {
    choice(value, &[("0", 0), ("1", 1), ("2", 2)], "0, 1 or 2")
}

/// Parses the value of `--agent`. The agent's token is sent to this URL, and secrets come back from it, so neither may cross the network
/// in plain text.
pub fn agent(value: &OsStr) -> Result<AgentChoice, Expected> {
    match value.to_str() {
        Some("0") => Ok(AgentChoice::Off),
        Some("1") => Ok(AgentChoice::At(HttpUrl::of_agent())),
        Some(_) | None => {
            let url = url(value).ok();
            let url = url.filter(|url| url.is_loopback() || url.is_https());
            url.map(AgentChoice::At).ok_or(
                "a URL such as http://127.0.0.1:2773 (with https if the agent is on another host; without a user name, password or query)",
            )
        }
    }
}

pub fn pattern(value: &OsStr) -> Result<Pattern, Expected> {
    parse_pattern(utf8(value)?)
}

pub fn region(value: &OsStr) -> Result<Region, Expected> {
    Region::parse(utf8(value)?).ok_or(Region::EXPECTED)
}

pub fn role(value: &OsStr) -> Result<Role, Expected> {
    Role::parse(utf8(value)?, None).ok_or(Role::EXPECTED)
}

pub fn url(value: &OsStr) -> Result<HttpUrl, Expected> {
    HttpUrl::parse_endpoint(utf8(value)?).ok_or(
        "a URL such as https://secretsmanager.us-east-1.amazonaws.com (without a user name, password or query)",
    )
}

/// Sums of durations up to a century do not overflow.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

pub fn duration_or_zero(value: &OsStr) -> Result<Duration, Expected> {
    let duration = humantime::parse_duration(utf8(value)?).ok();
    duration
        .map(|duration| duration.min(LONGEST))
        .ok_or("a duration such as 20s, 1m30s or 0s")
}

pub fn duration(value: &OsStr) -> Result<Duration, Expected> {
    match duration_or_zero(value) {
        Ok(Duration::ZERO) => Err("longer than 0s"),
        Ok(duration) => Ok(duration),
        Err(_) => Err("a duration such as 20s or 1m30s"),
    }
}

/// Shorter intervals cost money and reach the quotas of AWS.
pub fn poll_interval(value: &OsStr) -> Result<Duration, Expected> {
    let interval = duration(value)?;
    if interval >= Duration::from_secs(10) {
        Ok(interval)
    } else {
        Err("at least 10s")
    }
}

pub fn mode(value: &OsStr) -> Result<OnRotation, Expected> {
    let text = utf8(value)?;
    match (text, text.strip_prefix("signal=")) {
        ("restart", _) => Ok(OnRotation::Restart),
        ("exit", _) => Ok(OnRotation::Exit),
        (_, Some(signal)) => SignalNumber::parse(signal).map(OnRotation::Signal),
        (_, None) => Err("restart, signal=NAME or exit"),
    }
}

pub fn signal(value: &OsStr) -> Result<SignalNumber, Expected> {
    SignalNumber::parse(utf8(value)?)
}

pub fn poll_signal(value: &OsStr) -> Result<SignalNumber, Expected> {
    match signal(value)? {
        SignalNumber::TERM | SignalNumber::INT | SignalNumber::CONT => {
            Err("a signal that is free for this purpose (TERM, INT and CONT are for the command)")
        }
        signal => Ok(signal),
    }
}

pub fn key_exchange(value: &OsStr) -> Result<KeyExchange, Expected> {
    let values = [
        ("hybrid", KeyExchange::Hybrid),
        ("classical", KeyExchange::Classical),
    ];
    choice(value, &values, "hybrid or classical")
}

pub fn log_format(value: &OsStr) -> Result<LogFormat, Expected> {
    choice(
        value,
        &[("text", LogFormat::Text), ("json", LogFormat::Json)],
        "text or json",
    )
}

#[cfg(test)]
mod tests {
    use nix::libc;
    use nix::sys::signal::Signal;

    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn the_names_of_standard_signals_are_those_of_the_system() {
        for signal in Signal::iterator() {
            let number = SignalNumber(signal as i32);
            assert_eq!(number.to_string(), signal.as_str());
            let is_request = number.forwarding() == Forwarding::Always;
            assert_eq!(
                SignalNumber::parse(signal.as_str()).ok(),
                is_request.then_some(number)
            );
        }
        assert_eq!(Signal::iterator().count(), NAMES.len());
        assert_eq!(SignalNumber(64).to_string(), "signal 64");
    }

    #[test]
    fn a_signal_of_the_process_itself_is_not_forwarded_and_a_fault_only_if_sent() {
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
