//! What is to be set, and what must be read for it: layers merged, references looked up.

use crate::model::entry::{Entry, EnvFromEntry};
use crate::model::reference::Aliases;

/// The entries of one declaration file, of the inherited variables, or of the command line.
#[derive(Debug, Default)]
pub struct Layer {
    /// Serve this layer and all later ones.
    pub aliases: Aliases,
    /// Each variable and each path once.
    pub entries: Vec<Entry>,
    /// Objects whose keys become variables, where no entry of this layer says otherwise.
    pub env_from: Vec<EnvFromEntry>,
}

impl Layer {
    /// Whether it asks for nothing.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.env_from.is_empty()
    }
}
