//! A reference that has been looked up: a locator, which is one request, and a selector, which says
//! what KEY selects from the document. An alias, from `secrets:` in a declaration, is a short name
//! for a locator.
//!
//! A locator also names the version to read: a staging label or a version id of a secret, or a
//! label or a version number of a parameter.

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

/// One request, for a version of a secret or parameter, or for the parameters below a path.
/// References with the same locator share the request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Locator {
    pub store: Store,
    pub id: SecretId,
    /// `None` for the default region.
    pub region: Option<Region>,
    /// The role that reads the secret. `None` for the default one.
    pub role: Option<Role>,
    pub version: Version,
}

/// Writes the name of a request for progress lines: `secret prod/db in us-east-1`, `parameters
/// below /prod/`. An ARN is too long for a line of a terminal, so only the name in it is written.
/// Credentials in the name are masked by the progress line, not here, so that a launch that is too
/// fast for a progress line doesn't spend time on them.
impl fmt::Display for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.id.name();
        let id = match split_random_ending(name) {
            Some((before, _)) if self.store == Store::SecretsManager && self.id.arn().is_some() => {
                before
            }
            _ => name,
        };
        if self.is_path() {
            write!(f, "parameters below {id}")?;
        } else {
            write!(f, "{} {id}", self.store)?;
        }
        match &self.region {
            Some(region) => write!(f, " in {region}"),
            None => Ok(()),
        }
    }
}

impl Locator {
    /// The id as it is written in a reference: the name of a parameter begins with `ssm:`.
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

    /// [`Self::written_id`] as messages show it.
    pub fn shown_id(&self) -> String {
        shown(&self.written_id())
    }

    /// The secret or parameter as the subject of a sentence: `the secret "prod/db"`, `the path
    /// "/prod/"`.
    pub fn noun(&self) -> String {
        let id = shown(&self.id.to_string());
        if self.is_path() {
            return format!("the path \"{id}\"");
        }
        format!("the {} \"{id}\"", self.store)
    }

    /// What messages call a key of the document. The keys of a path are names of parameters.
    pub fn key_noun(&self) -> &'static str {
        if self.is_path() { "parameter" } else { "key" }
    }

    /// The requested path, or `None` for a secret or a parameter. A path ends with a slash or, if
    /// it leaves out deeper levels, with `/*`. The name of a parameter never does.
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

/// A reference that has been looked up.
#[derive(Clone, Debug, PartialEq)]
pub struct SecretRef {
    pub locator: Locator,
    pub selector: Selector,
}

impl SecretRef {
    /// Returns the reference if it is for one secret or parameter. `written` is the reference as
    /// the user has written it, or the id of the alias.
    ///
    /// # Errors
    /// If the reference is to a path.
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
    /// A top-level key of a JSON object, taken literally.
    Key(String),
    /// The only node that a JSONPath (RFC 9535) matches.
    Path(JsonPath),
}

impl Selector {
    /// Parses KEY: nothing, a top-level key, or a JSONPath, which begins with `$`. `None` if the
    /// JSONPath isn't valid, or if a key has `${`, which isn't replaced there.
    pub fn parse(key: &str) -> Option<Self> {
        if key.is_empty() {
            return Some(Self::Whole);
        }
        if !key.starts_with('$') && !key.contains("${") {
            return Some(Self::Key(key.to_owned()));
        }
        JsonPath::parse(key).map(Self::Path)
    }

    /// The KEY as messages show it.
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

/// A JSONPath (RFC 9535) as written, and parsed.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonPath {
    text: String,
    query: JpQuery,
}

impl JsonPath {
    pub fn query(&self) -> &JpQuery {
        &self.query
    }

    /// The path as messages show it.
    pub fn shown(&self) -> String {
        shown(&self.text)
    }

    /// Parses a JSONPath, which begins with `$`. `None` if it isn't valid, if it has a regular
    /// expression that can't be compiled, so that it would find nothing, or if it has more than
    /// seven `(`, because jsonpath_rust takes exponential time to parse nested functions.
    pub fn parse(text: &str) -> Option<Self> {
        if !text.starts_with('$') || text.matches('(').count() > 7 {
            return None;
        }
        let query = parse_json_path(text).ok()?;
        // A regular expression is the last argument of a function. In a string, `\\` is a backslash.
        let argument = Regex::new(r#",\s*["']((?:[^"'\\]|\\.)*)["']\s*\)"#).ok()?;
        for found in argument.captures_iter(text) {
            Regex::new(&found[1].replace(r"\\", r"\")).ok()?;
        }
        Some(Self {
            text: text.to_owned(),
            query,
        })
    }

    /// True if the first step of the path selects by a name, as in `$.password`, `$..password` or
    /// `$['user', 'password']`.
    pub fn begins_with_name(&self) -> bool {
        let first = self.text.trim_start_matches(['$', '.', '[', ' ']);
        // Otherwise, it is an index, a slice, a wildcard or a filter.
        !first.is_empty() && !first.starts_with(|c: char| c.is_ascii_digit() || "-:*?".contains(c))
    }
}

/// The secret that an alias stands for and, if they are given, its version, region and role.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Alias {
    /// The id of a secret, a parameter or a path, written as in a reference: a name, an ARN, or
    /// `ssm:` and a name. `${NAME}` in the id hasn't been expanded. An alias can't stand for
    /// another alias.
    pub id: String,
    /// Applies unless the reference has a version itself.
    pub version: Version,
    /// Applies unless `id` is an ARN.
    pub region: Option<Region>,
    pub role: Option<Role>,
    /// The file and the line of the alias, for messages: `prod.yaml:3`.
    pub place: String,
}

/// Aliases by name. An alias overrides a secret of the same name.
pub type Aliases = BTreeMap<String, Alias>;

/// Words that can't be the name of an alias: the prefixes of references, and `env`, the inherited
/// variables in a template.
const RESERVED: [&str; 3] = ["arn", "ssm", "env"];

/// Checks the name of an alias.
///
/// # Errors
/// If the name is a reserved word, or isn't legal for a variable. The error is the end of a
/// sentence that begins with the name.
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

/// The version of a secret or parameter to request. The default is the version of a secret with
/// the staging label AWSCURRENT, or the newest version of a parameter.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    id: Option<String>,
    /// The label that the version must have. A parameter can't have both an id and a label (see
    /// [`Self::validate`]).
    label: Option<String>,
}

pub const AWSCURRENT: &str = "AWSCURRENT";

/// The maximum length of a staging label, in characters (`SecretVersionStageType` in the API
/// reference).
const MAX_STAGE_LENGTH: usize = 256;

/// The possible lengths of a version id, in characters (`SecretVersionIdType` in the API
/// reference).
const ID_LENGTHS: std::ops::RangeInclusive<usize> = 32..=64;

impl Version {
    /// Checks a version that the user has written against AWS's rules for the store.
    ///
    /// # Errors
    /// If a secret or parameter can't have such a version. The error is the predicate of a sentence
    /// about the reference.
    pub fn validate(&self, store: Store) -> Result<(), &'static str> {
        use Store::{ParameterStore, SecretsManager};
        Err(match (store, self.stage(), self.id()) {
            (_, Some(stage), _) if stage.chars().count() > MAX_STAGE_LENGTH => {
                "has a staging label that is longer than 256 characters"
            }
            (SecretsManager, _, Some(id)) if !ID_LENGTHS.contains(&id.chars().count()) => {
                "has a version id that isn't 32 to 64 characters long"
            }
            (ParameterStore, Some(_), Some(_)) => {
                "has both a label and a version, but a parameter can have only one of them"
            }
            (ParameterStore, Some(label), _) if label.starts_with(|c: char| c.is_ascii_digit()) => {
                "has a label that begins with a digit (write one more colon before a version: ssm:/NAME:::3)"
            }
            // AWS stores the number in a signed integer of 64 bits. `parse` also accepts a plus
            // sign.
            (ParameterStore, _, Some(id))
                if id.starts_with('+') || !id.parse::<i64>().is_ok_and(|n| n > 0) =>
            {
                "has a version that isn't a positive number"
            }
            (SecretsManager | ParameterStore, _, _) => return Ok(()),
        })
    }

    pub const CURRENT: Self = Self {
        id: None,
        label: None,
    };

    /// Creates a version from STAGE and VERSION-ID.
    pub fn new(stage: Option<String>, id: Option<String>) -> Self {
        let label = stage.filter(|stage| id.is_some() || stage != AWSCURRENT);
        Self { id, label }
    }

    /// The staging label to request. `None` for a version id without a label.
    pub fn stage(&self) -> Option<&str> {
        if self.id.is_some() {
            return self.label();
        }
        Some(self.label().unwrap_or(AWSCURRENT))
    }

    /// The label to request for a parameter. `None` for a version number, and for the newest
    /// version, which AWS returns if a request has neither.
    pub fn label(&self) -> Option<&str> {
        self.label.as_deref()
    }

    /// True if an answer with this version id and these staging labels is for this version. The
    /// answer may leave out its id or its labels.
    pub fn is_answered_by(&self, id: Option<&str>, stages: &[String]) -> bool {
        let has_id = self
            .id()
            .is_none_or(|requested| id.is_none_or(|id| id == requested));
        let has_stage = self.stage().is_none_or(|requested| {
            stages.is_empty() || stages.iter().any(|stage| stage == requested)
        });
        has_id && has_stage
    }

    /// The version id to request, or the number of a parameter's version.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }
}
