//! A reference that is looked up: a locator (the unit of a request: a secret or parameter, its version, its region and the role to read it
//! with) and a selector (the part of the secret, by KEY). An alias is a short name for a locator, from `secrets:` in a declaration.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroUsize;

use jsonpath_rust::parser::model::JpQuery;
use jsonpath_rust::parser::parse_json_path;

use super::arn::{Region, Role, Store};
use super::secret_id::{ReferenceError, SecretId};
use super::version::Version;
use crate::model::env_name::is_name;

/// A version of a secret or parameter. Equal locators are one request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Locator {
    pub store: Store,
    pub id: SecretId,
    /// `None` for the default region. The region of an ARN overrides that of an alias.
    pub region: Option<Region>,
    /// `None` for the default role.
    pub role: Option<Role>,
    pub version: Version,
}

/// The name of a request in progress lines and traces.
impl fmt::Display for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.region {
            Some(region) => write!(f, "{} in {region}", self.name()),
            None => f.write_str(&self.name()),
        }
    }
}

impl Locator {
    /// The id as a reference spells it: a parameter's name has the prefix `ssm:`.
    pub fn written_id(&self) -> String {
        match (self.store, &self.id) {
            (Store::ParameterStore, SecretId::Name(name)) => format!("ssm:{name}"),
            (Store::SecretsManager | Store::ParameterStore, id) => id.to_string(),
        }
    }

    /// `secret prod/db`, `parameter /prod/db`, `parameters below /prod/`
    pub fn name(&self) -> String {
        if self.is_path() {
            format!("parameters below {}", self.id)
        } else {
            format!("{} {}", self.store, self.id)
        }
    }

    /// The secret or parameter as the subject of a sentence: `the secret "prod/db"`, `the path "/prod/"`.
    pub fn noun(&self) -> String {
        let what = if self.is_path() {
            "path".to_owned()
        } else {
            self.store.to_string()
        };
        format!("the {what} \"{}\"", self.id)
    }

    /// The same or, with the rest of its name, one parameter below a path.
    pub fn noun_of(&self, parameter_name: Option<&str>) -> String {
        match parameter_name {
            Some(rest) => format!("the parameter \"{}{rest}\"", self.id),
            None => self.noun(),
        }
    }

    /// True for the path of all parameters below it.
    pub fn is_path(&self) -> bool {
        self.id.is_path(self.store)
    }
}

/// A reference that is looked up: the request, and the part of the answer.
#[derive(Clone, Debug, PartialEq)]
pub struct SecretRef {
    pub locator: Locator,
    pub selector: Selector,
}

impl SecretRef {
    /// Checks that a path is absolute and has no KEY, LABEL or VERSION.
    ///
    /// # Errors
    /// The defect as a predicate, without the text of the path.
    pub fn validate_path(&self) -> Result<(), &'static str> {
        let Locator { id, version, .. } = &self.locator;
        if !self.locator.is_path() {
            Ok(())
        } else if id.arn().is_none() && !id.name().starts_with('/') {
            Err("is a path that doesn't begin with a slash (as in ssm:/prod/app/)")
        } else if self.selector != Selector::Whole || *version != Version::Current {
            Err("has a key, a label or a version, which a path of parameters can't have")
        } else {
            Ok(())
        }
    }

    /// The reference as one to a single secret or parameter.
    ///
    /// # Errors
    /// If it is a path of parameters.
    pub fn single(self) -> Result<Self, ReferenceError> {
        if !self.locator.is_path() {
            return Ok(self);
        }
        let defect = "ends with a slash, so it stands for all parameters below that path";
        let help = "remove the slash to read one parameter, or use `env-from` to read them all";
        Err(ReferenceError::of_reference(defect).help(help))
    }
}

/// The part of a secret that becomes the value.
#[derive(Clone, Debug, PartialEq)]
pub enum Selector {
    /// The whole secret, byte for byte.
    Whole,
    /// A top-level key of a JSON object, taken literally.
    Key(String),
    /// The only node that an RFC 9535 path matches.
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

/// The most steps in which a path is parsed. Only nested functions take more, some ten of them.
const MAX_STEPS: Option<NonZeroUsize> = NonZeroUsize::new(1_000_000);

impl JsonPath {
    /// Parses a path; `None` for any other text.
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

/// A secret and, where they differ from the defaults, its version, region and role.
#[derive(Clone, Debug, PartialEq)]
pub struct Alias {
    /// The name or ARN of a secret, in which `${NAME}` is not expanded yet. An alias of another alias is not supported.
    pub id: String,
    /// The version, unless the reference names one.
    pub version: Version,
    /// The region, unless `id` is an ARN.
    pub region: Option<Region>,
    pub role: Option<Role>,
}

/// Aliases by name. An alias overrides a secret of the same name.
pub type Aliases = BTreeMap<String, Alias>;

/// Words that are no names of aliases: prefixes of references, `env`, Jinja's keywords, and the names that MiniJinja defines.
const RESERVED: &str = "\
    arn ssm env and as autoescape block break call caller continue dict do elif else endautoescape endblock endcall endfilter endfor \
    endif endmacro endraw endset endwith extends false False filter for from if import in include is loop macro namespace none None \
    not or range raw recursive self set super true True with";

/// Checks that `name` can be the name of an alias.
///
/// # Errors
/// The message about any other text, and about a reserved word.
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
