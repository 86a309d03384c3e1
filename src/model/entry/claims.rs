//! The rule of precedence: which of several entries for the same variable or path wins
//! ([`Claims`]).

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::path::PathBuf;

use super::subject::{Origin, Subject};
use super::target::Target;
use crate::model::environment::EnvName;

/// A variable that an entry sets, or the path of a file that it writes.
///
/// Two entries in the same layer must not make the same claim. Across layers, [`Claims`] decides
/// which entry wins.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Claim {
    Variable(EnvName),
    Path(PathBuf),
}

impl Target {
    /// The variable and the path that an entry with this target sets, if any. Empty for `env-from`,
    /// whose keys claim their variables later, once they are known.
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

/// The reason why an entry has no effect: usually because something else sets its variable or
/// writes its file.
#[derive(Clone, Debug)]
pub enum Holder {
    /// An entry with higher precedence.
    Entry(Subject),
    /// An inherited variable, which `--keep-existing` keeps.
    Kept,
    /// Nothing overrides the entry, but its secret is `${NAME:-}`, and NAME is empty or not set.
    /// The text is NAME.
    EmptyVariable(String),
    /// For an `env-from` entry: other entries or `--keep-existing` already hold all of its
    /// variables.
    Several,
}

/// Decides which of several entries for the same variable or path wins. This is the only rule of
/// precedence.
///
/// Entries are added in the order of precedence: the latest layer comes first, and within a layer,
/// single entries come before the objects of `env-from`. The first entry that claims a variable or
/// a path becomes its holder, and overrides the entries after it. The variables that
/// `--keep-existing` keeps are held from the start.
///
/// ```text
/// order of precedence                               claims               holder
/// 1. --env DB_HOST=prod/db:host                     DB_HOST              entry 1
/// 2. secrets-exec.yaml: DB_HOST: old/db:host        DB_HOST              entry 1 (2 is overridden)
/// 3. secrets-exec.yaml: TOKEN: {…, optional: true}  TOKEN                entry 3, unless absent
/// 4. base.yaml: TOKEN: { value: none }              TOKEN                entry 4, if 3 is absent
/// 5. base.yaml: env-from: [prod/app]                each key's variable  entry 5, if not held yet
/// ```
///
/// The rule is applied twice. First, the plan applies it to the entries that certainly set
/// something. So the references of overridden entries are neither looked up nor requested, and may
/// even use variables that aren't set. Then, `resolve` applies it to all entries, because only the
/// documents say whether an optional entry is absent and which keys an object has.
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

    /// Makes an entry the holder of every variable and path that its target claims. This replaces
    /// any earlier holder, so check with [`Self::holder`] first.
    pub fn add(&mut self, target: &Target, entry: &Subject) {
        for claim in target.claims() {
            self.holders.insert(claim, entry.clone());
        }
    }

    /// Makes an overridden entry the one that messages name as the holder of its claims. The next
    /// entry that is overridden then names this one, which would take its place.
    pub fn pass_on(&mut self, target: &Target, entry: &Subject) {
        for claim in target.claims() {
            if let Some(holder) = self.holders.get_mut(&claim) {
                holder.clone_from(entry);
            }
        }
    }

    /// Finds what already holds a target's variable or path.
    ///
    /// The holder is an entry that was added, or an inherited variable that `--keep-existing`
    /// keeps. If `origin` is an inherited variable, `--keep-existing` doesn't count, because such
    /// an entry only replaces the references in that variable with their values.
    ///
    /// Always `None` for an `env-from` object, whose variables are looked up one by one.
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
