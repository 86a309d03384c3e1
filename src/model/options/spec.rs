//! The specification of an option: its names, its argument, and the functions that parse it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use glob::Pattern;

use super::rotation::nearest_mode;
use super::signal_number::SignalNumber;
use super::typed::{AgentChoice, LogFormat, TypedOptions};
use crate::model::env_name::parse_patterns;
use crate::model::reference::{Region, Role};
use crate::model::suggest;
use crate::model::url::HttpUrl;

/// An option that the command line, `SECRETS_EXEC_*` and `defaults:` share.
#[derive(Debug)]
pub struct OptionSpec {
    /// The long name, without `--`, which is the key under `defaults:`, too.
    pub name: &'static str,
    pub short: Option<char>,
    pub takes: Takes,
    /// Parses the argument into its field.
    pub set: Set,
    /// The description in `--help`.
    pub help: &'static str,
    /// The heading in `--help`.
    pub heading: &'static str,
    /// True if `defaults:` may set it.
    pub in_declaration: bool,
}

/// The kind of argument; the text is the argument's name in `--help`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// One text.
    Text(&'static str),
    /// None; in a variable `1` or `0`, in a declaration `true` or `false`.
    Nothing,
    /// None; repeating the option says more. In a variable `0`, `1` or `2`, in a declaration one of these or `true` or `false`.
    Level,
    /// One text for each use of the option; in a variable separated by commas, in a declaration a list, or one text.
    Texts(&'static str),
    /// None or, after an equals sign, one text.
    Optional(&'static str),
}

/// The expected form of an argument, for the message "… is not …"; for GLOB the reason, for "… is not a glob pattern: …".
pub type Expected = &'static str;

pub type Set = fn(&mut TypedOptions, Given) -> Result<(), Expected>;

impl OptionSpec {
    /// Returns the variable that sets the option: `SECRETS_EXEC_` and the long name in upper case.
    pub fn variable(&self) -> String {
        format!("{}{}", crate::model::env_name::OWN_PREFIX, self.name.to_uppercase().replace('-', "_"))
    }

    pub fn takes_patterns(&self) -> bool {
        self.takes == Takes::Texts("GLOB")
    }

    /// Returns the possible or most common arguments, for completions.
    pub fn values(&self) -> Vec<String> {
        match self.takes {
            Takes::Text("FORMAT") => LogFormat::ALL.map(|format| format.name().to_owned()).to_vec(),
            Takes::Text("SIGNAL") => {
                SignalNumber::names().filter(|name| self.allows(name)).map(str::to_owned).collect()
            }
            Takes::Text("MODE") => {
                let signals = SignalNumber::names().map(|signal| format!("signal={signal}"));
                ["restart", "exit"].map(str::to_owned).into_iter().chain(signals).collect()
            }
            Takes::Text(_) | Takes::Nothing | Takes::Level | Takes::Texts(_) | Takes::Optional(_) => Vec::new(),
        }
    }

    /// Returns the argument that an illegal one most likely stands for.
    pub fn nearest_value(&self, text: &str) -> Option<String> {
        match self.takes {
            Takes::Text("FORMAT") => {
                let names = LogFormat::ALL.into_iter().map(LogFormat::name);
                suggest::nearest(&text.to_ascii_lowercase(), names).map(str::to_owned)
            }
            Takes::Text("SIGNAL") => SignalNumber::nearest(text).filter(|name| self.allows(name)).map(str::to_owned),
            Takes::Text("MODE") => nearest_mode(text),
            Takes::Text(_) | Takes::Nothing | Takes::Level | Takes::Texts(_) | Takes::Optional(_) => None,
        }
    }

    /// Returns true if this text is legal as the argument.
    fn allows(&self, text: &str) -> bool {
        (self.set)(&mut TypedOptions::default(), Given::Text(text.into())).is_ok()
    }

    /// Returns the first of a list of texts that the option does not take.
    pub fn first_illegal<'t>(&self, texts: &'t [String]) -> Option<&'t String> {
        let is_illegal =
            |text: &&String| (self.set)(&mut TypedOptions::default(), Given::Texts(vec![(*text).clone()])).is_err();
        texts.iter().find(is_illegal)
    }
}

/// The argument of an option, from any of the three places.
#[derive(Clone, Debug, PartialEq)]
pub enum Given {
    /// For [`Takes::Text`], [`Takes::Optional`] and the number of a [`Takes::Level`].
    Text(OsString),
    /// For [`Takes::Nothing`], [`Takes::Optional`] and [`Takes::Level`].
    Flag(bool),
    /// For [`Takes::Texts`].
    Texts(Vec<String>),
}

impl Given {
    pub fn path(self) -> Result<PathBuf, Expected> {
        match self {
            Self::Text(text) => Ok(text.into()),
            Self::Flag(_) | Self::Texts(_) => Err("a path"),
        }
    }

    pub fn text(self) -> Result<String, Expected> {
        match self {
            Self::Text(text) => text.into_string().map_err(|_| "text in UTF-8"),
            Self::Flag(_) | Self::Texts(_) => Err("text"),
        }
    }

    pub fn parsed<T>(self, parse: impl Fn(String) -> Result<T, Expected>) -> Result<T, Expected> {
        self.text().and_then(parse)
    }

    pub fn flag(self) -> Result<bool, Expected> {
        match self {
            Self::Flag(on) => Ok(on),
            Self::Text(_) | Self::Texts(_) => Err("true or false"),
        }
    }

    pub fn level(self) -> Result<u8, Expected> {
        match self {
            Self::Flag(on) => Ok(u8::from(on)),
            Self::Text(text) if text == "0" => Ok(0),
            Self::Text(text) if text == "1" => Ok(1),
            Self::Text(text) if text == "2" => Ok(2),
            Self::Text(_) | Self::Texts(_) => Err("0, 1 or 2"),
        }
    }

    pub fn patterns(self) -> Result<Vec<Pattern>, Expected> {
        match self {
            Self::Texts(texts) => parse_patterns(&texts),
            Self::Text(_) | Self::Flag(_) => Err("a list of texts"),
        }
    }

    pub fn regions(self) -> Result<Vec<Region>, Expected> {
        match self {
            Self::Texts(texts) => {
                texts.iter().map(|text| Region::parse(text)).collect::<Result<_, _>>().map_err(|_| Region::EXPECTED)
            }
            Self::Text(_) | Self::Flag(_) => Err("a list of regions"),
        }
    }

    pub fn agent(self) -> Result<AgentChoice, Expected> {
        match self {
            Self::Flag(false) => Ok(AgentChoice::Off),
            Self::Flag(true) => Ok(AgentChoice::Default),
            Self::Text(_) => self.parsed(url).map(AgentChoice::At).map_err(|_| AGENT_EXPECTED),
            Self::Texts(_) => Err(AGENT_EXPECTED),
        }
    }
}

pub fn role(arn: String) -> Result<Role, Expected> {
    Role::parse(&arn, None).map_err(|_| Role::EXPECTED)
}

pub fn url(text: String) -> Result<HttpUrl, Expected> {
    HttpUrl::parse(&text).map_err(|_| "a URL, like https://secretsmanager.us-east-1.amazonaws.com")
}

/// Sums of durations up to a century do not overflow.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

pub fn duration(text: String) -> Result<Duration, Expected> {
    let duration = humantime::parse_duration(&text).ok().filter(|duration| !duration.is_zero());
    duration.map(|duration| duration.min(LONGEST)).ok_or("a duration above zero with its unit, like 20s or 1m30s")
}

pub fn duration_or_zero(text: String) -> Result<Duration, Expected> {
    let duration = humantime::parse_duration(&text).ok();
    duration.map(|duration| duration.min(LONGEST)).ok_or("a duration, like 20s, 1m30s or 0s")
}

pub fn signal(text: String) -> Result<SignalNumber, Expected> {
    SignalNumber::parse(&text)
}

pub fn log_format(text: String) -> Result<LogFormat, Expected> {
    LogFormat::find(&text).ok_or("text or json")
}

const AGENT_EXPECTED: Expected = "the agent's URL, like http://127.0.0.1:2773";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::options::table::{OPTIONS, find_option};

    fn set(name: &str, text: &str) -> Result<TypedOptions, &'static str> {
        let mut options = TypedOptions::default();
        (find_option(name).unwrap().set)(&mut options, Given::Text(text.into())).map(|()| options)
    }

    #[test]
    fn every_option_of_the_table_can_be_set() {
        for option in OPTIONS {
            let text = match option.name {
                "role-arn" => "arn:aws:iam::123456789012:role/Reader",
                "endpoint-url" => "http://127.0.0.1:5000",
                "timeout" | "wait" | "poll-interval" | "splay" | "grace" | "cache-ttl" | "cache-stale" => "1m30s",
                "on-rotation" => "signal=HUP",
                "stop-signal" | "poll-signal" => "USR1",
                "log-format" => "json",
                _ => "us-east-1",
            };
            let given = match option.takes {
                Takes::Text(_) => Given::Text(text.into()),
                Takes::Nothing | Takes::Level => Given::Flag(true),
                Takes::Texts("REGION") => Given::Texts(vec!["us-east-1".into()]),
                Takes::Texts(_) => Given::Texts(vec!["APP_*".into()]),
                Takes::Optional(_) => Given::Text("http://127.0.0.1:2773".into()),
            };
            assert_eq!((option.set)(&mut TypedOptions::default(), given), Ok(()), "{}", option.name);
        }
    }

    #[test]
    fn an_illegal_argument_is_an_error() {
        for (name, text) in [
            ("timeout", "0s"),
            ("timeout", "30"),
            ("timeout", "soon"),
            ("wait", "0s"),
            ("cache-ttl", "soon"),
            ("cache-stale", "-1s"),
            ("agent", "localhost:2773"),
            ("region", "us east"),
            ("role-arn", "Reader"),
            ("endpoint-url", "notaurl"),
            ("endpoint-url", "ftp://x"),
            ("endpoint-url", "http://127.0.0.1:99999"),
            ("endpoint-url", "http://h:"),
            ("on-rotation", "Restart"),
            ("on-rotation", "signal=KILL"),
            ("poll-interval", "9s"),
            ("grace", "-1s"),
            ("poll-signal", "TERM"),
            ("log-format", "xml"),
        ] {
            assert!(set(name, text).is_err(), "{name} {text}");
        }
        for pattern in ["[", "A**", "", "^A", "A,B", "A|B", "{A,B}", "[^A]", "A B"] {
            assert!(parse_patterns(&[pattern.into()]).is_err(), "{pattern}");
        }
    }

    #[test]
    fn the_most_similar_argument_is_suggested() {
        for (name, text, nearest) in [
            ("on-rotation", "restrat", Some("restart")),
            ("on-rotation", "hup", Some("signal=hup")),
            ("on-rotation", "signal=USR3", Some("signal=USR1")),
            ("on-rotation", "signal:HUP", Some("signal=HUP")),
            ("on-rotation", "nothing", None),
            ("stop-signal", "sigtrem", Some("TERM")),
            ("log-format", "JSON", Some("json")),
            ("grace", "soon", None),
        ] {
            assert_eq!(find_option(name).unwrap().nearest_value(text).as_deref(), nearest, "{name} {text}");
        }
    }

    #[test]
    fn the_values_for_completions_are_legal() {
        for option in OPTIONS.iter().filter(|option| option.name != "poll-signal") {
            for value in option.values() {
                assert!(set(option.name, &value).is_ok(), "{} {value}", option.name);
            }
        }
    }

    #[test]
    fn an_option_that_the_upper_place_sets_overrides_the_lower() {
        let merged = set("region", "eu-west-1")
            .unwrap()
            .over(set("region", "us-east-1").unwrap().over(set("profile", "p").unwrap()));
        assert_eq!((merged.region.unwrap().as_str(), merged.profile.as_deref()), ("eu-west-1", Some("p")));
    }
}
