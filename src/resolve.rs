//! Plan and answers become values: every one of them, or every reason why not.

mod encoding;
mod expand;
mod extract;
mod json;
mod template;

pub use expand::ExpansionError;
pub use extract::{Absent, ExtractError};
pub use template::RenderError;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::binding::{Absence, Binding, Claim, EnvName, Part, Recipe, Subject};
use crate::expansion::Expansion;
use crate::fetched::{FetchError, FetchFailure, Fetched};
use crate::plan::{Plan, PlannedLayer};
use crate::reference::{Locator, Region, SecretRef};
use crate::resolved::{FileValue, Resolved, Variable};
use crate::secret::SecretValue;
use crate::target::Target;
use crate::template::Template;
use extract::Extractor;
use template::{Input, NotText, render};

/// Why something has no value.
#[derive(Clone, Debug, PartialEq)]
pub struct ResolveError {
    /// What has none.
    pub subject: Subject,
    /// What was to be read for it.
    pub reference: Option<SecretRef>,
    /// Why it has none.
    pub problem: Problem,
}

/// Why something has no value.
#[derive(Clone, Debug, PartialEq)]
pub enum Problem {
    /// The secret could not be read.
    Fetch(FetchFailure),
    /// The secret is there, the value is not.
    Extract {
        /// Where the secret was read.
        region: Option<Region>,
        /// Why it gave no value.
        error: ExtractError,
    },
    /// The secret is there, but its keys cannot become variables.
    Expand {
        /// Where the secret was read.
        region: Option<Region>,
        /// Why not.
        error: ExpansionError,
    },
    /// The secrets are there, but a template cannot be made of them.
    Render {
        /// Where the secret was read that it is about.
        region: Option<Region>,
        /// Why not.
        error: RenderError,
    },
    /// `decode: base64` of something else.
    NotBase64,
}

impl Problem {
    /// Whether the value does not exist, which an entry may provide for. A denial or an outage is no absence.
    fn is_absence(&self) -> bool {
        match self {
            Self::Fetch(failure) => matches!(failure.error, FetchError::NotFound { .. }),
            Self::Extract { error, .. } => matches!(error, ExtractError::Absent(_)),
            Self::Render { error, .. } => matches!(error, RenderError::Absent { .. }),
            Self::Expand { .. } | Self::NotBase64 => false,
        }
    }
}

/// How far a plan can be resolved with the answers there are.
#[derive(Debug)]
pub enum Progress<'a> {
    /// These must be read first. More may turn out to be needed after: what an absent optional entry covers, say.
    Wants(BTreeSet<&'a Locator>),
    /// Everything is decided.
    Done(Outcome),
}

/// What a plan came to: a value for each target, or a reason why there is none.
#[derive(Debug)]
pub struct Outcome {
    /// What has a value.
    pub resolved: Resolved,
    /// What has none.
    pub errors: Vec<ResolveError>,
}

/// Decides every target that the answers decide.
pub fn resolve<'a>(plan: &'a Plan, fetched: &'a Fetched) -> Progress<'a> {
    let mut walk = Walk::new(plan, fetched);
    for layer in plan.layers() {
        walk.layer(layer);
    }
    if walk.wanted.is_empty() {
        Progress::Done(Outcome { resolved: walk.resolved, errors: walk.errors })
    } else {
        Progress::Wants(walk.wanted)
    }
}

/// A walk through the layers, the latest first, that settles each variable and path once.
struct Walk<'a> {
    plan: &'a Plan,
    fetched: &'a Fetched,
    extractor: Extractor<'a>,
    /// What later layers, or an entry of this one, have settled.
    claimed: HashSet<Claim>,
    /// Objects of later layers whose keys are not known yet.
    unknown: Vec<&'a Expansion>,
    wanted: BTreeSet<&'a Locator>,
    errors: Vec<ResolveError>,
    resolved: Resolved,
}

/// What is known of a value.
enum Attempt<'a> {
    Value(SecretValue),
    Wants(Vec<&'a Locator>),
    Fails(Vec<Failing>),
}

/// Why there is no value, and what was to be read for it.
struct Failing {
    reference: Option<SecretRef>,
    problem: Problem,
}

impl<'a> Attempt<'a> {
    fn fails(reference: Option<SecretRef>, problem: Problem) -> Self {
        Self::Fails(vec![Failing { reference, problem }])
    }
}

/// What several inputs of one value lack.
#[derive(Default)]
struct Gathered<'a> {
    wants: Vec<&'a Locator>,
    failing: Vec<Failing>,
}

impl<'a> Gathered<'a> {
    /// Everything is asked for before anything is told, and everything that is wrong is told together.
    fn or_else(self, value: impl FnOnce() -> Attempt<'a>) -> Attempt<'a> {
        match (self.wants.is_empty(), self.failing.is_empty()) {
            (false, _) => Attempt::Wants(self.wants),
            (true, false) => Attempt::Fails(self.failing),
            (true, true) => value(),
        }
    }
}

/// Whether nothing is wrong but that something does not exist.
fn are_absences(failing: &[Failing]) -> bool {
    failing.iter().all(|failing| failing.problem.is_absence())
}

impl<'a> Walk<'a> {
    fn new(plan: &'a Plan, fetched: &'a Fetched) -> Self {
        Self {
            plan,
            fetched,
            extractor: Extractor::default(),
            claimed: HashSet::new(),
            unknown: Vec::new(),
            wanted: BTreeSet::new(),
            errors: Vec::new(),
            resolved: Resolved::default(),
        }
    }

    fn layer(&mut self, layer: &'a PlannedLayer) {
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
        let is_unknown = |expansion: &&Expansion| self.fetched.get(&expansion.reference.locator).is_none();
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
        let attempt = match self.attempt(&binding.recipe) {
            Attempt::Value(value) => match encoding::apply(binding.transform, value) {
                Ok(value) => Attempt::Value(value),
                Err(encoding::NotBase64) => Attempt::fails(reference(&binding.recipe), Problem::NotBase64),
            },
            other => other,
        };
        match (attempt, &binding.absence) {
            (Attempt::Value(value), _) => {
                self.deliver(binding, value, binding.recipe.locators().into_iter().cloned().collect());
            }
            (Attempt::Wants(locators), _) => self.wanted.extend(locators),
            (Attempt::Fails(failing), Absence::Omit) if are_absences(&failing) => {
                self.resolved.omitted.push(binding.subject.clone());
                return;
            }
            (Attempt::Fails(failing), Absence::Default(text)) if are_absences(&failing) => {
                self.deliver(binding, SecretValue::new(text.as_str()), Vec::new());
            }
            (Attempt::Fails(failing), Absence::Fail | Absence::Omit | Absence::Default(_)) => {
                let error = |Failing { reference, problem }| ResolveError {
                    subject: binding.subject.clone(),
                    reference,
                    problem,
                };
                self.errors.extend(failing.into_iter().map(error));
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

    fn attempt(&mut self, recipe: &'a Recipe) -> Attempt<'a> {
        match recipe {
            Recipe::Literal(text) => Attempt::Value(SecretValue::new(text.as_str())),
            Recipe::Secret(reference) => self.secret(reference),
            Recipe::Composed(parts) => self.composed(parts),
            Recipe::Template { template, inputs } => self.template(template, inputs),
        }
    }

    fn secret(&mut self, reference: &'a SecretRef) -> Attempt<'a> {
        let fails = |problem| Attempt::fails(Some(reference.clone()), problem);
        match self.fetched.get(&reference.locator) {
            None => Attempt::Wants(vec![&reference.locator]),
            Some(Err(failure)) => fails(Problem::Fetch(failure.clone())),
            Some(Ok(document)) => match self.extractor.extract(&reference.locator, document, &reference.selector) {
                Ok(value) => Attempt::Value(value),
                Err(error) => fails(Problem::Extract { region: document.region.clone(), error }),
            },
        }
    }

    fn composed(&mut self, parts: &'a [Part]) -> Attempt<'a> {
        let mut text = zeroize::Zeroizing::new(Vec::new());
        let mut gathered = Gathered::default();
        for part in parts {
            match part {
                Part::Text(part) => text.extend_from_slice(part.as_bytes()),
                Part::Reference(reference) => match self.secret(reference) {
                    Attempt::Value(value) => text.extend_from_slice(value.expose()),
                    Attempt::Wants(locators) => gathered.wants.extend(locators),
                    Attempt::Fails(failing) => gathered.failing.extend(failing),
                },
            }
        }
        gathered.or_else(|| Attempt::Value(SecretValue::new(text.as_slice())))
    }

    /// One request for each alias, however often the template names it.
    fn template(&mut self, template: &Template, inputs: &'a BTreeMap<String, SecretRef>) -> Attempt<'a> {
        let mut read = BTreeMap::new();
        let mut gathered = Gathered::default();
        for (name, reference) in inputs {
            let locator = &reference.locator;
            let problem = match self.fetched.get(locator) {
                None => {
                    gathered.wants.push(locator);
                    continue;
                }
                Some(Err(failure)) => Problem::Fetch(failure.clone()),
                Some(Ok(document)) => match Input::new(self.extractor.object(locator, document), document) {
                    Ok(input) => {
                        read.insert(name.clone(), input);
                        continue;
                    }
                    Err(NotText) => {
                        let error = RenderError::NotText { alias: name.clone() };
                        Problem::Render { region: document.region.clone(), error }
                    }
                },
            };
            gathered.failing.push(Failing { reference: Some(reference.clone()), problem });
        }
        gathered.or_else(|| match render(template, &read) {
            Ok(value) => Attempt::Value(value),
            Err(error) => self.not_rendered(inputs, error),
        })
    }

    fn not_rendered(&self, inputs: &BTreeMap<String, SecretRef>, error: RenderError) -> Attempt<'a> {
        let reference = error.alias().and_then(|alias| inputs.get(alias));
        let document = reference.and_then(|reference| self.fetched.get(&reference.locator)?.as_ref().ok());
        let region = document.and_then(|document| document.region.clone());
        Attempt::fails(reference.cloned(), Problem::Render { region, error })
    }

    fn expansion(&mut self, expansion: &'a Expansion, given: &mut BTreeMap<EnvName, String>) {
        let locator = &expansion.reference.locator;
        let document = match self.fetched.get(locator) {
            None => {
                self.wanted.insert(locator);
                return;
            }
            Some(Err(failure)) => return self.fail(expansion, Problem::Fetch(failure.clone())),
            Some(Ok(document)) => document,
        };
        let region = document.region.clone();
        let json = match self.extractor.node(locator, document, &expansion.reference.selector) {
            Ok(json) => json,
            Err(error) => return self.fail(expansion, Problem::Extract { region, error }),
        };
        let claimed: HashSet<&str> = self.claimed.iter().filter_map(Claim::variable).collect();
        let is_settled = |name: &str| claimed.contains(name) || self.plan.keeps(name);
        let (variables, mut errors) = expand::expand(json, &expansion.naming, is_settled);
        for (key, name, value) in variables {
            let whose = format!("{key} of {}", expansion.reference.locator.id);
            if let Some(other) = given.insert(name.clone(), whose.clone()) {
                errors.push(ExpansionError::Clash { name: name.to_string(), keys: [other, whose] });
                continue;
            }
            let subject = Subject { label: name.to_string(), ..expansion.subject.clone() };
            self.resolved.sources.push((subject.clone(), vec![locator.clone()]));
            self.resolved.variables.push(Variable { name, value, subject });
        }
        for error in errors {
            self.fail(expansion, Problem::Expand { region: region.clone(), error });
        }
    }

    fn fail(&mut self, expansion: &Expansion, problem: Problem) {
        let (subject, reference) = (expansion.subject.clone(), Some(expansion.reference.clone()));
        self.errors.push(ResolveError { subject, reference, problem });
    }
}

/// What a message about the whole of a value names.
fn reference(recipe: &Recipe) -> Option<SecretRef> {
    match recipe {
        Recipe::Secret(reference) => Some(reference.clone()),
        Recipe::Literal(_) | Recipe::Composed(_) | Recipe::Template { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binding::{Entry, EntrySource, Origin, Transform};
    use crate::environment::Inherited;
    use crate::fetched::{Denial, Document, Missing};
    use crate::plan::Layer;
    use crate::reference::Reference;

    fn layer(name: &str, reference: &str, absence: Absence) -> Layer {
        let entry = Entry {
            target: Target::Env(EnvName::parse(name).unwrap()),
            source: EntrySource::Reference(Reference::parse(reference).unwrap()),
            transform: Transform::default(),
            absence,
            origin: Origin::Argument("--env"),
        };
        Layer { entries: vec![entry], ..Layer::default() }
    }

    fn wanted(plan: &Plan, fetched: &Fetched) -> Vec<Locator> {
        match resolve(plan, fetched) {
            Progress::Wants(locators) => locators.into_iter().cloned().collect(),
            Progress::Done(_) => Vec::new(),
        }
    }

    fn done(plan: &Plan, fetched: &Fetched) -> Result<Resolved, Vec<ResolveError>> {
        match resolve(plan, fetched) {
            Progress::Done(Outcome { resolved, errors }) if errors.is_empty() => Ok(resolved),
            Progress::Done(Outcome { errors, .. }) => Err(errors),
            Progress::Wants(locators) => unreachable!("{locators:?}"),
        }
    }

    /// Answers everything that is wanted now.
    fn answer(plan: &Plan, fetched: &mut Fetched, answer: impl Fn() -> Result<&'static str, FetchError>) {
        let answers = wanted(plan, fetched).into_iter().map(|locator| {
            let document =
                |body| Document { body: SecretValue::new(body), version_id: None, stages: Vec::new(), region: None };
            (locator, answer().map(document).map_err(|error| FetchFailure { region: None, error }))
        });
        let answers: Vec<_> = answers.collect();
        fetched.extend(answers);
    }

    fn absent() -> Result<&'static str, FetchError> {
        Err(FetchError::NotFound { missing: Missing::Secret, nearest: None })
    }

    fn denied() -> Result<&'static str, FetchError> {
        Err(FetchError::Denied { message: String::new(), cause: Denial::Policy })
    }

    fn value_of(plan: &Plan, fetched: &Fetched) -> Option<Vec<u8>> {
        let resolved = done(plan, fetched).unwrap();
        let variable = resolved.variables.into_iter().find(|variable| variable.name.as_str() == "A");
        variable.map(|variable| variable.value.expose().to_vec())
    }

    #[test]
    fn a_default_is_for_absence_only() {
        let plan = Plan::new(vec![layer("A", "db:port", Absence::Default("5432".into()))], &Inherited::default(), None)
            .unwrap();
        for (body, expected) in [(r#"{"port":null}"#, "5432"), ("{}", "5432"), (r#"{"port":""}"#, "")] {
            let mut fetched = Fetched::default();
            answer(&plan, &mut fetched, || Ok(body));
            assert_eq!(value_of(&plan, &fetched), Some(expected.into()), "{body}");
        }
        let mut fetched = Fetched::default();
        answer(&plan, &mut fetched, denied);
        assert_eq!(done(&plan, &fetched).unwrap_err().len(), 1);
    }

    #[test]
    fn an_absent_optional_entry_gives_way_to_what_it_covers() {
        let layers = vec![layer("A", "base", Absence::Fail), layer("A", "override", Absence::Omit)];
        let plan = Plan::new(layers, &Inherited::default(), None).unwrap();
        let mut fetched = Fetched::default();
        answer(&plan, &mut fetched, absent);
        assert_eq!(wanted(&plan, &fetched).len(), 1);
        answer(&plan, &mut fetched, || Ok("from base"));
        assert!(wanted(&plan, &fetched).is_empty());
        assert_eq!(value_of(&plan, &fetched), Some("from base".into()));
    }

    #[test]
    fn an_absent_optional_entry_alone_sets_nothing() {
        let plan = Plan::new(vec![layer("A", "db", Absence::Omit)], &Inherited::default(), None).unwrap();
        let mut fetched = Fetched::default();
        answer(&plan, &mut fetched, absent);
        assert_eq!(value_of(&plan, &fetched), None);
    }

    #[test]
    fn every_failure_is_told_at_once() {
        let layers = vec![
            layer("A", "one", Absence::Fail),
            layer("B", "two", Absence::Fail),
            layer("C", "three", Absence::Omit),
        ];
        let plan = Plan::new(layers, &Inherited::default(), None).unwrap();
        let mut fetched = Fetched::default();
        answer(&plan, &mut fetched, absent);
        let errors = done(&plan, &fetched).unwrap_err();
        let mut labels: Vec<_> = errors.iter().map(|error| error.subject.label.as_str()).collect();
        labels.sort_unstable();
        assert_eq!(labels, ["A", "B"]);
    }

    fn object(reference: &str, naming: crate::expansion::Naming) -> Layer {
        let reference = Reference::parse(reference).unwrap();
        let expansion = crate::expansion::ExpansionEntry { reference, naming, origin: Origin::Argument("--env-from") };
        Layer { expansions: vec![expansion], ..Layer::default() }
    }

    #[test]
    fn what_a_later_object_covers_is_not_read() {
        let layers =
            vec![layer("A", "one", Absence::Fail), layer("B", "two", Absence::Fail), object("all", Default::default())];
        let plan = Plan::new(layers, &Inherited::default(), None).unwrap();
        let mut fetched = Fetched::default();
        let ids =
            |fetched: &Fetched| wanted(&plan, fetched).iter().map(|locator| locator.id.to_string()).collect::<Vec<_>>();
        assert_eq!(ids(&fetched), ["all"]);
        answer(&plan, &mut fetched, || Ok(r#"{"a":"from all"}"#));
        assert_eq!(ids(&fetched), ["two"]);
        answer(&plan, &mut fetched, || Ok("x"));
        assert_eq!(value_of(&plan, &fetched), Some("from all".into()));
    }

    #[test]
    fn within_a_layer_an_entry_beats_a_key_and_two_objects_clash() {
        let mut both = layer("A", "one", Absence::Fail);
        both.expansions = object("all", Default::default()).expansions;
        let plan = Plan::new(vec![both], &Inherited::default(), None).unwrap();
        let mut fetched = Fetched::default();
        answer(&plan, &mut fetched, || Ok(r#"{"a":"from all"}"#));
        assert_eq!(value_of(&plan, &fetched), Some(r#"{"a":"from all"}"#.into()));

        let mut twice = object("all", Default::default());
        twice.expansions.extend(object("more", Default::default()).expansions);
        let plan = Plan::new(vec![twice], &Inherited::default(), None).unwrap();
        let mut fetched = Fetched::default();
        answer(&plan, &mut fetched, || Ok(r#"{"a":"x"}"#));
        let errors = done(&plan, &fetched).unwrap_err();
        assert!(
            matches!(&errors[0].problem, Problem::Expand { error: ExpansionError::Clash { name, .. }, .. } if name == "A")
        );
    }
}
