//! A reader of environment variables that collects every error.

use std::ffi::OsStr;
use std::path::PathBuf;

use super::values::URL_EXPECTED;
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
