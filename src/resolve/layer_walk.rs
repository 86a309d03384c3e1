//! Resolves the layers of a plan, the latest first, so that each variable and each path is set once.

use std::collections::{BTreeSet, HashMap};

use super::env_from::{self, KeyVariable};
use super::extract::{NoValue, find};
use super::value::ParsedAnswers;
use crate::model::answer::{Document, Fetched};
use crate::model::entry::{Claim, EnvFrom, OnMissing, Subject, Target};
use crate::model::env_name::EnvName;
use crate::model::plan::{Binding, OverriddenBy, Override, Plan, PlannedLayer};
use crate::model::problem::Problem;
use crate::model::reference::{Locator, SecretRef};
use crate::model::resolved::{OmittedEntry, ReadFrom, Resolved, ResolvedValue};
use crate::model::secret_value::SecretValue;

/// The result of a resolution.
#[derive(Debug, Default)]
pub struct Resolution {
    pub resolved: Resolved,
    /// The errors of the variables, files and credentials that have no value.
    pub errors: Vec<Problem>,
    /// The locators without a document (the request failed, or was not made) that are the reason for a missing value.
    pub lacking: BTreeSet<Locator>,
}

/// The walk over the layers, from the latest to the earliest.
///
/// An attempt at an entry has one of three results. With a value, or with a `default` in the place of an absent one, the entry sets its
/// target. An `optional` entry that is absent sets nothing, so an earlier layer may set the target. An entry that fails sets its target as
/// well, to no value: an earlier entry is no substitute for a broken later one.
pub struct LayerWalk<'a> {
    answers: ParsedAnswers<'a>,
    /// The variables and paths that later entries, or entries of this layer, have set, each with its entry.
    claimed: HashMap<Claim, Subject>,
    pub outcome: Resolution,
}

impl<'a> LayerWalk<'a> {
    pub fn new(plan: &'a Plan, fetched: &'a Fetched) -> Self {
        let answers = ParsedAnswers::new(plan, fetched);
        Self {
            answers,
            claimed: HashMap::new(),
            outcome: Resolution::default(),
        }
    }

    /// Resolves the entries of a layer, and then its `env-from` sources, the last first: of two that give one variable the later one sets
    /// it.
    pub fn resolve_layer(&mut self, layer: &'a PlannedLayer) {
        for binding in &layer.bindings {
            let claims = binding.target.claims();
            if let Some(later) = claims.iter().find_map(|claim| self.claimed.get(claim)) {
                let (subject, by) = (binding.subject.clone(), OverriddenBy::Entry(later.clone()));
                self.outcome.resolved.overridden.push(Override {
                    entry: binding.id,
                    subject,
                    by,
                });
            } else {
                self.resolve_binding(binding, claims);
            }
        }
        for entry in layer.env_from.iter().rev() {
            self.resolve_env_from(entry);
        }
    }

    fn resolve_binding(&mut self, binding: &'a Binding, claims: Vec<Claim>) {
        match self.answers.attempt(binding) {
            Ok(value) => self.set(binding, value, false),
            Err(errors) => {
                let is_absent = !errors.is_empty() && errors.iter().all(|error| error.is_absent);
                match &binding.on_missing {
                    OnMissing::Omit if is_absent => {
                        let Binding {
                            id,
                            target,
                            subject,
                            ..
                        } = binding.clone();
                        self.outcome.resolved.omitted.push(OmittedEntry {
                            entry: id,
                            target,
                            subject,
                        });
                        return;
                    }
                    OnMissing::Default(text) if is_absent => {
                        self.set(binding, SecretValue::new(text.as_str()), true)
                    }
                    OnMissing::Fail | OnMissing::Omit | OnMissing::Default(_) => {
                        self.fail(binding, errors)
                    }
                }
            }
        }
        for claim in claims {
            self.claimed.insert(claim, binding.subject.clone());
        }
    }

    /// Adds the errors of a binding, and the locators that it lacks. An absence that `default` or `optional` covers is no error, even if
    /// another error makes the binding fail.
    fn fail(&mut self, binding: &Binding, errors: Vec<NoValue>) {
        for NoValue { is_absent, problem } in errors {
            if !is_absent || binding.on_missing == OnMissing::Fail {
                self.outcome.errors.push(problem);
            }
        }
        for locator in binding.source.locators() {
            if !matches!(self.answers.fetched.get(locator), Some(Ok(_))) {
                self.outcome.lacking.insert(locator.clone());
            }
        }
    }

    /// Gives the target its value, which is that of the binding's references unless `is_default`.
    fn set(&mut self, binding: &Binding, value: SecretValue, is_default: bool) {
        let mut read_from = Vec::new();
        if !is_default {
            for locator in binding.source.locators() {
                read_from.push(ReadFrom {
                    locator: locator.clone(),
                    parameter_name: None,
                });
            }
        }
        self.outcome.resolved.values.push(ResolvedValue {
            entry: binding.id,
            target: binding.target.clone(),
            subject: binding.subject.clone(),
            value,
            read_from,
            is_default,
        });
    }

    /// Sets a variable for each key of an object that no entry of this layer, or of a later one, sets.
    fn resolve_env_from(&mut self, entry: &'a EnvFrom<SecretRef>) {
        let locator = &entry.reference.locator;
        let document = match self.answers.document(&entry.reference, &entry.subject) {
            Ok(document) => document,
            Err(errors) => {
                self.outcome.lacking.insert(locator.clone());
                self.outcome
                    .errors
                    .extend(errors.into_iter().map(|error| error.problem));
                return;
            }
        };
        let (variables, errors) = self.variables_of(entry, document);
        for error in errors {
            self.outcome
                .errors
                .push(env_from::with_entry(error, entry, document.region.as_ref()));
        }
        for KeyVariable {
            key,
            name,
            label,
            value,
        } in variables
        {
            let subject = Subject {
                label,
                ..entry.subject.clone()
            };
            self.claimed
                .insert(Claim::Variable(name.clone()), subject.clone());
            let parameter_name = locator.is_path().then_some(key);
            let read_from = vec![ReadFrom {
                locator: locator.clone(),
                parameter_name,
            }];
            let (entry, target) = (entry.id, Target::Env(name));
            let resolved = ResolvedValue {
                entry,
                target,
                subject,
                value,
                read_from,
                is_default: false,
            };
            self.outcome.resolved.values.push(resolved);
        }
    }

    /// Returns the variables that an object sets, and the errors in it. A variable that is set already is added to the overridden ones.
    fn variables_of(
        &mut self,
        entry: &'a EnvFrom<SecretRef>,
        document: &Document,
    ) -> (Vec<KeyVariable>, Vec<Problem>) {
        let plan = self.answers.plan;
        let SecretRef { locator, selector } = &entry.reference;
        let members = if locator.is_path() {
            Ok(env_from::parameters(document, entry))
        } else {
            let json = find(self.answers.parse(locator, document), selector);
            json.map_err(|error| error.problem)
                .and_then(|json| env_from::keys(json, entry))
        };
        let members = match members {
            Ok(members) => members,
            Err(error) => return (Vec::new(), vec![error]),
        };
        let (claimed, overridden) = (&self.claimed, &mut self.outcome.resolved.overridden);
        env_from::variables(members, entry, |name, label| {
            let claim = EnvName::parse(name).map(Claim::Variable);
            let by = match claim.and_then(|claim| claimed.get(&claim)) {
                Some(other) => OverriddenBy::Entry(other.clone()),
                None if plan.kept.contains(name) => OverriddenBy::Kept(name.to_owned()),
                None => return false,
            };
            let subject = Subject {
                label: label.to_owned(),
                ..entry.subject.clone()
            };
            overridden.push(Override {
                entry: entry.id,
                subject,
                by,
            });
            true
        })
    }
}
