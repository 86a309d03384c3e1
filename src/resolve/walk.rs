//! Through the layers of a plan, the latest first: each variable and path is settled once.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::attempt::{Answers, Attempt, Failing, are_absences, reference};
use super::env_from::EnvFromError;
use super::extract::Extractor;
use super::resolve_error::{Problem, ResolveError};
use super::{encoding, env_from};
use crate::model::answer::Fetched;
use crate::model::entry::{Claim, OnMissing, Subject, Target};
use crate::model::env_name::EnvName;
use crate::model::plan::{Binding, EnvFrom, Plan, PlannedLayer};
use crate::model::quoting::is_quotable;
use crate::model::reference::Locator;
use crate::model::resolved::{FileValue, Resolved, Variable};
use crate::model::secret_value::SecretValue;

/// A walk through the layers, the latest first, that settles each variable and path once.
pub struct Walk<'a> {
    plan: &'a Plan,
    answers: Answers<'a>,
    /// What later layers, or an entry of this one, have settled.
    claimed: HashSet<Claim>,
    /// Objects of later layers whose keys are not known yet.
    unknown: Vec<&'a EnvFrom>,
    pub wanted: BTreeSet<&'a Locator>,
    pub errors: Vec<ResolveError>,
    pub resolved: Resolved,
}

impl<'a> Walk<'a> {
    pub fn new(plan: &'a Plan, fetched: &'a Fetched) -> Self {
        Self {
            plan,
            answers: Answers { fetched, extractor: Extractor::default() },
            claimed: HashSet::new(),
            unknown: Vec::new(),
            wanted: BTreeSet::new(),
            errors: Vec::new(),
            resolved: Resolved::default(),
        }
    }

    pub fn layer(&mut self, layer: &'a PlannedLayer) {
        for binding in &layer.bindings {
            let claims = binding.target.claims();
            if !claims.iter().any(|claim| self.claimed.contains(claim) || self.may_be_covered(claim)) {
                self.binding(binding, claims);
            }
        }
        // Within a layer, an entry beats an object's key, and two objects must not make one name.
        let mut given = BTreeMap::new();
        for expansion in &layer.expansions {
            self.expansion(expansion, &mut given);
        }
        self.claimed.extend(given.into_keys().map(Claim::Variable));
        let is_unknown = |expansion: &&EnvFrom| self.answers.fetched.get(&expansion.reference.locator).is_none();
        self.unknown.extend(layer.expansions.iter().filter(is_unknown));
    }

    /// Whether an object that is not read yet may give the variable; until that is known, nothing is read for it.
    fn may_be_covered(&self, claim: &Claim) -> bool {
        match claim {
            Claim::Variable(name) => self.unknown.iter().any(|object| object.naming.may_give(name.as_str())),
            Claim::Path(_) => false,
        }
    }

    fn binding(&mut self, binding: &'a Binding, claims: Vec<Claim>) {
        let attempt = match self.answers.attempt(&binding.value_source) {
            Attempt::Value(value) => match encoding::apply(binding.transform, value) {
                Ok(value) => Attempt::Value(value),
                Err(encoding::NotBase64) => Attempt::fails(reference(&binding.value_source), Problem::NotBase64),
            },
            other => other,
        };
        match (attempt, &binding.on_missing) {
            (Attempt::Value(value), _) => {
                self.deliver(binding, value, binding.value_source.locators().into_iter().cloned().collect());
            }
            (Attempt::Wants(locators), _) => self.wanted.extend(locators),
            (Attempt::Fails(failing), OnMissing::Omit) if are_absences(&failing) => {
                self.resolved.omitted.push(binding.subject.clone());
                return;
            }
            (Attempt::Fails(failing), OnMissing::Default(text)) if are_absences(&failing) => {
                self.deliver(binding, SecretValue::new(text.as_str()), Vec::new());
            }
            (Attempt::Fails(failing), on_missing) => {
                // An absence that is provided for is no failure beside another.
                let is_failure = |failing: &Failing| *on_missing == OnMissing::Fail || !failing.problem.is_absence();
                let error = |Failing { reference, problem }| ResolveError {
                    subject: binding.subject.clone(),
                    reference,
                    problem,
                };
                self.errors.extend(failing.into_iter().filter(is_failure).map(error));
            }
        }
        self.claimed.extend(claims);
    }

    fn deliver(&mut self, binding: &Binding, value: SecretValue, read_from: Vec<Locator>) {
        let subject = binding.subject.clone();
        self.resolved.sources.push((subject.clone(), read_from));
        match &binding.target {
            Target::Env(name) => {
                self.resolved.variables.push(Variable { name: name.clone(), value, subject });
            }
            Target::File(target) => {
                self.resolved.files.push(FileValue { target: target.clone(), value, origin: subject.origin });
            }
        }
    }

    fn expansion(&mut self, expansion: &'a EnvFrom, given: &mut BTreeMap<EnvName, String>) {
        let locator = &expansion.reference.locator;
        let document = match self.answers.fetched.get(locator) {
            None => {
                self.wanted.insert(locator);
                return;
            }
            Some(Err(failure)) => return self.fail(expansion, Problem::Fetch(failure.clone())),
            Some(Ok(document)) => document,
        };
        let region = document.region.clone();
        let json = match self.answers.extractor.node(locator, document, &expansion.reference.selector) {
            Ok(json) => json,
            Err(error) => {
                let error = EnvFromError::Extract(error);
                return self.fail(expansion, Problem::Expand { region, error });
            }
        };
        let claimed: HashSet<&str> = self.claimed.iter().filter_map(Claim::variable).collect();
        let is_settled = |name: &str| claimed.contains(name) || self.plan.keeps(name);
        let (variables, mut errors) = env_from::expand(json, &expansion.naming, is_settled);
        for (key, name, value) in variables {
            let whose = format!("{} of {}", env_from::shown(&key), expansion.reference.locator.id);
            if let Some(other) = given.insert(name.clone(), whose.clone()) {
                errors.push(EnvFromError::clash(&name, &key, [other, whose]));
                continue;
            }
            let label = if is_quotable(&key) { name.to_string() } else { "a key that could be a value".to_owned() };
            let subject = Subject { label, ..expansion.subject.clone() };
            self.resolved.sources.push((subject.clone(), vec![locator.clone()]));
            self.resolved.variables.push(Variable { name, value, subject });
        }
        for error in errors {
            self.fail(expansion, Problem::Expand { region: region.clone(), error });
        }
    }

    fn fail(&mut self, expansion: &EnvFrom, problem: Problem) {
        let (subject, reference) = (expansion.subject.clone(), Some(expansion.reference.clone()));
        self.errors.push(ResolveError { subject, reference, problem });
    }
}
