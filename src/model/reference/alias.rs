//! Aliases: short names for secrets, from `secrets:` in a declaration.

use std::collections::BTreeMap;

use super::arn::{Region, Role};
use super::version::Version;
use crate::model::env_name::is_name;

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
        _ if !is_name(name) => " ([A-Za-z_][A-Za-z0-9_]*)",
        _ if RESERVED.split(' ').any(|word| word == name) => ": it is a reserved word",
        _ => return Ok(()),
    };
    Err(format!("{name:?} cannot be the name of an alias{why}"))
}
