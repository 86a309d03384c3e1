//! The errors that a declaration has by itself, without any document.

use std::collections::{BTreeSet, HashSet};

use serde_json::Value;

use super::env_from::{EnvFromError, Member, Members, variables};
use super::resolve_error::{ResolveError, ResolveProblem};
use crate::model::entry::Claim;
use crate::model::plan::{EnvFrom, Plan};

/// Returns the errors in the names that `env-from` entries give to the keys that they list.
pub fn naming_errors(plan: &Plan) -> Vec<ResolveError> {
    let mut errors = Vec::new();
    let mut claimed: HashSet<String> = HashSet::new();
    for layer in plan.layers() {
        let claims = layer.bindings.iter().flat_map(|binding| binding.target.claims());
        claimed.extend(claims.filter_map(|claim| Claim::variable(&claim).map(str::to_owned)));
        for entry in &layer.env_from {
            let is_set = |name: &str| claimed.contains(name) || plan.keeps(name);
            errors.extend(errors_of(entry, is_set).into_iter().map(|error| ResolveError {
                entry: entry.id,
                subject: entry.subject.clone(),
                reference: Some(entry.reference.clone()),
                problem: ResolveProblem::EnvFrom { region: None, error },
            }));
        }
    }
    errors
}

/// Names the keys of `only` and `rename` as if the object had them.
fn errors_of(entry: &EnvFrom, is_set: impl Fn(&str) -> bool) -> Vec<EnvFromError> {
    let naming = &entry.naming;
    let keys: BTreeSet<&str> = naming.only.iter().flatten().chain(naming.rename.keys()).map(String::as_str).collect();
    let value = Value::Bool(true);
    let members: Members<'_> = keys.into_iter().map(|key| (key, Member::Json(&value))).collect();
    variables(&members, naming, |_, name| is_set(name)).1
}
