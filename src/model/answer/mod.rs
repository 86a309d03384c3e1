//! The answers that a backend returns, one for each locator: a document, or the reason why there isn't one.
//!
//! `fetch_error` has the reasons, as data on which code decides. `fetch_problem` words them, and `failed_request` adds what depends on the
//! request, such as the hint with the corrected reference. `outage` has the failures that may be temporary.

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

/// The answers of one fetch, in any order: one for each requested locator.
pub type Answers = Vec<(Locator, Answer)>;

/// The answers by locator. A locator that hasn't been requested isn't in the map.
pub type Fetched = BTreeMap<Locator, Answer>;
