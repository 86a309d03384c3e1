//! A reference that has been looked up. It consists of a locator, which is one request (a secret or
//! parameter, its version, its region and the role that reads it), and a selector, which says what
//! KEY takes from the answer. An alias, from `secrets:` in a declaration, is a short name for a
//! locator.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroUsize;

use jsonpath_rust::parser::model::JpQuery;
use jsonpath_rust::parser::parse_json_path;

use super::arn::{Region, Role, Store};
use super::secret_id::{ReferenceError, SecretId};
use super::version::Version;
use crate::model::env_name::is_name;

/// A version of a secret or parameter. References with the same locator need only one request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Locator {
    pub store: Store,
    pub id: SecretId,
    /// The region. `None` for the default one. If an alias has a region and its id is an ARN, the
    /// region of the ARN applies.
    pub region: Option<Region>,
    /// The role that reads the secret. `None` for the default one.
    pub role: Option<Role>,
    pub version: Version,
}

/// Writes the name of a request in progress lines and traces: `secret prod/db in us-east-1`,
/// `parameters below /prod/`.
impl fmt::Display for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_path() {
            write!(f, "parameters below {}", self.id)?;
        } else {
            write!(f, "{} {}", self.store, self.id)?;
        }
        match &self.region {
            Some(region) => write!(f, " in {region}"),
            None => Ok(()),
        }
    }
}

impl Locator {
    /// Returns the id as it is written in a reference: the name of a parameter begins with `ssm:`.
    pub fn written_id(&self) -> String {
        match (self.store, &self.id) {
            (Store::ParameterStore, SecretId::Name(name)) => format!("ssm:{name}"),
            (Store::SecretsManager | Store::ParameterStore, id) => id.to_string(),
        }
    }

    /// Returns the secret or parameter as the subject of a sentence: `the secret "prod/db"`, `the
    /// path "/prod/"`.
    pub fn noun(&self) -> String {
        let what = if self.is_path() {
            "path".to_owned()
        } else {
            self.store.to_string()
        };
        format!("the {what} \"{}\"", self.id)
    }

    /// Returns a parameter below a path as the subject of a sentence. `parameter_name` is the part
    /// of its name after the path. If it is `None`, returns [`Self::noun`].
    pub fn noun_of(&self, parameter_name: Option<&str>) -> String {
        match parameter_name {
            Some(rest) => format!("the parameter \"{}{rest}\"", self.id),
            None => self.noun(),
        }
    }

    /// True for a path, which means all parameters below it.
    pub fn is_path(&self) -> bool {
        self.id.is_path(self.store)
    }
}

/// A reference that has been looked up: the request, and the part of the answer that becomes the
/// value.
#[derive(Clone, Debug, PartialEq)]
pub struct SecretRef {
    pub locator: Locator,
    pub selector: Selector,
}

impl SecretRef {
    /// Checks that a path begins with a slash and doesn't have a KEY, LABEL or VERSION. A reference
    /// to a secret or to one parameter isn't checked.
    ///
    /// # Errors
    /// The defect, as a predicate of a sentence about the reference.
    pub fn validate_path(&self) -> Result<(), &'static str> {
        let Locator { id, version, .. } = &self.locator;
        if !self.locator.is_path() {
            Ok(())
        } else if id.arn().is_none() && !id.name().starts_with('/') {
            Err("is a path, which must begin with a slash, as in ssm:/prod/app/")
        } else if self.selector != Selector::Whole || *version != Version::Current {
            Err(
                "has a key, a label or a version after a path, which stands for all parameters below it",
            )
        } else {
            Ok(())
        }
    }

    /// Returns the reference if it is for one secret or parameter.
    ///
    /// # Errors
    /// If it is a path.
    pub fn single(self) -> Result<Self, ReferenceError> {
        if !self.locator.is_path() {
            return Ok(self);
        }
        let defect = "ends with a slash, so it stands for all parameters below that path";
        let help = "remove the slash at the end to read one parameter; to set a variable for each parameter below the path, write --env-from ssm:/prod/app/, \
                    or env-from: [\"ssm:/prod/app/\"] in a declaration";
        Err(ReferenceError::new(defect).help(help))
    }
}

/// The part of a secret that becomes the value.
#[derive(Clone, Debug, PartialEq)]
pub enum Selector {
    /// The whole secret, byte for byte.
    Whole,
    /// A top-level key of a JSON object, taken literally.
    Key(String),
    /// The one node that an RFC 9535 path matches.
    Path(JsonPath),
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

/// An RFC 9535 query as written, and parsed.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonPath {
    pub text: String,
    pub query: JpQuery,
}

/// The maximum number of steps for parsing a path. Only a path with some ten nested functions needs
/// more, and the parser could be busy with such a path for minutes.
const MAX_STEPS: Option<NonZeroUsize> = NonZeroUsize::new(1_000_000);

impl JsonPath {
    /// Parses a JSONPath, which begins with `$`. Returns `None` for any other text, and for a path
    /// that takes more than [`MAX_STEPS`] steps.
    ///
    /// Sets the limit of the crate `pest` for the whole process. Only the parser of JSONPaths uses
    /// that crate.
    pub fn parse(text: &str) -> Option<Self> {
        if !text.starts_with('$') {
            return None;
        }
        pest::set_call_limit(MAX_STEPS);
        let query = parse_json_path(text).ok()?;
        Some(Self {
            text: text.to_owned(),
            query,
        })
    }
}

/// The secret that an alias stands for and, if they are given, its version, region and role.
#[derive(Clone, Debug, PartialEq)]
pub struct Alias {
    /// The id of a secret, a parameter or a path, as a reference would have it: a name, an ARN, or
    /// `ssm:` and a name. `${NAME}` in it hasn't been expanded. An alias can't stand for another
    /// alias.
    pub id: String,
    /// The version. It applies unless the reference names another one.
    pub version: Version,
    /// The region. It applies unless `id` is an ARN.
    pub region: Option<Region>,
    pub role: Option<Role>,
}

/// Aliases by name. An alias overrides a secret of the same name.
pub type Aliases = BTreeMap<String, Alias>;

/// Words that can't be the name of an alias: prefixes of references, `env`, Jinja's keywords, and
/// the names that MiniJinja defines.
const RESERVED: &str = "\
    arn ssm env and as autoescape block break call caller continue dict do elif else endautoescape endblock endcall endfilter endfor \
    endif endmacro endraw endset endwith extends false False filter for from if import in include is loop macro namespace none None \
    not or range raw recursive self set super true True with";

/// Checks the name of an alias.
///
/// # Errors
/// The message about a reserved word, or about a name that a variable couldn't have.
pub fn validate_alias_name(name: &str) -> Result<(), String> {
    let why = match name {
        _ if !is_name(name) => {
            "an alias can only have letters, digits and \"_\", and can't begin with a digit"
        }
        _ if RESERVED.split(' ').any(|word| word == name) => "it is a reserved word",
        _ => return Ok(()),
    };
    Err(format!(
        "{name:?} can't be the name of an alias, because {why}"
    ))
}
