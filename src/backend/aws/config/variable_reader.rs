//! A reader of environment variables that collects every error, and the parsers that it shares with the settings of a profile.

use std::ffi::OsStr;
use std::path::PathBuf;

use crate::model::inherited::Inherited;
use crate::model::url::HttpUrl;
use crate::system::os_error::ReadFailure;

/// A variable with an invalid value.
#[derive(Debug, PartialEq, Eq)]
pub struct VariableError {
    pub name: &'static str,
    /// The value; `None` if it may be secret.
    pub text: Option<String>,
    /// The valid values, in words.
    pub expected: &'static str,
    /// The error of the kernel for a file.
    pub why: Option<String>,
}

/// A reader of variables. An empty one counts as not set, as in the AWS CLI.
pub struct VariableReader<'a> {
    pub inherited: &'a Inherited,
    errors: Vec<VariableError>,
}

impl<'a> VariableReader<'a> {
    pub fn new(inherited: &'a Inherited) -> Self {
        Self { inherited, errors: Vec::new() }
    }

    /// Returns `value`, or the errors if there are any.
    pub fn finish<T>(self, value: T) -> Result<T, Vec<VariableError>> {
        if self.errors.is_empty() { Ok(value) } else { Err(self.errors) }
    }

    /// Returns the parsed value of a variable. The error of a variable that is read twice is kept once.
    pub fn parse<T>(
        &mut self,
        name: &'static str,
        expected: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        self.read(name, expected, parse, |value| Some(value.to_string_lossy().into_owned()))
    }

    /// Returns the parsed value of a variable that may hold a secret, which an error does not quote.
    pub fn parse_secret<T>(
        &mut self,
        name: &'static str,
        expected: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        self.read(name, expected, parse, |_| None)
    }

    /// Returns the text of a variable that may hold a secret.
    pub fn text(&mut self, name: &'static str) -> Option<String> {
        self.parse_secret(name, "text in UTF-8", |text| Some(text.to_owned()))
    }

    pub fn url(&mut self, name: &'static str) -> Option<HttpUrl> {
        self.parse(name, URL_EXPECTED, |text| HttpUrl::parse(text).ok())
    }

    /// Returns the path of a file that must exist.
    pub fn file(&mut self, name: &'static str, expected: &'static str) -> Option<PathBuf> {
        let path = PathBuf::from(self.inherited.filled(name)?);
        let Err(error) = path.metadata() else { return Some(path) };
        let (text, why) = (Some(path.display().to_string()), Some(ReadFailure::from(&error).why));
        self.errors.push(VariableError { name, text, expected, why });
        None
    }

    fn read<T>(
        &mut self,
        name: &'static str,
        expected: &'static str,
        parse: impl Fn(&str) -> Option<T>,
        quote: impl Fn(&OsStr) -> Option<String>,
    ) -> Option<T> {
        let value = self.inherited.filled(name)?;
        let parsed = value.to_str().and_then(parse);
        let error = VariableError { name, text: quote(value), expected, why: None };
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
    match text.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// The values of AWS_RETRY_MODE and `retry_mode`.
pub const RETRY_MODES: [&str; 3] = ["standard", "adaptive", "legacy"];

/// The expected value in a message about a retry mode.
pub const RETRY_EXPECTED: &str = "standard, adaptive or legacy";

/// Accepts one of `values`, in any case.
pub fn parse_one_of(values: &[&str], text: &str) -> Option<()> {
    values.iter().any(|value| text.eq_ignore_ascii_case(value)).then_some(())
}

/// The expected value in a message about a URL.
pub const URL_EXPECTED: &str = "a URL, like https://example.com";

/// The expected value in a message about AWS_MAX_ATTEMPTS, `max_attempts` and other counts.
pub const COUNT_EXPECTED: &str = "a whole number from 1";

/// Parses a whole number from 1.
pub fn parse_count(text: &str) -> Option<u32> {
    text.trim().parse().ok().filter(|count| *count > 0)
}
