//! A reader of environment variables, which collects all errors, and the formats of values, which the settings of a profile share.

use std::path::PathBuf;

use crate::model::inherited::Inherited;
use crate::model::problem::Problem;
use crate::model::quoting::{invalid_value, is_quotable};
use crate::model::reference::Region;
use crate::model::url::HttpUrl;
use crate::system::os_error;

/// A reader of variables. As in the AWS CLI, an empty variable is treated as unset.
pub struct VariableReader<'a> {
    pub inherited: &'a Inherited,
    /// The errors of all variables that were read so far.
    pub errors: Vec<Problem>,
}

impl<'a> VariableReader<'a> {
    /// Returns a reader without errors.
    pub fn new(inherited: &'a Inherited) -> Self {
        Self {
            inherited,
            errors: Vec::new(),
        }
    }

    /// Returns the parsed value of a variable. Returns `None` if it is not set, or if it is invalid. An invalid value adds an error.
    pub fn read<T>(&mut self, name: &'static str, format: &Format<T>) -> Option<T> {
        let value = self.inherited.non_empty(name)?;
        let parsed = value.to_str().and_then(format.parse);
        if parsed.is_none() {
            let error = format.invalid(name, &value.to_string_lossy());
            self.refuse(error.help(format!("correct or unset {name}")));
        }
        parsed
    }

    /// Returns the text of a variable. Returns `None` if it is not set, or if it is not UTF-8, which adds an error.
    pub fn read_text(&mut self, name: &'static str) -> Option<String> {
        self.read(name, &TEXT)
    }

    /// Returns the path of a file that must exist. Returns `None` if the variable is not set, or if the file can't be reached, which adds an error.
    pub fn existing_file(&mut self, name: &'static str) -> Option<PathBuf> {
        let path = PathBuf::from(self.inherited.non_empty(name)?);
        let Err(error) = path.metadata() else {
            return Some(path);
        };
        let shown = path.display().to_string();
        let file = match is_quotable(&shown) {
            true => format!("the file {shown:?}"),
            false => "the file".to_owned(),
        };
        let why = os_error::io_error_text(&error);
        let text = format!("{file} in {name} can't be read: {why}");
        self.refuse(Problem::configuration(text));
        None
    }

    /// Adds an error, unless the same one has been added before, because a variable was read twice.
    pub fn refuse(&mut self, error: Problem) {
        if !self.errors.contains(&error) {
            self.errors.push(error);
        }
    }
}

/// The format of a variable or of a profile's setting.
pub struct Format<T> {
    /// The expected value, for the message "… must be …".
    pub expected: &'static str,
    /// Returns the parsed value. Returns `None` if the value is invalid.
    pub parse: fn(&str) -> Option<T>,
}

impl<T> Format<T> {
    /// Returns the error for a variable or a setting with an invalid value, which is quoted only if it can't be a secret.
    pub fn invalid(&self, name: &str, text: &str) -> Problem {
        Problem::usage(invalid_value(name, text, self.expected))
    }
}

/// Any text.
const TEXT: Format<String> = Format {
    expected: "text in UTF-8",
    parse: |text| Some(text.to_owned()),
};

/// A boolean, in upper or lower case.
pub const BOOLEAN: Format<bool> = Format {
    expected: "true or false",
    parse: |text| choice(text, &[("true", true), ("false", false)]),
};

/// A number of attempts or of seconds.
pub const COUNT: Format<u32> = Format {
    expected: "a whole number of at least 1",
    parse: |text| text.trim().parse().ok().filter(|count| *count > 0),
};

/// The code of a region.
pub const REGION: Format<Region> = Format {
    expected: Region::EXPECTED,
    parse: Region::parse,
};

/// A URL, which may contain a password.
pub const URL: Format<HttpUrl> = Format {
    expected: "a URL that begins with http:// or https://",
    parse: HttpUrl::parse,
};

/// The URL of an endpoint.
pub const ENDPOINT: Format<HttpUrl> = Format {
    expected: "a URL that begins with http:// or https://, without a user name, password or query",
    parse: HttpUrl::parse_endpoint,
};

/// The name of a role's session (STS, AssumeRole, RoleSessionName).
pub const SESSION_NAME: Format<String> = Format {
    expected: "2 to 64 letters, digits and characters of _+=,.@-",
    parse: |text| {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
        let is_valid = (2..=64).contains(&text.len()) && text.bytes().all(is_allowed);
        is_valid.then(|| text.to_owned())
    },
};

/// AWS_RETRY_MODE and `retry_mode`. The value is only checked, because secrets-exec always retries by its own rules.
pub const RETRY_MODE: Format<()> = Format {
    expected: "legacy, standard or adaptive",
    parse: |text| choice(text, &[("legacy", ()), ("standard", ()), ("adaptive", ())]),
};

/// The default URL of the instance metadata service.
pub const METADATA_URL: &str = "http://169.254.169.254";

/// The URL of the instance metadata service for IPv6.
const METADATA_URL_IPV6: &str = "http://[fd00:ec2::254]";

/// The URL of the instance metadata service for a mode.
pub const METADATA_MODE: Format<&str> = Format {
    expected: "IPv4 or IPv6",
    parse: |text| choice(text, &[("ipv4", METADATA_URL), ("ipv6", METADATA_URL_IPV6)]),
};

/// Returns the value that belongs to a word, in upper or lower case. Returns `None` for any other word.
fn choice<T: Copy>(text: &str, choices: &[(&str, T)]) -> Option<T> {
    let mut choices = choices.iter();
    let chosen = choices.find(|(word, _)| word.eq_ignore_ascii_case(text));
    chosen.map(|(_, meaning)| *meaning)
}
