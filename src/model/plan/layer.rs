//! The layers that a plan is made of: the entries of one source, as they are written.

use crate::model::entry::{Entry, EnvFrom};
use crate::model::reference::Aliases;

/// The entries of one declaration, of the inherited variables, or of the command line.
#[derive(Debug, Default)]
pub struct Layer {
    /// Aliases for this layer and all later ones.
    pub aliases: Aliases,
    /// Entries, no two of which set the same variable or path.
    pub entries: Vec<Entry>,
    /// Objects whose keys give variables. An entry of this layer overrides a key.
    pub env_from: Vec<EnvFrom>,
    /// The credentials of units, each unit once. A launch passes over them.
    pub credentials: Vec<UnitCredentials>,
}

/// The credentials that one unit may load, or each unit whose name matches a pattern.
#[derive(Debug)]
pub struct UnitCredentials {
    /// The name or the pattern.
    pub unit: String,
    /// Their targets are credentials of that unit.
    pub entries: Vec<Entry>,
}

impl Layer {
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.env_from.is_empty()
    }
}
