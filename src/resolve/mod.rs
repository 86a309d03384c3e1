//! Resolves a plan with the fetched documents: to a value for each target, or to every error at once.

mod attempt;
mod encoding;
mod env_from;
mod extract;
mod json;
mod layer_walk;
mod template;

use std::collections::BTreeSet;

use crate::model::answer::Fetched;
use crate::model::entry::Subject;
use crate::model::plan::{EntryId, Plan};
use crate::model::problem::Problem;
use crate::model::reference::{Locator, SecretRef};
use crate::model::resolved::Resolved;

use env_from::naming_errors;
use layer_walk::LayerWalk;

/// The result of one round of a resolution.
#[derive(Debug)]
pub enum Round<'a> {
    /// These locators must be fetched before the next call. That call may return more of them: when an optional entry
    /// turns out to be absent, the entry that it overrides is needed.
    Pending(BTreeSet<&'a Locator>),
    Done(Outcome),
}

/// The result of a resolution. Each target of the plan is in `resolved` or in `errors`.
#[derive(Debug, Default)]
pub struct Outcome {
    pub resolved: Resolved,
    pub errors: Vec<Problem>,
}

/// Resolves every target whose documents are fetched.
pub fn resolve<'a>(plan: &'a Plan, fetched: &'a Fetched) -> Round<'a> {
    let mut walk = LayerWalk::new(plan, fetched);
    plan.layers().iter().for_each(|layer| walk.resolve_layer(layer));
    if walk.wanted.is_empty() {
        Round::Done(Outcome { resolved: walk.resolved, errors: walk.errors })
    } else {
        Round::Pending(walk.wanted)
    }
}

/// Resolves what needs no document, literals above all, and returns every error that the declaration has by itself.
pub fn resolve_offline(plan: &Plan) -> Outcome {
    let fetched = Fetched::default();
    let mut walk = LayerWalk::new(plan, &fetched);
    plan.layers().iter().for_each(|layer| walk.resolve_layer(layer));
    let errors = walk.errors.into_iter().chain(naming_errors(plan)).collect();
    Outcome { resolved: walk.resolved, errors }
}

/// Fails every target with a reference that `answers` has an error for; nothing is resolved.
pub fn unsupported(plan: &Plan, answers: &Fetched) -> Outcome {
    let error = |(_, subject, reference): (EntryId, &Subject, &SecretRef)| {
        let failure = answers.get(&reference.locator)?.as_ref().err()?;
        Some(failure.problem(reference, subject, plan.aliases()))
    };
    Outcome { resolved: Resolved::default(), errors: plan.references().filter_map(error).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::answer::Denial;
    use crate::model::answer::Document;
    use crate::model::answer::FetchError;
    use crate::model::answer::FetchFailure;
    use crate::model::answer::Missing;
    use crate::model::entry::Entry;
    use crate::model::entry::EntrySource;
    use crate::model::entry::EnvFromEntry;
    use crate::model::entry::Naming;
    use crate::model::entry::OnMissing;
    use crate::model::entry::Origin;
    use crate::model::entry::Target;
    use crate::model::entry::Transform;
    use crate::model::env_name::EnvName;
    use crate::model::inherited::Inherited;
    use crate::model::plan::Layer;
    use crate::model::reference::Reference;
    use crate::model::secret_value::SecretValue;

    fn layer(name: &str, reference: &str, on_missing: OnMissing) -> Layer {
        let entry = Entry {
            target: Target::Env(EnvName::parse(name).unwrap()),
            source: EntrySource::Reference(Reference::parse(reference).unwrap()),
            transform: Transform::default(),
            on_missing,
            origin: Origin::Argument("--env"),
        };
        Layer { entries: vec![entry], ..Layer::default() }
    }

    fn wanted(plan: &Plan, fetched: &Fetched) -> Vec<Locator> {
        match resolve(plan, fetched) {
            Round::Pending(locators) => locators.into_iter().cloned().collect(),
            Round::Done(_) => Vec::new(),
        }
    }

    fn done(plan: &Plan, fetched: &Fetched) -> Result<Resolved, Vec<Problem>> {
        match resolve(plan, fetched) {
            Round::Done(Outcome { resolved, errors }) if errors.is_empty() => Ok(resolved),
            Round::Done(Outcome { errors, .. }) => Err(errors),
            Round::Pending(locators) => panic!("{locators:?}"),
        }
    }

    /// Adds `body` to `fetched` as the answer for every locator that is wanted now.
    fn fetch(plan: &Plan, fetched: &mut Fetched, body: impl Fn() -> Result<&'static str, FetchError>) {
        let answers = wanted(plan, fetched).into_iter().map(|locator| {
            let document = |body| Document::new(SecretValue::new(body));
            (locator, body().map(document).map_err(|error| FetchFailure::new(None, error)))
        });
        let answers: Vec<_> = answers.collect();
        fetched.extend(answers);
    }

    fn absent() -> Result<&'static str, FetchError> {
        Err(FetchError::NotFound { missing: Missing::Secret, nearest: None })
    }

    fn denied() -> Result<&'static str, FetchError> {
        Err(FetchError::Denied { message: String::new(), cause: Denial::Policy, identity: None })
    }

    fn value_of(plan: &Plan, fetched: &Fetched) -> Option<Vec<u8>> {
        let resolved = done(plan, fetched).unwrap();
        let variable = resolved.variables.into_iter().find(|variable| variable.name.as_str() == "A");
        variable.map(|variable| variable.value.expose().to_vec())
    }

    #[test]
    fn a_default_replaces_an_absent_value_and_covers_no_denial() {
        let plan =
            Plan::new(vec![layer("A", "db:port", OnMissing::Default("5432".into()))], &Inherited::default(), None)
                .unwrap();
        for (body, expected) in [(r#"{"port":null}"#, "5432"), ("{}", "5432"), (r#"{"port":""}"#, "")] {
            let mut fetched = Fetched::default();
            fetch(&plan, &mut fetched, || Ok(body));
            assert_eq!(value_of(&plan, &fetched), Some(expected.into()), "{body}");
        }
        let mut fetched = Fetched::default();
        fetch(&plan, &mut fetched, denied);
        assert_eq!(done(&plan, &fetched).unwrap_err().len(), 1);
    }

    #[test]
    fn an_absent_optional_entry_falls_back_to_the_entry_that_it_overrides() {
        let layers = vec![layer("A", "base", OnMissing::Fail), layer("A", "override", OnMissing::Omit)];
        let plan = Plan::new(layers, &Inherited::default(), None).unwrap();
        let mut fetched = Fetched::default();
        fetch(&plan, &mut fetched, absent);
        assert_eq!(wanted(&plan, &fetched).len(), 1);
        fetch(&plan, &mut fetched, || Ok("from base"));
        assert!(wanted(&plan, &fetched).is_empty());
        assert_eq!(value_of(&plan, &fetched), Some("from base".into()));
    }

    #[test]
    fn an_absent_optional_entry_alone_sets_nothing() {
        let plan = Plan::new(vec![layer("A", "db", OnMissing::Omit)], &Inherited::default(), None).unwrap();
        let mut fetched = Fetched::default();
        fetch(&plan, &mut fetched, absent);
        assert_eq!(value_of(&plan, &fetched), None);
    }

    #[test]
    fn every_failure_is_reported_at_once() {
        let layers = vec![
            layer("A", "one", OnMissing::Fail),
            layer("B", "two", OnMissing::Fail),
            layer("C", "three", OnMissing::Omit),
        ];
        let plan = Plan::new(layers, &Inherited::default(), None).unwrap();
        let mut fetched = Fetched::default();
        fetch(&plan, &mut fetched, absent);
        let errors = done(&plan, &fetched).unwrap_err();
        let mut labels: Vec<_> = errors.iter().map(|error| error.entries[0].label.as_str()).collect();
        labels.sort_unstable();
        assert_eq!(labels, ["A", "B"]);
    }

    fn env_from(reference: &str) -> Layer {
        let reference = Reference::parse(reference).unwrap();
        let env_from = EnvFromEntry { reference, naming: Naming::default(), origin: Origin::Argument("--env-from") };
        Layer { env_from: vec![env_from], ..Layer::default() }
    }

    #[test]
    fn an_entry_that_a_later_env_from_may_override_is_fetched_after_it() {
        let layers = vec![layer("A", "one", OnMissing::Fail), layer("B", "two", OnMissing::Fail), env_from("all")];
        let plan = Plan::new(layers, &Inherited::default(), None).unwrap();
        let mut fetched = Fetched::default();
        let ids =
            |fetched: &Fetched| wanted(&plan, fetched).iter().map(|locator| locator.id.to_string()).collect::<Vec<_>>();
        assert_eq!(ids(&fetched), ["all"]);
        fetch(&plan, &mut fetched, || Ok(r#"{"a":"from all"}"#));
        assert_eq!(ids(&fetched), ["two"]);
        fetch(&plan, &mut fetched, || Ok("x"));
        assert_eq!(value_of(&plan, &fetched), Some("from all".into()));
    }

    #[test]
    fn within_a_layer_an_entry_overrides_a_key_of_env_from() {
        let mut both = layer("A", "one", OnMissing::Fail);
        both.env_from = env_from("all").env_from;
        let plan = Plan::new(vec![both], &Inherited::default(), None).unwrap();
        let mut fetched = Fetched::default();
        fetch(&plan, &mut fetched, || Ok(r#"{"a":"from all"}"#));
        assert_eq!(value_of(&plan, &fetched), Some(r#"{"a":"from all"}"#.into()));
    }

    #[test]
    fn two_env_from_objects_of_a_layer_must_not_set_one_variable() {
        let mut twice = env_from("all");
        twice.env_from.extend(env_from("more").env_from);
        let plan = Plan::new(vec![twice], &Inherited::default(), None).unwrap();
        let mut fetched = Fetched::default();
        fetch(&plan, &mut fetched, || Ok(r#"{"a":"x"}"#));
        let errors = done(&plan, &fetched).unwrap_err();
        assert!(errors[0].code == "same-name" && errors[0].text.ends_with("both give the variable A"), "{errors:?}");
    }
}
