//! Aliases: short names that a declaration gives to secrets.

use std::collections::BTreeMap;

use super::region::Region;
use super::role::Role;
use super::version::Version;

/// What an alias stands for: a secret and, where they differ from the defaults, its version, region and role.
#[derive(Clone, Debug, PartialEq)]
pub struct Alias {
    /// A secret's name or ARN, with `${NAME}` still in it. Never another alias.
    pub id: String,
    /// The version, unless a reference names one itself.
    pub version: Version,
    /// Where it is read, unless `id` is an ARN.
    pub region: Option<Region>,
    /// The role it is read with.
    pub role: Option<Role>,
}

/// The aliases that are in force, by name. They win over a secret of the same name.
#[derive(Clone, Debug, Default)]
pub struct Aliases(BTreeMap<String, Alias>);

/// Words that mean something else where a name of an alias could stand: in a reference, or in a template (Jinja's words,
/// also those that a template of ours cannot use, and the names that MiniJinja defines itself).
const RESERVED: &[&str] = &[
    // Prefixes of references.
    "arn",
    "ssm",
    // Jinja's own words.
    "and",
    "as",
    "autoescape",
    "block",
    "break",
    "call",
    "caller",
    "continue",
    "dict",
    "do",
    "elif",
    "else",
    "endautoescape",
    "endblock",
    "endcall",
    "endfilter",
    "endfor",
    "endif",
    "endmacro",
    "endraw",
    "endset",
    "endwith",
    "extends",
    "false",
    "False",
    "filter",
    "for",
    "from",
    "if",
    "import",
    "in",
    "include",
    "is",
    "loop",
    "macro",
    "namespace",
    "none",
    "None",
    "not",
    "or",
    "range",
    "raw",
    "recursive",
    "self",
    "set",
    "super",
    "true",
    "True",
    "with",
];

/// A text that cannot be the name of an alias.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AliasNameError {
    /// Not `[A-Za-z_][A-Za-z0-9_]*`.
    Illegal,
    /// A prefix of references, or a word of the template language.
    Reserved,
}

impl Aliases {
    /// The alias of that name.
    pub fn get(&self, name: &str) -> Option<&Alias> {
        self.0.get(name)
    }

    /// Adds one, in place of an earlier one of the same name.
    pub fn insert(&mut self, name: String, alias: Alias) {
        self.0.insert(name, alias);
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Adds the aliases of a later layer.
    pub fn extend(&mut self, later: &Self) {
        self.0.extend(later.0.iter().map(|(name, alias)| (name.clone(), alias.clone())));
    }

    /// Whether `name` may be given to an alias.
    ///
    /// # Errors
    /// When it is not a name, or means something else where it would stand.
    pub fn check_name(name: &str) -> Result<(), AliasNameError> {
        if !crate::model::env_name::is_name(name) {
            return Err(AliasNameError::Illegal);
        }
        if RESERVED.contains(&name) {
            return Err(AliasNameError::Reserved);
        }
        Ok(())
    }
}
