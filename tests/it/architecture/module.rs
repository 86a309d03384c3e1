//! The facts about one module: the names in its scope, and every path that its code names.

use std::collections::BTreeMap;

/// The path of a module below the root of its crate: `["model", "reference"]`. The binary's root is `["main"]`.
pub type ModulePath = Vec<String>;

/// The names in the scope of a module, apart from its child modules.
#[derive(Default)]
pub struct Module {
    /// Index of the file in the tree.
    pub file: usize,
    pub names: BTreeMap<String, Vec<Name>>,
    /// Paths of `use path::*`.
    pub globs: Vec<Vec<String>>,
}

/// One meaning of a name in a module.
pub enum Name {
    /// Defined here.
    Item,
    /// A `use` or `pub use` of this path.
    Import(Vec<String>),
}

/// A path that code names: by `use`, or in an expression, type, pattern, attribute or macro.
pub struct Mention {
    /// The module whose scope the path starts in.
    pub module: ModulePath,
    pub path: Vec<String>,
    /// Written with `::` in front, so of another crate.
    pub is_global: bool,
    pub is_glob: bool,
    pub line: usize,
    /// As written, in one line.
    pub text: String,
}

impl Mention {
    /// The text, with the star of `use path::*`.
    pub fn written(&self) -> String {
        format!("{}{}", self.text, if self.is_glob { "::*" } else { "" })
    }
}

/// `async`, a macro (`print!`), or a method (`.unwrap`).
pub struct Word {
    pub text: String,
    pub line: usize,
}
