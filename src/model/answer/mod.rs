//! The answers of a backend: for each locator a document, or the reason why there is none.

mod asked;
mod description;
mod document;
mod fetch_error;
mod fetch_problem;
mod outage;

pub use asked::Asked;
pub use description::{Caller, DescribedSecret, Description, Replica, Rotation};
pub use document::{CachedAnswer, Document, PassedOver};
pub use fetch_error::{CredentialsError, Denial, FetchError, FetchFailure, Missing, Refusal, Wanted};
pub use outage::{Outage, OutageKind, Reason};

use std::collections::BTreeMap;

use crate::model::reference::Locator;

pub type Answer = Result<Document, FetchFailure>;

/// One answer for each requested locator.
pub type Answers = Vec<(Locator, Answer)>;

/// All answers so far, by locator.
#[derive(Debug, Default)]
pub struct Fetched(BTreeMap<Locator, Answer>);

impl FromIterator<(Locator, Answer)> for Fetched {
    fn from_iter<T: IntoIterator<Item = (Locator, Answer)>>(answers: T) -> Self {
        Self(answers.into_iter().collect())
    }
}

impl Fetched {
    /// Returns `None` for a locator that was not requested yet.
    pub fn get(&self, locator: &Locator) -> Option<&Answer> {
        self.0.get(locator)
    }

    /// The answers by locator.
    pub fn iter(&self) -> impl Iterator<Item = (&Locator, &Answer)> {
        self.0.iter()
    }

    /// Adds the answers of another round of requests.
    pub fn extend(&mut self, answers: impl IntoIterator<Item = (Locator, Answer)>) {
        self.0.extend(answers);
    }
}
