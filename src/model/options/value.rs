//! Parses the value of an option.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::Duration;

use glob::Pattern;

use super::signal_number::SignalNumber;
use crate::model::env_name::parse_pattern;
use crate::model::reference::{Region, Role};
use crate::model::url::HttpUrl;

/// The expected form of a value, for the message "… is not …".
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
                "the agent's URL, like http://127.0.0.1:2773 (https, or http to a loopback address; without a user name, password or query)",
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
        "a URL, like https://secretsmanager.us-east-1.amazonaws.com (without a user name, password or query)",
    )
}

/// Sums of durations up to a century do not overflow.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

pub fn duration_or_zero(value: &OsStr) -> Result<Duration, Expected> {
    let duration = humantime::parse_duration(utf8(value)?).ok();
    duration
        .map(|duration| duration.min(LONGEST))
        .ok_or("a duration, like 20s, 1m30s or 0s")
}

pub fn duration(value: &OsStr) -> Result<Duration, Expected> {
    let duration = duration_or_zero(value)
        .ok()
        .filter(|duration| !duration.is_zero());
    duration.ok_or("a duration above zero with its unit, like 20s or 1m30s")
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
            Err("free for this: TERM, INT and CONT are the command's")
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
