//! The answers of a backend: for each locator a document, or the reason why there is none.

mod document;
mod failed_request;
mod fetch_error;
mod fetch_problem;
mod outage;

pub use document::{
    CachedAnswer, Caller, DescribedSecret, Description, Document, PassedOver, Replica,
    RotationSchedule,
};
pub use failed_request::NOT_SHOWN;
pub use fetch_error::{
    CredentialsError, CredentialsFault, Denial, FetchError, FetchFailure, Missing, Refusal,
};
pub use outage::{Again, Outage, OutageKind, Reason};

use std::collections::BTreeMap;

use crate::model::reference::Locator;

pub type Answer = Result<Document, FetchFailure>;

/// The answers, one for each requested locator.
pub type Answers = Vec<(Locator, Answer)>;

/// The answers by locator; a locator that was not requested has none.
pub type Fetched = BTreeMap<Locator, Answer>;
