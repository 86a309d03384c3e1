//! The answers of a backend: for each locator a document, or the reason why there is none.

mod asked;
mod description;
mod document;
mod fetch_error;
mod fetch_problem;
mod outage;

pub use asked::Asked;
pub use description::{Caller, DescribedSecret, Description, Replica, RotationSchedule};
pub use document::{CachedAnswer, Document, PassedOver};
pub use fetch_error::{CredentialsError, Denial, FetchError, FetchFailure, Missing, Refusal, Wanted};
pub use outage::{Outage, OutageKind, Reason};

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::model::reference::Locator;

pub type Answer = Result<Document, FetchFailure>;

/// One answer for each requested locator.
pub type Answers = Vec<(Locator, Answer)>;

/// The answers by locator.
#[derive(Debug, Default)]
pub struct Fetched(BTreeMap<Locator, Answer>);

impl FromIterator<(Locator, Answer)> for Fetched {
    fn from_iter<T: IntoIterator<Item = (Locator, Answer)>>(answers: T) -> Self {
        Self(answers.into_iter().collect())
    }
}

impl Fetched {
    /// Returns `None` for a locator that was not requested.
    pub fn get(&self, locator: &Locator) -> Option<&Answer> {
        self.0.get(locator)
    }

    /// The answers by locator.
    pub fn iter(&self) -> impl Iterator<Item = (&Locator, &Answer)> {
        self.0.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds answers, each in place of an earlier one for its locator.
    pub fn extend(&mut self, answers: impl IntoIterator<Item = (Locator, Answer)>) {
        self.0.extend(answers);
    }

    /// The failures among the answers for these locators.
    pub fn failures(&self, locators: &BTreeSet<Locator>) -> Vec<&FetchFailure> {
        locators.iter().filter_map(|locator| self.get(locator)?.as_ref().err()).collect()
    }

    /// Notes in every failure that `--wait` has waited so long.
    pub fn note_wait(&mut self, wait: Duration) {
        for failure in self.0.values_mut().filter_map(|answer| answer.as_mut().err()) {
            failure.waited = Some(wait);
        }
    }
}
