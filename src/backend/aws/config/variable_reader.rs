//! A reader of environment variables that collects every error, and the parsers that it shares with the settings of a profile.

use std::path::PathBuf;

use crate::model::inherited::Inherited;
use crate::model::problem::Problem;
use crate::model::quoting::quoted_value;
use crate::model::url::HttpUrl;
use crate::system::os_error;

/// The text in the place of a value that may be a secret.
pub const SECRET: &str = "its value";

/// A reader of variables. An empty one counts as not set, as in the AWS CLI.
pub struct VariableReader<'a> {
    pub inherited: &'a Inherited,
    errors: Vec<Problem>,
}

impl<'a> VariableReader<'a> {
    pub fn new(inherited: &'a Inherited) -> Self {
        Self {
            inherited,
            errors: Vec::new(),
        }
    }

    /// Returns `value`, or the errors if there are any.
    pub fn finish<T>(self, value: T) -> Result<T, Vec<Problem>> {
        if self.errors.is_empty() {
            Ok(value)
        } else {
            Err(self.errors)
        }
    }

    /// Returns the parsed value of a variable. The error of a variable that is read twice is kept once.
    pub fn parse<T>(
        &mut self,
        name: &'static str,
        expected: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let value = quoted_value(&self.inherited.filled(name)?.to_string_lossy());
        self.parse_shown_as(&value, name, expected, parse)
    }

    /// Returns the text of a variable that may hold a secret.
    pub fn text(&mut self, name: &'static str) -> Option<String> {
        self.parse_shown_as(SECRET, name, "text in UTF-8", |text| Some(text.to_owned()))
    }

    /// Returns the URL of an endpoint of AWS.
    pub fn endpoint(&mut self, name: &'static str) -> Option<HttpUrl> {
        self.parse(name, ENDPOINT_EXPECTED, HttpUrl::parse_endpoint)
    }

    pub fn url(&mut self, name: &'static str) -> Option<HttpUrl> {
        self.parse(name, URL_EXPECTED, HttpUrl::parse)
    }

    /// Returns the path of a file that must exist.
    pub fn file(&mut self, name: &'static str, expected: &'static str) -> Option<PathBuf> {
        let path = PathBuf::from(self.inherited.filled(name)?);
        let Err(error) = path.metadata() else {
            return Some(path);
        };
        let (value, why) = (
            quoted_value(&path.display().to_string()),
            os_error::text(&error),
        );
        self.errors.push(Problem::usage(format!(
            "{name}: {value} is not {expected}: {why}"
        )));
        None
    }

    /// Does the same as [`Self::parse`], with `value` in the place of the value in an error.
    pub fn parse_shown_as<T>(
        &mut self,
        value: &str,
        name: &'static str,
        expected: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let parsed = self.inherited.filled(name)?.to_str().and_then(parse);
        let error = Problem::usage(format!("{name}: {value} is not {expected}"));
        if parsed.is_none() && !self.errors.contains(&error) {
            self.errors.push(error);
        }
        parsed
    }
}

/// The expected value in a message about a boolean.
pub const BOOLEAN_EXPECTED: &str = "true or false";

/// Parses `true` or `false`, in any case.
pub fn parse_boolean(text: &str) -> Option<bool> {
    choice(text, &[("true", true), ("false", false)])
}

/// Returns the meaning of a word, in any case.
fn choice<T: Copy>(text: &str, choices: &[(&str, T)]) -> Option<T> {
    let mut choices = choices.iter();
    let chosen = choices.find(|(word, _)| word.eq_ignore_ascii_case(text));
    chosen.map(|(_, meaning)| *meaning)
}

/// The expected value in a message about a URL.
pub const URL_EXPECTED: &str = "a URL, like https://example.com";

/// The expected value in a message about an endpoint of AWS.
pub const ENDPOINT_EXPECTED: &str =
    "a URL, like https://example.com (without a user name, password or query)";

/// The expected value in a message about AWS_MAX_ATTEMPTS, `max_attempts` and other counts.
pub const COUNT_EXPECTED: &str = "a whole number from 1";

/// Parses a whole number from 1.
pub fn parse_count(text: &str) -> Option<u32> {
    text.trim().parse().ok().filter(|count| *count > 0)
}

/// The expected value in a message about AWS_RETRY_MODE and `retry_mode`.
pub const RETRY_MODE_EXPECTED: &str = "legacy, standard or adaptive";

/// Checks a retry mode, in any case. secrets-exec retries by its own rules, whatever the mode.
pub fn parse_retry_mode(text: &str) -> Option<()> {
    choice(text, &[("legacy", ()), ("standard", ()), ("adaptive", ())])
}

/// The URL of the instance metadata service without any settings.
pub const METADATA_URL: &str = "http://169.254.169.254";

/// The expected value in a message about AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE and the profile's mode.
pub const MODE_EXPECTED: &str = "IPv4 or IPv6";

/// Parses a mode of the instance metadata service, in any case, and returns the URL of the service in this mode.
pub fn parse_mode(text: &str) -> Option<&'static str> {
    let ipv6 = "http://[fd00:ec2::254]";
    choice(text, &[("ipv4", METADATA_URL), ("ipv6", ipv6)])
}
