//! What the targets of `fuzz/` feed to the stages, and what must hold whatever they feed.
//!
//! It is there under `cfg(fuzzing)`, and in this crate's own tests, which put every seed of `fuzz/seeds` through it. A
//! property that does not hold panics, which is how libFuzzer hears of it.

use crate::model::answer::{Document, Fetched};
use crate::model::entry::{Entry, EntrySource, OnMissing, Origin, Target, Transform};
use crate::model::env_name::EnvName;
use crate::model::inherited::Inherited;
use crate::model::plan::{Layer, Plan, PlanError};
use crate::model::secret_value::SecretValue;
use crate::report::Failure;
use crate::resolve::{Outcome, Progress, ResolveError, resolve};

/// Stands in values and nowhere else, so an error that has it in it quotes a value.
pub const CANARY: &str = "c4n4ryInAValue";

/// A secret with every kind of value; each that can hold the canary does.
pub const SECRET: &str = concat!(
    r#"{"host":"c4n4ryInAValue","port":5432,"version":1.10,"ssl":true,"none":null,"empty":"","#,
    r#""base64":"YzRuNHJ5SW5BVmFsdWU=","hosts":["c4n4ryInAValue","b"],"list":"[1,\"c4n4ryInAValue\"]","#,
    r#""inner":{"z":-0,"a":[1e400,12345678901234567890,null,"</c4n4ryInAValue\""]},"dotted.key":"c4n4ryInAValue"}"#
);

/// What the user would read.
pub fn told(failure: &Failure) -> String {
    failure.lines().join("\n")
}

/// Whatever is said of `failure`, it must quote no value.
pub fn tells_no_value(failure: &Failure) {
    let lines = told(failure);
    assert!(!lines.is_empty(), "an error without words: {failure:?}");
    assert!(!lines.contains(CANARY), "a value is told: {lines}");
}

/// What is said of secrets that were read must not even know a value.
pub fn hold_no_value(errors: Vec<ResolveError>) {
    if !errors.is_empty() {
        assert!(!format!("{errors:?}").contains(CANARY), "a value is kept in an error: {errors:?}");
        tells_no_value(&Failure::Resolve(errors, Vec::new()));
    }
}

/// The variable A of a value, and nothing else.
pub fn layer(source: EntrySource) -> Option<Layer> {
    let target = Target::Env(EnvName::parse("A").ok()?);
    let (transform, on_missing) = (Transform::default(), OnMissing::Fail);
    let entry = Entry { target, source, transform, on_missing, origin: Origin::Argument("--env") };
    Some(Layer { entries: vec![entry], ..Layer::default() })
}

pub fn plan(layer: Layer) -> Result<Plan, Vec<PlanError>> {
    Plan::new(vec![layer], &Inherited::default(), None)
}

/// What a plan comes to when each of its secrets holds `body`.
pub fn resolve_all(plan: &Plan, body: &[u8]) -> Outcome {
    let mut fetched = Fetched::default();
    loop {
        let wanted: Vec<_> = match resolve(plan, &fetched) {
            Progress::Done(outcome) => return outcome,
            Progress::Pending(locators) => locators.into_iter().cloned().collect(),
        };
        let document = || Document::new(SecretValue::new(body));
        fetched.extend(wanted.into_iter().map(|locator| (locator, Ok(document()))));
    }
}

/// The one value that a plan gives, or else why there is none, which quotes nothing.
pub fn resolve_one(plan: &Plan, body: &[u8]) -> Option<Vec<u8>> {
    let Outcome { resolved, errors } = resolve_all(plan, body);
    assert_eq!(resolved.variables.len() + usize::from(!errors.is_empty()), 1, "neither a value nor a reason");
    if !errors.is_empty() {
        assert!(!told(&Failure::Resolve(errors, Vec::new())).is_empty());
        return None;
    }
    resolved.variables.first().map(|variable| variable.value.expose().to_vec())
}
