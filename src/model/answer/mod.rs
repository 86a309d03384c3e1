//! What the sources answered: for each locator a document, or why there is none.

mod document;
mod fetch_error;

pub use document::{Document, PassedOver};
pub use fetch_error::{
    BeyondAgent, CredentialsError, Denial, FetchError, FetchFailure, Missing, Outage, Refusal, Wanted,
};

use std::collections::BTreeMap;

use crate::model::reference::Locator;

/// The answers, by locator.
#[derive(Debug, Default)]
pub struct Fetched(BTreeMap<Locator, Result<Document, FetchFailure>>);

impl Fetched {
    /// The answer for a locator; `None` when it was not asked for yet.
    pub fn get(&self, locator: &Locator) -> Option<&Result<Document, FetchFailure>> {
        self.0.get(locator)
    }

    /// Adds the answers of another round.
    pub fn extend(&mut self, answers: impl IntoIterator<Item = (Locator, Result<Document, FetchFailure>)>) {
        self.0.extend(answers);
    }
}

/// An answer for each locator that was asked for.
pub type Answers = Vec<(Locator, Result<Document, FetchFailure>)>;
