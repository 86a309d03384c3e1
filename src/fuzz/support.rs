//! Inputs and assertions that the fuzz targets share.

use crate::model::answer::{Document, SecretValue};
use crate::model::entry::{Argument, Entry, Origin, Source, Target};
use crate::model::environment::{EnvName, Inherited};
use crate::model::message::{Circumstances, Problem};
use crate::model::outcome::Outcomes;
use crate::model::plan::{Layer, Plan};
use crate::report::Report;
use crate::report::layout::{Screen, record_lines};
use crate::resolve::resolve;

/// The canary: a text that the fuzz targets put only into the values of secrets. A message that
/// contains it shows a value.
pub const CANARY: &str = "c4n4ryInAValue";

/// The JSON of a secret, with values of every type. Most of its strings contain the canary.
pub const SECRET: &str = concat!(
    r#"{"host":"c4n4ryInAValue","port":5432,"version":1.10,"ssl":true,"none":null,"empty":"","#,
    r#""base64":"YzRuNHJ5SW5BVmFsdWU=","hosts":["c4n4ryInAValue","b"],"list":"[1,\"c4n4ryInAValue\"]","#,
    r#""inner":{"z":-0,"a":[1e400,12345678901234567890,null,"</c4n4ryInAValue\""]},"dotted.key":"c4n4ryInAValue"}"#
);

pub fn message(problem: &Problem) -> String {
    record_lines(&Report::from(problem.clone()).records(), Screen::Log)
}

/// Asserts that the problem has a message, and that the message doesn't show a value.
pub fn assert_quotes_no_value(problem: &Problem) {
    let lines = message(problem);
    assert!(
        !problem.text().is_empty(),
        "an error without a message: {problem:?}"
    );
    assert!(!lines.contains(CANARY), "a message quotes a value: {lines}");
}

/// Asserts that neither the errors nor their messages contain a value.
pub fn assert_hold_no_value(errors: Vec<Problem>) {
    for error in errors {
        assert!(
            !format!("{error:?}").contains(CANARY),
            "an error contains a value: {error:?}"
        );
        assert_quotes_no_value(&error);
    }
}

/// Makes a layer with a single entry, which sets the variable A from `source`. The result is never
/// `None`, because this name is valid.
pub fn layer(source: Source) -> Option<Layer> {
    let entry = Entry::new(
        Target::Env(EnvName::parse("A")?),
        source,
        Origin::Argument(Argument::Env),
    );
    Some(Layer {
        entries: vec![entry],
        ..Layer::default()
    })
}

pub fn plan(layer: Layer) -> Result<Plan, Vec<Problem>> {
    Plan::new(
        vec![layer],
        &Inherited::default(),
        Inherited::default(),
        false,
    )
}

/// Resolves a plan in which every secret has the value `body`.
pub fn resolve_all(plan: &Plan, body: &[u8]) -> Outcomes {
    let fetched = plan
        .locators()
        .into_iter()
        .map(|locator| (locator.clone(), Ok(Document::new(SecretValue::new(body)))))
        .collect();
    resolve(plan, &fetched, &Circumstances::default())
}

/// Lists the problems that left entries without a value.
pub fn reasons(outcomes: &Outcomes) -> Vec<Problem> {
    outcomes
        .problems()
        .into_iter()
        .map(|(_, problem)| problem)
        .collect()
}

/// Resolves a plan with one variable, and returns the value of the variable. Every secret has the
/// value `body`.
///
/// Asserts that there is either a value or an error with a message.
pub fn resolve_one(plan: &Plan, body: &[u8]) -> Option<Vec<u8>> {
    let outcomes = resolve_all(plan, body);
    let errors = reasons(&outcomes);
    let value = outcomes.values().next();
    assert_eq!(
        value.is_some(),
        errors.is_empty(),
        "there must be either a value or an error"
    );
    assert!(errors.iter().all(|error| !error.text().is_empty()));
    value.map(|(_, made)| made.value.expose().to_vec())
}
