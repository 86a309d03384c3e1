//! What our options and AWS's variables say about reading, checked before anything is asked: an invalid one is an error,
//! never a panic in the SDK and never ignored.

use std::ffi::OsStr;

use super::environment::{URLS, parse_proxy};
use super::expected::URL_EXPECTED;
use crate::backend::aws::protocol::Endpoint;
use crate::model::inherited::Inherited;
use crate::model::url::check_url;
use crate::net::proxy::ProxySettings;

/// A variable of AWS's, or of everybody's, that is not what it must be.
#[derive(Debug, PartialEq, Eq)]
pub struct VariableError {
    /// The variable.
    pub name: &'static str,
    /// The variable's value; `None` if it may be secret.
    pub text: Option<String>,
    /// What it takes.
    pub expected: &'static str,
}

/// Reads variables, and gathers what is wrong with them.
pub struct Reader<'a> {
    inherited: &'a Inherited,
    errors: Vec<VariableError>,
}

impl<'a> Reader<'a> {
    pub fn new(inherited: &'a Inherited) -> Self {
        Self { inherited, errors: Vec::new() }
    }

    /// What was made of the variables, unless one of them is wrong.
    pub fn finish<T>(self, read: T) -> Result<T, Vec<VariableError>> {
        if self.errors.is_empty() { Ok(read) } else { Err(self.errors) }
    }

    /// What a variable holds, if it is set and not empty, which counts as not set.
    pub fn parse<T>(
        &mut self,
        name: &'static str,
        expected: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        self.read(name, expected, parse, |value| Some(value.to_string_lossy().into_owned()))
    }

    /// The same of a variable that may hold a secret: its value is not quoted when it is wrong.
    pub fn parse_secret<T>(
        &mut self,
        name: &'static str,
        expected: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        self.read(name, expected, parse, |_| None)
    }

    pub fn text(&mut self, name: &'static str) -> Option<String> {
        self.parse_secret(name, "text in UTF-8", |text| Some(text.to_owned()))
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
        let error = VariableError { name, text: quote(value), expected };
        if parsed.is_none() && !self.errors.contains(&error) {
            self.errors.push(error);
        }
        parsed
    }

    /// The variable of a service before the one of all. Each is read once more for each service, and told once.
    pub fn endpoint(&mut self, name: &'static str) -> Endpoint {
        let mut url = |name| self.parse(name, URL_EXPECTED, |text| check_url(text.to_owned()).ok());
        let (own, general) = (url(name), url("AWS_ENDPOINT_URL"));
        Endpoint { option: None, configured: own.or(general) }
    }

    /// Lower case first, as in curl and Python. A CGI server puts a request's header `Proxy` into HTTP_PROXY (CVE-2016-5385,
    /// "httpoxy"), so under REQUEST_METHOD only the name in lower case counts.
    pub fn proxy(&mut self) -> ProxySettings {
        let is_cgi = self.inherited.get("REQUEST_METHOD").is_some();
        let mut proxy = |lower, upper| {
            let is_lower = self.inherited.filled(lower).is_some() || is_cgi && upper == "HTTP_PROXY";
            let name = if is_lower { lower } else { upper };
            self.parse(name, "a proxy's URL, like http://proxy.example.com:3128", parse_proxy)
        };
        let (https, http, all) =
            (proxy("https_proxy", "HTTPS_PROXY"), proxy("http_proxy", "HTTP_PROXY"), proxy("all_proxy", "ALL_PROXY"));
        let none = self.text("no_proxy").or_else(|| self.text("NO_PROXY"));
        let near = URLS.iter().filter_map(|name| self.inherited.filled(name)?.to_str().map(str::to_owned)).collect();
        ProxySettings { http, https, all, none, near }
    }
}
