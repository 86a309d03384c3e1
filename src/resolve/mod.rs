//! Plan and answers become values: every one of them, or every reason why not.

mod attempt;
mod encoding;
mod env_from;
mod extract;
mod json;
mod resolve_error;
mod template;
mod walk;

pub use env_from::EnvFromError;
pub use extract::{Absent, ExtractError};
pub use resolve_error::{Problem, ResolveError};
pub use template::RenderError;

use std::collections::BTreeSet;

use crate::model::answer::Fetched;
use crate::model::plan::Plan;
use crate::model::reference::Locator;
use crate::model::resolved::Resolved;

use walk::Walk;

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
    plan.layers().iter().for_each(|layer| walk.layer(layer));
    if walk.wanted.is_empty() {
        Progress::Done(Outcome { resolved: walk.resolved, errors: walk.errors })
    } else {
        Progress::Wants(walk.wanted)
    }
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
            let document = |body| Document::new(SecretValue::new(body));
            (locator, answer().map(document).map_err(|error| FetchFailure::new(None, error)))
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
    fn a_default_is_for_absence_only() {
        let plan =
            Plan::new(vec![layer("A", "db:port", OnMissing::Default("5432".into()))], &Inherited::default(), None)
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
        let layers = vec![layer("A", "base", OnMissing::Fail), layer("A", "override", OnMissing::Omit)];
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
        let plan = Plan::new(vec![layer("A", "db", OnMissing::Omit)], &Inherited::default(), None).unwrap();
        let mut fetched = Fetched::default();
        answer(&plan, &mut fetched, absent);
        assert_eq!(value_of(&plan, &fetched), None);
    }

    #[test]
    fn every_failure_is_told_at_once() {
        let layers = vec![
            layer("A", "one", OnMissing::Fail),
            layer("B", "two", OnMissing::Fail),
            layer("C", "three", OnMissing::Omit),
        ];
        let plan = Plan::new(layers, &Inherited::default(), None).unwrap();
        let mut fetched = Fetched::default();
        answer(&plan, &mut fetched, absent);
        let errors = done(&plan, &fetched).unwrap_err();
        let mut labels: Vec<_> = errors.iter().map(|error| error.subject.label.as_str()).collect();
        labels.sort_unstable();
        assert_eq!(labels, ["A", "B"]);
    }

    fn object(reference: &str, naming: crate::model::entry::Naming) -> Layer {
        let reference = Reference::parse(reference).unwrap();
        let expansion = crate::model::entry::EnvFromEntry { reference, naming, origin: Origin::Argument("--env-from") };
        Layer { expansions: vec![expansion], ..Layer::default() }
    }

    #[test]
    fn what_a_later_object_covers_is_not_read() {
        let layers = vec![
            layer("A", "one", OnMissing::Fail),
            layer("B", "two", OnMissing::Fail),
            object("all", Default::default()),
        ];
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
        let mut both = layer("A", "one", OnMissing::Fail);
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
            matches!(&errors[0].problem, Problem::Expand { error: EnvFromError::Clash { name, .. }, .. } if name.as_deref() == Some("the variable A"))
        );
    }
}
