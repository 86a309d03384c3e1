//! Layers: the entries of each place, of which a later one overrides an earlier one.

use crate::model::entry::{Entry, EnvFromEntry};
use crate::model::reference::Aliases;

/// The entries of one declaration, of the inherited variables, or of the command line.
#[derive(Debug, Default)]
pub struct Layer {
    /// Aliases for this layer and all later ones.
    pub aliases: Aliases,
    /// Entries, no two of which set the same variable or path.
    pub entries: Vec<Entry>,
    /// Objects whose keys give variables. An entry of this layer overrides a key.
    pub env_from: Vec<EnvFromEntry>,
}

impl Layer {
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.env_from.is_empty()
    }
}
