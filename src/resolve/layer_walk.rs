//! Resolves the layers of a plan, the latest first, so that each variable and each path is set once.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::attempt::{ParsedAnswers, Unresolved};
use super::env_from::{self, KeyVariable, key_or_placeholder};
use super::extract::Extractor;
use crate::model::answer::{Document, Fetched};
use crate::model::entry::{Claim, OnMissing, Subject, Target};
use crate::model::env_name::EnvName;
use crate::model::plan::{Binding, EnvFrom, Plan, PlannedLayer};
use crate::model::problem::Problem;
use crate::model::quoting::is_quotable;
use crate::model::reference::{Locator, SecretRef};
use crate::model::resolved::{
    CredentialValue, FileValue, ReadFrom, Resolved, ResolvedEntry, ResolvedVariable, UnusedEntry,
};
use crate::model::secret_value::SecretValue;

/// The state of the walk: the targets resolved so far, and the locators that are needed for the others.
pub struct LayerWalk<'a> {
    plan: &'a Plan,
    answers: ParsedAnswers<'a>,
    /// The variables and paths that later layers, or entries of this layer, set.
    claimed: HashSet<Claim>,
    /// The `env-from` objects of later layers that are not fetched yet, so that their keys are unknown.
    unread: Vec<&'a EnvFrom>,
    pub wanted: BTreeSet<&'a Locator>,
    pub errors: Vec<Problem>,
    pub resolved: Resolved,
}

impl<'a> LayerWalk<'a> {
    pub fn new(plan: &'a Plan, fetched: &'a Fetched) -> Self {
        Self {
            plan,
            answers: ParsedAnswers {
                fetched,
                extractor: Extractor::default(),
                inherited: &plan.inherited,
                aliases: plan.aliases(),
            },
            claimed: HashSet::new(),
            unread: Vec::new(),
            wanted: BTreeSet::new(),
            errors: Vec::new(),
            resolved: Resolved::default(),
        }
    }

    pub fn resolve_layer(&mut self, layer: &'a PlannedLayer) {
        for binding in &layer.bindings {
            let claims = binding.target.claims();
            if claims.iter().any(|claim| self.claimed.contains(claim)) {
                self.resolved.overridden.push(unused(binding));
            } else if !claims.iter().any(|claim| self.may_be_overridden(claim)) {
                self.resolve_binding(binding, claims);
            }
        }
        // Within a layer, an entry overrides a key of `env-from`, and two objects must not set one variable.
        let mut set_by = BTreeMap::new();
        for entry in &layer.env_from {
            self.resolve_env_from(entry, &mut set_by);
        }
        self.claimed.extend(set_by.into_keys().map(Claim::Variable));
        let is_unread = |entry: &&EnvFrom| self.answers.fetched.get(&entry.reference.locator).is_none();
        self.unread.extend(layer.env_from.iter().filter(is_unread));
    }

    /// True if an unread object of a later layer may set the variable: until its keys are known, nothing is fetched for
    /// this entry.
    fn may_be_overridden(&self, claim: &Claim) -> bool {
        match claim {
            Claim::Variable(name) => self.unread.iter().any(|object| object.naming.may_give(name.as_str())),
            Claim::Path(_) | Claim::Credential(_) => false,
        }
    }

    fn resolve_binding(&mut self, binding: &'a Binding, claims: Vec<Claim>) {
        match (self.answers.attempt(binding), &binding.on_missing) {
            (Ok(value), _) => {
                let read_from = |locator: &Locator| ReadFrom { locator: locator.clone(), parameter_name: None };
                self.set(binding, value, binding.value_source.locators().into_iter().map(read_from).collect(), false);
            }
            // Errors are reported once nothing is pending, all together.
            (Err(Unresolved { pending, .. }), _) if !pending.is_empty() => self.wanted.extend(pending),
            (Err(unresolved), OnMissing::Omit) if unresolved.is_absent() => {
                self.resolved.omitted.push(unused(binding));
                return;
            }
            (Err(unresolved), OnMissing::Default(text)) if unresolved.is_absent() => {
                self.set(binding, SecretValue::new(text.as_str()), Vec::new(), true);
            }
            (Err(Unresolved { errors, .. }), on_missing) => {
                // With `default` or `optional`, an absence beside another error is not reported.
                let errors = errors.into_iter().filter(|error| *on_missing == OnMissing::Fail || !error.is_absent);
                self.errors.extend(errors.map(|error| error.problem));
            }
        }
        self.claimed.extend(claims);
    }

    fn set(&mut self, binding: &Binding, value: SecretValue, read_from: Vec<ReadFrom>, is_default: bool) {
        let (entry, subject) = (binding.id, binding.subject.clone());
        self.resolved.entries.push(ResolvedEntry { entry, subject: subject.clone(), read_from, is_default });
        match &binding.target {
            Target::Env(name) => {
                self.resolved.variables.push(ResolvedVariable { name: name.clone(), value, entry, subject });
            }
            Target::File(target) => {
                self.resolved.files.push(FileValue { target: target.clone(), value, subject });
            }
            Target::Credential(_) => self.resolved.credentials.push(CredentialValue { value, subject }),
        }
    }

    /// Sets a variable for each key of an object. `set_by` names the key behind each variable that objects of this
    /// layer have set.
    fn resolve_env_from(&mut self, entry: &'a EnvFrom, set_by: &mut BTreeMap<EnvName, String>) {
        let locator = &entry.reference.locator;
        let document = match self.answers.fetched.get(locator) {
            None => {
                self.wanted.insert(locator);
                return;
            }
            Some(Err(failure)) => {
                let unread = self.answers.unread(failure, &entry.reference, &entry.subject);
                return self.errors.push(unread.problem);
            }
            Some(Ok(document)) => document,
        };
        let (variables, mut errors) = self.variables_of(entry, document);
        for variable in variables {
            errors.extend(self.set_from_key(entry, variable, set_by).err());
        }
        self.errors.extend(errors.into_iter().map(env_from::told_of(entry, document.region.as_ref())));
    }

    fn variables_of(&mut self, entry: &'a EnvFrom, document: &Document) -> (Vec<KeyVariable>, Vec<Problem>) {
        let SecretRef { locator, selector } = &entry.reference;
        let members = if locator.is_path() {
            Ok(env_from::parameters(document))
        } else {
            let json = self.answers.extractor.node(locator, document, selector);
            json.map_err(|error| error.problem).and_then(|json| env_from::keys(json, entry))
        };
        let members = match members {
            Ok(members) => members,
            Err(error) => return (Vec::new(), vec![error]),
        };
        let claimed: HashSet<&str> = self.claimed.iter().filter_map(Claim::variable).collect();
        let mut overridden = Vec::new();
        let variables = env_from::variables(&members, entry, |key, name| {
            let is_set = claimed.contains(name) || self.plan.keeps(name);
            if is_set {
                let label = label(key, name);
                overridden.push(UnusedEntry { entry: entry.id, subject: Subject { label, ..entry.subject.clone() } });
            }
            is_set
        });
        self.resolved.overridden.append(&mut overridden);
        variables
    }

    fn set_from_key(
        &mut self,
        entry: &EnvFrom,
        KeyVariable { key, name, value }: KeyVariable,
        set_by: &mut BTreeMap<EnvName, String>,
    ) -> Result<(), Problem> {
        let locator = &entry.reference.locator;
        let key_of_secret = format!("{} of {}", key_or_placeholder(&key), locator.written_id());
        if let Some(other) = set_by.insert(name.clone(), key_of_secret.clone()) {
            return Err(env_from::clash(&name, &key, &[other, key_of_secret], &entry.subject));
        }
        let subject = Subject { label: label(&key, name.as_str()), ..entry.subject.clone() };
        let parameter_name = locator.is_path().then_some(key);
        let read_from = vec![ReadFrom { locator: locator.clone(), parameter_name }];
        let resolved = ResolvedEntry { entry: entry.id, subject: subject.clone(), read_from, is_default: false };
        self.resolved.entries.push(resolved);
        self.resolved.variables.push(ResolvedVariable { name, value, entry: entry.id, subject });
        Ok(())
    }
}

fn unused(binding: &Binding) -> UnusedEntry {
    UnusedEntry { entry: binding.id, subject: binding.subject.clone() }
}

/// Returns the variable that a key gives, or a text in its place if the key may not be quoted.
fn label(key: &str, variable: &str) -> String {
    if is_quotable(key) { variable.to_owned() } else { key_or_placeholder(key) }
}
