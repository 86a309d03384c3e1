//! A reader of environment variables that collects every error, and the formats that it shares with the settings of a profile.

use std::path::PathBuf;

use crate::model::inherited::Inherited;
use crate::model::problem::Problem;
use crate::model::quoting::quoted_value;
use crate::model::reference::Region;
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
    pub fn parse<T>(&mut self, name: &'static str, format: &Format<T>) -> Option<T> {
        let text = self.inherited.filled(name)?.to_string_lossy();
        let value = quoted_value(unquoted(&text).unwrap_or(&text));
        self.parse_shown_as(&value, name, format)
    }

    /// Returns the text of a variable that may hold a secret.
    pub fn text(&mut self, name: &'static str) -> Option<String> {
        self.parse_shown_as(SECRET, name, &TEXT)
    }

    /// Returns the path of a file that must exist.
    pub fn file(&mut self, name: &'static str) -> Option<PathBuf> {
        let path = PathBuf::from(self.inherited.filled(name)?);
        let Err(error) = path.metadata() else {
            return Some(path);
        };
        let file = match quoted_value(&path.display().to_string()).as_str() {
            SECRET => "the file".to_owned(),
            file => format!("the file {file}"),
        };
        let why = os_error::text(&error);
        self.errors.push(Problem::usage(format!(
            "{file} in {name} can't be read: {why}"
        )));
        None
    }

    /// Does the same as [`Self::parse`], with `value` in the place of the value in an error.
    pub fn parse_shown_as<T>(
        &mut self,
        value: &str,
        name: &'static str,
        format: &Format<T>,
    ) -> Option<T> {
        let text = self.inherited.filled(name)?.to_str();
        let parsed = text.and_then(format.parse);
        let mut error = invalid(name, value, format.expected);
        if let Some(text) = text.and_then(unquoted) {
            // `docker run --env-file` and systemd's `Environment=` keep quotes.
            error.text = format!("the value of {name} includes quotes");
            error.help = Some(match value {
                SECRET => format!("remove the quotes from {name}"),
                _ => format!("write {name}={text}"),
            });
        }
        if parsed.is_none() && !self.errors.contains(&error) {
            self.errors.push(error);
        }
        parsed
    }
}

/// Returns the error of a variable or a setting with an invalid value. `value` is quoted, or [`SECRET`].
pub fn invalid(name: &str, value: &str, expected: &str) -> Problem {
    Problem::usage(match value {
        SECRET => format!("{name} must be {expected}"),
        value => format!("{name} is {value}, but must be {expected}"),
    })
}

/// Returns the text between quotes; `None` without quotes.
fn unquoted(text: &str) -> Option<&str> {
    let between = |quote| text.strip_prefix(quote)?.strip_suffix(quote);
    between('"').or_else(|| between('\''))
}

/// The format of a variable or of a profile's setting.
pub struct Format<T> {
    /// The expected value, for the message "… must be …".
    pub expected: &'static str,
    pub parse: fn(&str) -> Option<T>,
}

const TEXT: Format<String> = Format {
    expected: "text in UTF-8",
    parse: |text| Some(text.to_owned()),
};

/// A boolean, in any case.
pub const BOOLEAN: Format<bool> = Format {
    expected: "true or false",
    parse: |text| choice(text, &[("true", true), ("false", false)]),
};

/// AWS_MAX_ATTEMPTS, `max_attempts` and other counts.
pub const COUNT: Format<u32> = Format {
    expected: "a whole number of at least 1",
    parse: |text| text.trim().parse().ok().filter(|count| *count > 0),
};

pub const REGION: Format<Region> = Format {
    expected: Region::EXPECTED,
    parse: Region::parse,
};

pub const URL: Format<HttpUrl> = Format {
    expected: "a URL such as https://example.com",
    parse: HttpUrl::parse,
};

/// The URL of an endpoint of AWS.
pub const ENDPOINT: Format<HttpUrl> = Format {
    expected: "a URL such as https://example.com, without a user name, password or query",
    parse: HttpUrl::parse_endpoint,
};

/// AWS_RETRY_MODE and `retry_mode`. secrets-exec retries by its own rules, whatever the mode.
pub const RETRY_MODE: Format<()> = Format {
    expected: "legacy, standard or adaptive",
    parse: |text| choice(text, &[("legacy", ()), ("standard", ()), ("adaptive", ())]),
};

/// The URL of the instance metadata service without any settings.
pub const METADATA_URL: &str = "http://169.254.169.254";

const METADATA_URL_IPV6: &str = "http://[fd00:ec2::254]";

/// The URL of the instance metadata service for a mode.
pub const METADATA_MODE: Format<&str> = Format {
    expected: "IPv4 or IPv6",
    parse: |text| choice(text, &[("ipv4", METADATA_URL), ("ipv6", METADATA_URL_IPV6)]),
};

/// Returns the meaning of a word, in any case.
fn choice<T: Copy>(text: &str, choices: &[(&str, T)]) -> Option<T> {
    let mut choices = choices.iter();
    let chosen = choices.find(|(word, _)| word.eq_ignore_ascii_case(text));
    chosen.map(|(_, meaning)| *meaning)
}
