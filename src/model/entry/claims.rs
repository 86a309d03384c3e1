//! The rule of precedence: which of several entries for the same variable or path wins
//! ([`Claims`]).

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::path::PathBuf;

use super::subject::{Origin, Subject};
use super::target::Target;
use crate::model::environment::EnvName;

/// A variable or a path that an entry sets.
///
/// Two entries of one layer must not have the same claim. Between different layers, [`Claims`]
/// decides which entry wins.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Claim {
    Variable(EnvName),
    Path(PathBuf),
}

impl Target {
    /// The variables and paths that an entry with this target sets. The variables of `env-from`
    /// aren't among them: each key claims its variable when the keys are known.
    pub fn claims(&self) -> impl Iterator<Item = Claim> {
        let variable = self.variable().cloned().map(Claim::Variable);
        let other = match self {
            Self::File(file) => file.path.clone().map(|path| Claim::Path(path.expanded)),
            Self::Env(_) | Self::Variables(_) | Self::Output => None,
        };
        variable.into_iter().chain(other)
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => write!(f, "the variable {name}"),
            Self::Path(path) => write!(f, "the file {}", path.display()),
        }
    }
}

/// The reason why an entry has no effect: what sets its variable or writes its file instead.
#[derive(Clone, Debug)]
pub enum Holder {
    /// An entry with higher precedence.
    Entry(Subject),
    /// The inherited variable, which `--keep-existing` keeps.
    Kept,
    /// Nothing: the variable that names a secret of the entry is empty, which `${NAME:-}` allows.
    EmptyVariable(String),
    /// For an `env-from` entry: each of its variables has a holder, and the holders may differ.
    Several,
}

/// The variables and paths that already have a holder: an entry, or `--keep-existing`. `Claims` is
/// the only rule of precedence: it decides which of several entries with the same claim wins.
///
/// Entries are added in the order of precedence: the latest layer comes first, and within a layer,
/// single entries come before the objects of `env-from`. The first entry with a claim holds it, and
/// the entries after it are overridden. The variables that `--keep-existing` keeps are held from
/// the beginning.
///
/// ```text
/// order of precedence                               claims                holder
/// 1. --env DB_HOST=prod/db:host                     DB_HOST               this entry
/// 2. secrets-exec.yaml: DB_HOST: old/db:host        DB_HOST               already held by 1: overridden
/// 3. secrets-exec.yaml: TOKEN: {…, optional: true}  TOKEN, unless absent  this entry, if its secret exists
/// 4. base.yaml: TOKEN: { value: none }              TOKEN                 this entry, if 3 is absent
/// 5. base.yaml: env-from: [prod/app]                each key's variable   each key for itself
/// ```
///
/// The rule is applied twice. The plan applies it to the entries that certainly set something, so
/// that the references of overridden entries are neither looked up nor requested. Such a reference
/// may even use a variable that isn't set. `resolve` applies it again, because only the documents
/// say whether an optional entry is absent and which keys an object has.
pub struct Claims<'a> {
    kept_names: &'a BTreeSet<String>,
    holders: HashMap<Claim, Subject>,
}

impl<'a> Claims<'a> {
    pub fn new(kept_names: &'a BTreeSet<String>) -> Self {
        Self {
            kept_names,
            holders: HashMap::new(),
        }
    }

    /// Makes an entry the holder of every variable and path that its target claims. An earlier
    /// holder is replaced, so call [`Self::holder`] first.
    pub fn add(&mut self, target: &Target, entry: &Subject) {
        for claim in target.claims() {
            self.holders.insert(claim, entry.clone());
        }
    }

    /// Finds what already holds a variable or a path that the target claims: an entry that was
    /// added, or an inherited variable that `--keep-existing` keeps. `None` if an entry with this
    /// origin can set the target. Always `None` for an object of `env-from`, because its variables
    /// are looked up one by one.
    ///
    /// A reference in an inherited variable is resolved even if `--keep-existing` keeps this
    /// variable, because the value replaces the text of the reference itself.
    pub fn holder(&self, target: &Target, origin: &Origin) -> Option<Holder> {
        let mut claims = target.claims();
        if let Some(entry) = claims.find_map(|claim| self.holders.get(&claim)) {
            return Some(Holder::Entry(entry.clone()));
        }
        let name = target.variable()?.as_str();
        if *origin == Origin::Inherited || !self.kept_names.contains(name) {
            return None;
        }
        Some(Holder::Kept)
    }
}
