//! The options that say how to resolve, what the target gets and how much is said: one table for the command line, for
//! `SECRETS_EXEC_*` and for `defaults:`.

mod table;

pub use table::OPTIONS;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use glob::Pattern;

use crate::reference::{Region, Role};

/// An option that can be given in three places.
#[derive(Debug)]
pub struct OptionSpec {
    /// Its long name.
    pub name: &'static str,
    /// Its key under `defaults:`: the long name, in the plural where it takes a list of what is not a pattern.
    pub key: &'static str,
    /// Its one-letter form on the command line.
    pub short: Option<char>,
    /// What it takes.
    pub takes: Takes,
    /// Where that goes.
    pub set: Set,
    /// What it does, in one line of `--help`.
    pub help: &'static str,
    /// The heading it stands under in `--help`.
    pub heading: &'static str,
    /// Whether a declaration may give it.
    pub in_declaration: bool,
}

/// What an option takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// One text, called this in `--help`.
    Text(&'static str),
    /// Nothing; in a variable `1` or `0`, in a declaration `true` or `false`.
    Nothing,
    /// Texts, by repeating it; in a variable separated by commas, in a declaration a list.
    Texts(&'static str),
    /// Nothing, or after an equals sign one text, called this in `--help`.
    Optional(&'static str),
}

/// What an option expects, when it was given something else.
type Expected = &'static str;

/// How an option takes what it was given.
type Set = fn(&mut Options, Given) -> Result<(), Expected>;

impl OptionSpec {
    /// The option of that key under `defaults:`.
    pub fn find(key: &str) -> Option<&'static Self> {
        OPTIONS.iter().find(|option| option.key == key)
    }

    /// The variable that gives it: `SECRETS_EXEC_` and the long name.
    pub fn variable(&self) -> String {
        format!("{}{}", crate::environment::OWN_PREFIX, self.name.to_uppercase().replace('-', "_"))
    }
}

/// What was given for an option.
#[derive(Clone, Debug, PartialEq)]
pub enum Given {
    /// For [`Takes::Text`] and [`Takes::Optional`].
    Text(OsString),
    /// For [`Takes::Nothing`] and [`Takes::Optional`].
    Flag(bool),
    /// For [`Takes::Texts`].
    Texts(Vec<String>),
}

impl Given {
    fn path(self) -> Result<PathBuf, Expected> {
        match self {
            Self::Text(text) => Ok(text.into()),
            Self::Flag(_) | Self::Texts(_) => Err("a path"),
        }
    }

    fn text(self) -> Result<String, Expected> {
        match self {
            Self::Text(text) => text.into_string().map_err(|_| "text in UTF-8"),
            Self::Flag(_) | Self::Texts(_) => Err("text"),
        }
    }

    fn parsed<T>(self, parse: impl Fn(String) -> Result<T, Expected>) -> Result<T, Expected> {
        self.text().and_then(parse)
    }

    fn flag(self) -> Result<bool, Expected> {
        match self {
            Self::Flag(on) => Ok(on),
            Self::Text(_) | Self::Texts(_) => Err("true or false"),
        }
    }

    fn patterns(self) -> Result<Vec<Pattern>, Expected> {
        match self {
            Self::Texts(texts) => patterns(&texts),
            Self::Text(_) | Self::Flag(_) => Err("a list of texts"),
        }
    }

    fn regions(self) -> Result<Vec<Region>, Expected> {
        match self {
            Self::Texts(texts) => {
                texts.iter().map(|text| Region::parse(text)).collect::<Result<_, _>>().map_err(|_| REGION_EXPECTED)
            }
            Self::Text(_) | Self::Flag(_) => Err("a list of regions"),
        }
    }

    fn agent(self) -> Result<AgentChoice, Expected> {
        match self {
            Self::Flag(false) => Ok(AgentChoice::Off),
            Self::Flag(true) => Ok(AgentChoice::Standard),
            Self::Text(_) => self.parsed(check_url).map(AgentChoice::At).map_err(|_| AGENT_EXPECTED),
            Self::Texts(_) => Err(AGENT_EXPECTED),
        }
    }
}

/// Whether secrets are read through the AWS Secrets Manager Agent, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentChoice {
    /// They are not.
    Off,
    /// Where it listens by default.
    Standard,
    /// At this URL.
    At(String),
}

/// The options of one place; `None` where it says nothing.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// `--region`
    pub region: Option<Region>,
    /// `--fallback-region`
    pub fallback_regions: Option<Vec<Region>>,
    /// `--profile`
    pub profile: Option<String>,
    /// `--role-arn`
    pub role_arn: Option<String>,
    /// `--external-id`
    pub external_id: Option<String>,
    /// `--endpoint-url`
    pub endpoint_url: Option<String>,
    /// `--ca-bundle`
    pub ca_bundle: Option<PathBuf>,
    /// `--timeout`
    pub timeout: Option<Duration>,
    /// `--wait`
    pub wait: Option<Duration>,
    /// `--agent`
    pub agent: Option<AgentChoice>,
    /// `--agent-fallback`
    pub agent_fallback: Option<bool>,
    /// `--local`
    pub local: Option<PathBuf>,
    /// `--keep-existing`
    pub keep_existing: Option<bool>,
    /// `--clean-env`
    pub clean_env: Option<bool>,
    /// `--pass`
    pub pass: Option<Vec<Pattern>>,
    /// `--unset`
    pub unset: Option<Vec<Pattern>>,
    /// `--verbose`
    pub verbose: Option<bool>,
    /// `--quiet`
    pub quiet: Option<bool>,
}

impl Options {
    /// These options, and where they say nothing those of `lower`.
    #[must_use]
    pub fn over(self, lower: Self) -> Self {
        Self {
            region: self.region.or(lower.region),
            fallback_regions: self.fallback_regions.or(lower.fallback_regions),
            profile: self.profile.or(lower.profile),
            role_arn: self.role_arn.or(lower.role_arn),
            external_id: self.external_id.or(lower.external_id),
            endpoint_url: self.endpoint_url.or(lower.endpoint_url),
            ca_bundle: self.ca_bundle.or(lower.ca_bundle),
            timeout: self.timeout.or(lower.timeout),
            wait: self.wait.or(lower.wait),
            agent: self.agent.or(lower.agent),
            agent_fallback: self.agent_fallback.or(lower.agent_fallback),
            local: self.local.or(lower.local),
            keep_existing: self.keep_existing.or(lower.keep_existing),
            clean_env: self.clean_env.or(lower.clean_env),
            pass: self.pass.or(lower.pass),
            unset: self.unset.or(lower.unset),
            verbose: self.verbose.or(lower.verbose),
            quiet: self.quiet.or(lower.quiet),
        }
    }
}

/// What an option or key expects that takes a role.
pub const ROLE_EXPECTED: &str = "a role's ARN, like arn:aws:iam::123456789012:role/Reader";

/// An address with a scheme and a host, as an endpoint needs it.
///
/// # Errors
/// What is expected instead.
pub fn check_url(text: String) -> Result<String, &'static str> {
    let url: Option<http::Uri> = text.parse().ok();
    let complete = |url: http::Uri| {
        let Some(authority) = url.authority() else { return false };
        // The parser takes what is no port for none.
        let has_port = authority.as_str().rsplit_once(':').is_some_and(|(_, port)| !port.contains([']', '@']));
        let is_host = !authority.host().is_empty() && (!has_port || authority.port_u16().is_some());
        is_host && matches!(url.scheme_str(), Some("http" | "https"))
    };
    if url.is_some_and(complete) { Ok(text) } else { Err("a URL, like https://secretsmanager.us-east-1.amazonaws.com") }
}

fn check_role(arn: String) -> Result<String, Expected> {
    Role::parse(&arn, None).map(|_| arn.clone()).map_err(|_| ROLE_EXPECTED)
}

fn duration(text: String) -> Result<Duration, Expected> {
    let duration = humantime::parse_duration(&text).ok().filter(|duration| !duration.is_zero());
    // A century is as good as for ever, and sums of durations do not overflow.
    let longest = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    duration.map(|duration| duration.min(longest)).ok_or("a duration above zero, like 20s or 1m30s")
}

/// Reads glob patterns.
///
/// # Errors
/// What is expected, when one of them is none.
pub fn patterns(texts: &[String]) -> Result<Vec<Pattern>, &'static str> {
    // A shell's `[^…]` would mean something else here, silently.
    if texts.iter().any(|text| text.contains("[^")) {
        return Err("a glob pattern as it is understood here: write [!…] for [^…]");
    }
    texts.iter().map(|text| Pattern::new(text)).collect::<Result<_, _>>().map_err(|_| "a glob pattern, like 'APP_*'")
}

const AGENT_EXPECTED: Expected = "the agent's URL, like http://127.0.0.1:2773";

/// What an option or key expects that takes a region.
pub const REGION_EXPECTED: &str = "a region's code, like us-east-1";

#[cfg(test)]
mod tests {
    use super::*;

    fn set(name: &str, text: &str) -> Result<Options, &'static str> {
        let mut options = Options::default();
        (OptionSpec::find(name).unwrap().set)(&mut options, Given::Text(text.into())).map(|()| options)
    }

    #[test]
    fn every_option_of_the_table_can_be_set() {
        for option in OPTIONS {
            let text = match option.name {
                "role-arn" => "arn:aws:iam::123456789012:role/Reader",
                "endpoint-url" => "http://127.0.0.1:5000",
                "timeout" | "wait" => "1m30s",
                _ => "us-east-1",
            };
            let given = match option.takes {
                Takes::Text(_) => Given::Text(text.into()),
                Takes::Nothing => Given::Flag(true),
                Takes::Texts("REGION") => Given::Texts(vec!["us-east-1".into()]),
                Takes::Texts(_) => Given::Texts(vec!["APP_*".into()]),
                Takes::Optional(_) => Given::Text("http://127.0.0.1:2773".into()),
            };
            assert_eq!((option.set)(&mut Options::default(), given), Ok(()), "{}", option.name);
        }
    }

    #[test]
    fn what_an_option_does_not_take_is_refused() {
        for (name, text) in [
            ("timeout", "0s"),
            ("timeout", "30"),
            ("timeout", "soon"),
            ("wait", "0s"),
            ("agent", "localhost:2773"),
            ("region", "us east"),
            ("role-arn", "Reader"),
            ("endpoint-url", "notaurl"),
            ("endpoint-url", "ftp://x"),
            ("endpoint-url", "http://127.0.0.1:99999"),
            ("endpoint-url", "http://h:"),
        ] {
            assert!(set(name, text).is_err(), "{name} {text}");
        }
        for pattern in ["[", "[^a]"] {
            assert!(patterns(&[pattern.into()]).is_err(), "{pattern}");
        }
    }

    #[test]
    fn the_upper_place_wins_where_it_speaks() {
        let merged = set("region", "eu-west-1")
            .unwrap()
            .over(set("region", "us-east-1").unwrap().over(set("profile", "p").unwrap()));
        assert_eq!((merged.region.unwrap().as_str(), merged.profile.as_deref()), ("eu-west-1", Some("p")));
    }
}
