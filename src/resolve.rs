//! Plan and answers become values: every one of them, or every reason why not.

mod encoding;
mod extract;
mod json;

pub use extract::{Absent, ExtractError};

use std::collections::BTreeSet;

use crate::binding::{Absence, Binding, Recipe};
use crate::fetched::{FetchError, FetchFailure, Fetched};
use crate::plan::Plan;
use crate::reference::{Locator, Region};
use crate::resolved::{Resolved, Variable};
use crate::secret::SecretValue;
use extract::Extractor;

/// Why a variable has no value.
#[derive(Debug, PartialEq)]
pub struct ResolveError {
    /// The binding that gave none.
    pub binding: Binding,
    /// Why.
    pub problem: Problem,
}

/// Why a binding gave no value.
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
    /// `decode: base64` of something else.
    NotBase64,
}

impl Problem {
    /// Whether the value does not exist, which an entry may provide for. A denial or an outage is no absence.
    fn is_absence(&self) -> bool {
        match self {
            Self::Fetch(failure) => matches!(failure.error, FetchError::NotFound { .. }),
            Self::Extract { error, .. } => matches!(error, ExtractError::Absent(_)),
            Self::NotBase64 => false,
        }
    }
}

/// What must be read next: the locators that decide the value of some variable and have no answer yet.
///
/// The first round reads what every variable names; a further one only what lies behind an optional entry that turned
/// out to be absent.
pub fn outstanding<'a>(plan: &'a Plan, fetched: &Fetched) -> BTreeSet<&'a Locator> {
    let mut extractor = Extractor::default();
    let undecided = |chain: &'a [Binding]| {
        chain.iter().find_map(|binding| match (binding.locator(), attempt(binding, fetched, &mut extractor)) {
            (Some(locator), None) => Some(Some(locator)),
            (_, Some(Err(problem))) if problem.is_absence() && binding.absence == Absence::Omit => None,
            _ => Some(None),
        })
    };
    plan.variables().filter_map(undecided).flatten().collect()
}

/// The value of every variable.
///
/// # Errors
/// Every binding that gave none and has nothing to fall back on.
pub fn resolve(plan: &Plan, fetched: &Fetched) -> Result<Resolved, Vec<ResolveError>> {
    let mut extractor = Extractor::default();
    let mut errors = Vec::new();
    let mut resolved = Vec::new();
    for chain in plan.variables() {
        for binding in chain {
            let (value, read_from) = match attempt(binding, fetched, &mut extractor) {
                Some(Ok(value)) => (value, binding.locator().cloned()),
                Some(Err(problem)) => match &binding.absence {
                    Absence::Omit if problem.is_absence() => continue,
                    Absence::Default(text) if problem.is_absence() => (SecretValue::new(text.as_str()), None),
                    Absence::Fail | Absence::Omit | Absence::Default(_) => {
                        errors.push(ResolveError { binding: binding.clone(), problem });
                        break;
                    }
                },
                // `outstanding` asks until every locator that matters has an answer.
                None => break,
            };
            resolved.push(Variable { name: binding.name.clone(), value, origin: binding.origin.clone(), read_from });
            break;
        }
    }
    if errors.is_empty() { Ok(resolved.into_iter().collect()) } else { Err(errors) }
}

/// The value of one binding, or why there is none; `None` while its secret has no answer.
fn attempt<'a>(
    binding: &'a Binding,
    fetched: &Fetched,
    extractor: &mut Extractor<'a>,
) -> Option<Result<SecretValue, Problem>> {
    let value = match &binding.recipe {
        Recipe::Literal(text) => SecretValue::new(text.as_str()),
        Recipe::Secret { reference, .. } => match fetched.get(&reference.locator)? {
            Err(failure) => return Some(Err(Problem::Fetch(failure.clone()))),
            Ok(document) => match extractor.extract(&reference.locator, document, &reference.selector) {
                Ok(value) => value,
                Err(error) => return Some(Err(Problem::Extract { region: document.region.clone(), error })),
            },
        },
    };
    Some(encoding::apply(binding.transform, value).map_err(|encoding::NotBase64| Problem::NotBase64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alias::Aliases;
    use crate::binding::{Entry, EntrySource, EnvName, Origin, Transform};
    use crate::environment::Inherited;
    use crate::fetched::{Denial, Document, Missing};
    use crate::plan::Layer;
    use crate::reference::Reference;

    fn layer(name: &str, reference: &str, absence: Absence) -> Layer {
        let entry = Entry {
            name: EnvName::parse(name).unwrap(),
            source: EntrySource::Reference(Reference::parse(reference).unwrap()),
            transform: Transform::default(),
            absence,
            origin: Origin::Argument("--env"),
        };
        Layer { aliases: Aliases::default(), entries: vec![entry] }
    }

    fn answer(plan: &Plan, fetched: &mut Fetched, answer: impl Fn() -> Result<&'static str, FetchError>) {
        let answers = outstanding(plan, fetched).into_iter().map(|locator| {
            let document =
                |body| Document { body: SecretValue::new(body), version_id: None, stages: Vec::new(), region: None };
            (locator.clone(), answer().map(document).map_err(|error| FetchFailure { region: None, error }))
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
        resolve(plan, fetched).unwrap().get(Some("A")).map(|variable| variable.value.expose().to_vec())
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
        assert_eq!(resolve(&plan, &fetched).unwrap_err().len(), 1);
    }

    #[test]
    fn an_absent_optional_entry_gives_way_to_what_it_covers() {
        let layers = vec![layer("A", "base", Absence::Fail), layer("A", "override", Absence::Omit)];
        let plan = Plan::new(layers, &Inherited::default(), None).unwrap();
        let mut fetched = Fetched::default();
        answer(&plan, &mut fetched, absent);
        assert_eq!(outstanding(&plan, &fetched).len(), 1);
        answer(&plan, &mut fetched, || Ok("from base"));
        assert!(outstanding(&plan, &fetched).is_empty());
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
        let errors = resolve(&plan, &fetched).unwrap_err();
        assert_eq!(errors.iter().map(|error| error.binding.name.as_str()).collect::<Vec<_>>(), ["A", "B"]);
    }
}
