//! The rule of precedence: which of several entries for the same variable or path wins
//! ([`Claims`]).

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::path::PathBuf;

use super::subject::{Origin, Subject};
use super::target::Target;
use crate::model::environment::EnvName;

/// A variable or a path that an entry sets. Two entries in the same layer must not make the same
/// claim.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Claim {
    Variable(EnvName),
    Path(PathBuf),
}

impl Target {
    /// Empty for `env-from`: only its keys claim variables, once they are known.
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

/// The reason why an entry has no effect.
#[derive(Clone, Debug)]
pub enum Holder {
    /// An entry with higher precedence.
    Entry(Subject),
    /// An inherited variable, which `--keep-existing` keeps.
    Kept,
    /// The entry's secret is `${NAME:-}`, and this NAME is empty or not set.
    EmptyVariable(String),
    /// Other entries or `--keep-existing` hold all variables of an `env-from` entry.
    Several,
}

/// Decides which of several entries for the same variable or path wins. This is the only rule of
/// precedence.
///
/// Entries are added from the latest layer to the earliest, and within a layer, single entries come
/// before the objects of `env-from`. The first entry that claims a variable or a path becomes its
/// holder, and overrides the entries after it. The variables that `--keep-existing` keeps are held
/// from the start.
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
/// The plan applies the rule to the entries that certainly set something. So the references of
/// overridden entries are neither looked up nor requested, and may even use variables that aren't
/// set. Then, `resolve` applies it to all entries, because only the documents say whether an
/// optional entry is absent and which keys an object has.
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

    /// Makes `entry` the holder of the target's claims. This replaces any earlier holder, so check
    /// with [`Self::holder`] first.
    pub fn add(&mut self, target: &Target, entry: &Subject) {
        for claim in target.claims() {
            self.holders.insert(claim, entry.clone());
        }
    }

    /// Makes this overridden entry the holder that messages name for entries that are added later.
    /// If the current holder were removed, this entry would win.
    pub fn pass_on(&mut self, target: &Target, entry: &Subject) {
        for claim in target.claims() {
            if let Some(holder) = self.holders.get_mut(&claim) {
                holder.clone_from(entry);
            }
        }
    }

    /// The entry or inherited variable that already holds a target's variable or path.
    ///
    /// `--keep-existing` doesn't override an entry with [`Origin::Inherited`], because such an
    /// entry only replaces the references in the kept variable. The result is always `None` for an
    /// `env-from` object, whose variables are looked up one by one.
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
