//! The places of AWS's settings, which are the variables and the profile, and the formats of their
//! values.

use std::path::Path;

use super::files::Profile;
use crate::model::env_variables::Inherited;
use crate::model::problem::Problem;
use crate::model::quoting::{invalid_value, is_quotable};
use crate::model::reference::Region;
use crate::model::url::HttpUrl;
use crate::system::os_error;

/// The variables, and the profile as soon as the configuration files have been read. A variable has
/// precedence over the profile, but both are checked. As in the AWS CLI, an empty variable or
/// setting is treated as unset.
pub struct Places<'a> {
    pub variables: &'a Inherited,
    profile: Option<Profile<'a>>,
    /// The errors of everything that was read so far.
    pub errors: Vec<Problem>,
}

impl<'a> Places<'a> {
    /// Returns the places before anything was read from them.
    pub fn new(variables: &'a Inherited, profile: Option<Profile<'a>>) -> Self {
        Self {
            variables,
            profile,
            errors: Vec::new(),
        }
    }

    /// Returns the value of a variable or else of the profile's setting, which has the same name in
    /// lower case and without `aws_`. An invalid value adds an error.
    pub fn read<T>(&mut self, variable: &'static str, format: &Format<T>) -> Option<T> {
        let in_variable = self.variable(variable, format);
        let key = variable.strip_prefix("AWS_").unwrap_or(variable);
        let in_profile = self.setting(&key.to_ascii_lowercase(), format);
        in_variable.or(in_profile)
    }

    /// Returns the value of a variable. An invalid value adds an error.
    pub fn variable<T>(&mut self, name: &'static str, format: &Format<T>) -> Option<T> {
        let value = self.variables.non_empty(name)?;
        let parsed = value.to_str().and_then(format.parse);
        if parsed.is_none() {
            let error = format.invalid(name, &value.to_string_lossy());
            self.refuse(error.help(format!("correct or unset {name}")));
        }
        parsed
    }

    /// Returns the text of a variable. A text that is not UTF-8 adds an error.
    pub fn text(&mut self, name: &'static str) -> Option<String> {
        self.variable(name, &TEXT)
    }

    /// Returns the value of a setting in the profile. An invalid value adds an error.
    pub fn setting<T>(&mut self, key: &str, format: &Format<T>) -> Option<T> {
        let parsed = self.profile?.parse_setting(key, format);
        parsed.map_err(|error| self.refuse(error)).ok()?
    }

    /// Returns the endpoint of a service in the `services` section that the profile names. An
    /// invalid URL adds an error.
    pub fn service_endpoint(&mut self, service: &str) -> Option<HttpUrl> {
        let profile = self.profile?;
        let text = profile.service_endpoint(service);
        let parsed = profile.parse_value(text, "services", &ENDPOINT);
        parsed.map_err(|error| self.refuse(error)).ok()?
    }

    /// Adds an error if a variable has the path of a file that can't be reached. With a profile,
    /// this does nothing, because the variables were read once before.
    pub fn check_file(&mut self, name: &'static str) {
        let path = self.variables.non_empty(name).map(Path::new);
        if self.profile.is_none()
            && let Some(path) = path
            && let Err(error) = path.metadata()
        {
            let shown = path.display().to_string();
            let file = match is_quotable(&shown) {
                true => format!("the file {shown:?}"),
                false => "the file".to_owned(),
            };
            let why = os_error::io_error_text(&error);
            let text = format!("{file} in {name} can't be read: {why}");
            self.refuse(Problem::configuration(text));
        }
    }

    /// Adds an error, unless the same one has been added before, because a variable was read twice.
    pub fn refuse(&mut self, error: Problem) {
        if !self.errors.contains(&error) {
            self.errors.push(error);
        }
    }
}

impl Profile<'_> {
    /// Returns the parsed value of a setting.
    ///
    /// # Errors
    /// When the value is invalid.
    pub fn parse_setting<T>(&self, key: &str, format: &Format<T>) -> Result<Option<T>, Problem> {
        self.parse_value(self.setting(key), key, format)
    }

    /// Parses a value that is in another section, to which the profile's setting `key` leads.
    ///
    /// # Errors
    /// When the value is invalid.
    pub fn parse_value<T>(
        &self,
        text: Option<&str>,
        key: &str,
        format: &Format<T>,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = text else { return Ok(None) };
        (format.parse)(text).map(Some).ok_or_else(|| {
            let setting = format!("{key} of the AWS profile {:?}", self.name);
            format.invalid(&setting, text)
        })
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
    /// Returns the error for a variable or a setting with an invalid value, which is quoted only if
    /// it can't be a secret.
    pub fn invalid(&self, name: &str, text: &str) -> Problem {
        Problem::usage(invalid_value(name, text, self.expected))
    }
}

/// Any text.
pub const TEXT: Format<String> = Format {
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

/// AWS_RETRY_MODE and `retry_mode`. The value is only checked, because secrets-exec always retries
/// by its own rules.
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

/// Returns the value that belongs to a word, in upper or lower case. Returns `None` for any other
/// word.
fn choice<T: Copy>(text: &str, choices: &[(&str, T)]) -> Option<T> {
    let mut choices = choices.iter();
    let chosen = choices.find(|(word, _)| word.eq_ignore_ascii_case(text));
    chosen.map(|(_, meaning)| *meaning)
}
