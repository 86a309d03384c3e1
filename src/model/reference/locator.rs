//! A resolved reference: a locator, which is one request, and a selector, which picks the value
//! from the answer. An alias, declared under `secrets:`, is a short name for a locator.

use std::collections::BTreeMap;
use std::fmt;

use jsonpath_rust::parser::model::JpQuery;
use jsonpath_rust::parser::parse_json_path;
use regex::Regex;

use super::arn::{Region, Role};
use super::secret_id::{ParameterPath, SecretId, Store, split_random_ending};
use crate::model::environment::is_name;
use crate::model::fault::Fault;
use crate::model::shown::{has_credential, shown, text_or};

/// One request: for a version of a secret or parameter, or for all parameters below a path.
/// References with the same locator share one request.
///
/// `R` is `Option<Region>`, where `None` is the default region. Once the region is known, `R` is
/// [`Region`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Locator<R = Option<Region>> {
    pub store: Store,
    pub id: SecretId,
    /// The region to ask.
    pub region: R,
    /// `None` for the default role, if there is one.
    pub role: Option<Role>,
    pub version: Version,
}

/// For a progress line: `secret prod/db in us-east-1`, `parameters below /prod/`.
impl fmt::Display for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_without_region(f)?;
        match &self.region {
            Some(region) => write!(f, " in {region}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Locator<Region> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_without_region(f)?;
        write!(f, " in {}", self.region)
    }
}

impl<R> Locator<R> {
    /// The same locator, with another region.
    pub fn in_region<S>(self, region: S) -> Locator<S> {
        Locator {
            store: self.store,
            id: self.id,
            region,
            role: self.role,
            version: self.version,
        }
    }

    /// Of an ARN, shows only the name. Credentials aren't masked until a progress line is printed:
    /// masking takes time, and a fast launch never prints one.
    fn fmt_without_region(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.id.name();
        let id = match split_random_ending(name) {
            Some((before, _)) if self.store == Store::SecretsManager && self.id.arn().is_some() => {
                before
            }
            _ => name,
        };
        if self.is_path() {
            write!(f, "parameters below {id}")
        } else {
            write!(f, "{} {id}", self.store)
        }
    }

    /// The id as written in a reference: `prod/db`, an ARN, or `ssm:` and a parameter's name.
    pub fn written_id(&self) -> String {
        match &self.id {
            SecretId::Name(name) => format!("{}{name}", self.store.prefix()),
            SecretId::Arn(arn) => arn.to_string(),
        }
    }

    /// True if messages mask a part of the id or the version.
    pub fn is_masked(&self) -> bool {
        self.version.stage().is_some_and(has_credential)
            || self.version.id().is_some_and(has_credential)
            || has_credential(&self.id.to_string())
    }

    /// [`Self::written_id`] for messages.
    pub fn shown_id(&self) -> String {
        shown(&self.written_id())
    }

    /// For a sentence, with credentials masked: `the secret "prod/db"`, `the path "/prod/"`.
    pub fn noun_phrase(&self) -> String {
        let id = shown(&self.id.to_string());
        if self.is_path() {
            return format!("the path \"{id}\"");
        }
        format!("the {} \"{id}\"", self.store)
    }

    /// What messages call a key of the document.
    pub fn key_noun(&self) -> &'static str {
        if self.is_path() { "parameter" } else { "key" }
    }

    /// `None` for a secret or a single parameter. A path ends with a slash, or with `/*` to leave
    /// out deeper levels. A parameter's name ends with neither.
    pub fn path(&self) -> Option<ParameterPath<'_>> {
        let name = self.id.name().trim_end_matches('*');
        if self.store != Store::ParameterStore || !name.ends_with('/') {
            return None;
        }
        let is_recursive = name == self.id.name();
        Some(ParameterPath { name, is_recursive })
    }

    pub fn is_path(&self) -> bool {
        self.path().is_some()
    }
}

/// A reference whose alias and variables have been replaced.
#[derive(Clone, Debug, PartialEq)]
pub struct SecretRef {
    pub locator: Locator,
    pub selector: Selector,
}

impl SecretRef {
    /// Refuses a path. `written` is the reference or alias as the user wrote it, for the help.
    pub fn single(self, written: &dyn fmt::Display) -> Result<Self, Fault> {
        let Some(path) = self.locator.path() else {
            return Ok(self);
        };
        let ending = if path.is_recursive { "slash" } else { "\"/*\"" };
        let text = format!("ends with a {ending}, so it is a path, not one parameter");
        let written = written.to_string();
        let path = text_or("ssm:/PATH/", &written);
        let help = format!("name a single parameter, or read the path with --env-from {path}");
        Err(Fault::new(text).help(help))
    }
}

/// The part of a secret that becomes the value.
#[derive(Clone, Debug, PartialEq)]
pub enum Selector {
    /// The whole secret, byte for byte.
    Whole,
    /// A top-level key in a JSON object. A dot in the key has no special meaning.
    Key(String),
    /// A JSONPath, which must match exactly one value.
    Path(JsonPath),
}

impl Selector {
    /// Parses KEY. `None` if it is an invalid JSONPath, or a top-level key with `${`, because
    /// variables aren't replaced in KEY.
    pub fn parse(key: &str) -> Option<Self> {
        if key.is_empty() {
            return Some(Self::Whole);
        }
        if !key.starts_with('$') && !key.contains("${") {
            return Some(Self::Key(key.to_owned()));
        }
        JsonPath::parse(key).map(Self::Path)
    }

    /// The field KEY for messages, with credentials masked.
    pub fn shown(&self) -> String {
        shown(&self.to_string())
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => Ok(()),
            Self::Key(key) => f.write_str(key),
            Self::Path(path) => f.write_str(&path.text),
        }
    }
}

/// A JSONPath (RFC 9535) and its parsed query.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonPath {
    text: String,
    query: JpQuery,
}

impl JsonPath {
    pub fn query(&self) -> &JpQuery {
        &self.query
    }

    /// The path for messages.
    pub fn shown(&self) -> String {
        shown(&self.text)
    }

    /// `None` if the path or one of its regular expressions is invalid, or if it has more than
    /// seven `(`, because jsonpath_rust takes exponential time to parse nested functions.
    pub fn parse(text: &str) -> Option<Self> {
        if !text.starts_with('$') || text.matches('(').count() > 7 {
            return None;
        }
        let query = parse_json_path(text).ok()?;
        // Check the regular expressions. Each is the last argument of a function, and `\\` in a
        // string is one backslash.
        let argument = Regex::new(r#",\s*["']((?:[^"'\\]|\\.)*)["']\s*\)"#).ok()?;
        for found in argument.captures_iter(text) {
            Regex::new(&found[1].replace(r"\\", r"\")).ok()?;
        }
        Some(Self {
            text: text.to_owned(),
            query,
        })
    }

    /// True for `$.password`, `$..password` and `$['user', 'password']`.
    pub fn begins_with_name(&self) -> bool {
        let first = self.text.trim_start_matches(['$', '.', '[', ' ']);
        // A path that doesn't begin with a name begins with an index, a slice, a wildcard or a
        // filter.
        !first.is_empty() && !first.starts_with(|c: char| c.is_ascii_digit() || "-:*?".contains(c))
    }
}

/// A short name for a secret, declared under `secrets:`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Alias {
    /// A secret's name or ARN, or `ssm:` and a parameter's name or a path. It may contain
    /// `${NAME}`, but can't be the name of another alias.
    pub id: String,
    /// The version to read, unless the reference has one.
    pub version: Version,
    /// The region to ask, unless `id` is an ARN.
    pub region: Option<Region>,
    pub role: Option<Role>,
    /// The place of the alias for messages, such as `prod.yaml:3`.
    pub place: String,
}

/// The aliases by name. An alias takes precedence over a secret of the same name.
pub type Aliases = BTreeMap<String, Alias>;

/// Words that can't be aliases: prefixes of references, and `env`, which stands for inherited
/// variables in templates.
const RESERVED: [&str; 3] = ["arn", "ssm", "env"];

/// Checks the name of an alias.
pub fn validate_alias_name(name: &str) -> Result<(), &'static str> {
    if name.contains('/') {
        return Err("isn't a valid alias: put the alias first, as in ALIAS: SECRET");
    }
    if !is_name(name) {
        return Err(
            "isn't a valid alias: use only letters, digits and \"_\", and don't start with a digit",
        );
    }
    if RESERVED.contains(&name) {
        return Err("isn't a valid alias, because it is a reserved word");
    }
    Ok(())
}

/// The version to read. By default, the secret's version with the label AWSCURRENT, or the
/// parameter's newest version.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    id: Option<String>,
    /// A parameter can have a label or an id, but not both ([`Self::validate`]).
    label: Option<String>,
}

pub const AWSCURRENT: &str = "AWSCURRENT";

/// In characters (`SecretVersionStageType` in AWS's API reference).
const MAX_STAGE_LENGTH: usize = 256;

/// In characters (`SecretVersionIdType` in AWS's API reference).
const ID_LENGTHS: std::ops::RangeInclusive<usize> = 32..=64;

impl Version {
    /// Checks the version against AWS's rules for this store.
    pub fn validate(&self, store: Store) -> Result<(), &'static str> {
        let label = self.label().unwrap_or_default();
        if label.chars().count() > MAX_STAGE_LENGTH {
            return Err("has a staging label that is longer than 256 characters");
        }
        match (store, self.id()) {
            (Store::SecretsManager, Some(id)) if !ID_LENGTHS.contains(&id.chars().count()) => {
                Err("has a version id that isn't 32 to 64 characters long")
            }
            (Store::ParameterStore, Some(_)) if self.label.is_some() => {
                Err("has both a label and a version, but a parameter can have only one of them")
            }
            // AWS's version numbers are signed 64-bit integers. They have no plus sign, but `parse`
            // would accept one.
            (Store::ParameterStore, Some(id))
                if id.starts_with('+') || !id.parse::<i64>().is_ok_and(|n| n > 0) =>
            {
                Err("has a version that isn't a positive number")
            }
            (Store::ParameterStore, None) if label.starts_with(|c: char| c.is_ascii_digit()) => {
                Err(
                    "has a label that begins with a digit (write one more colon before a version: ssm:/NAME:::3)",
                )
            }
            (Store::SecretsManager | Store::ParameterStore, _) => Ok(()),
        }
    }

    pub const CURRENT: Self = Self {
        id: None,
        label: None,
    };

    /// AWSCURRENT without a VERSION-ID is the same as no version.
    pub fn new(stage: Option<String>, id: Option<String>) -> Self {
        let label = stage.filter(|stage| id.is_some() || stage != AWSCURRENT);
        Self { id, label }
    }

    /// The staging label to request.
    pub fn stage(&self) -> Option<&str> {
        if self.id.is_some() {
            return self.label();
        }
        Some(self.label().unwrap_or(AWSCURRENT))
    }

    /// The label in the reference or the alias. `None` for the default.
    pub fn label(&self) -> Option<&str> {
        self.label.as_deref()
    }

    /// True if an answer with this id and these labels is for the requested version. If the answer
    /// has no id or no labels, they aren't checked.
    pub fn is_answered_by(&self, id: Option<&str>, stages: &[String]) -> bool {
        let has_id = self
            .id()
            .is_none_or(|requested| id.is_none_or(|id| id == requested));
        let has_stage = self.stage().is_none_or(|requested| {
            stages.is_empty() || stages.iter().any(|stage| stage == requested)
        });
        has_id && has_stage
    }

    /// The version id to request. For a parameter, this is the version number.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }
}
