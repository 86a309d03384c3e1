//! The answers that a backend returns, one for each locator: a document, or the reason why there
//! isn't one.
//!
//! `fetch_error` has the reasons, and what code decides on. `failed_request` makes the problem, and
//! adds what depends on the request, such as the hint with the corrected reference.

mod document;
mod failed_request;
mod fetch_error;

pub use document::{
    CachedAnswer, Caller, DescribedSecret, Description, Document, Replica, RotationSchedule,
};
pub use failed_request::FetchFailure;
pub use fetch_error::{
    Again, CREDENTIALS_REFUSED, Cause, CredentialsFault, Denial, FetchError, Missing, OutageKind,
    Refusal, Unsigned,
};

use std::collections::BTreeMap;

use crate::model::reference::Locator;

pub type Answer = Result<Document, FetchFailure>;

/// The result of a request, or of a part of one.
pub type FetchResult<T> = Result<T, FetchError>;

/// The answers of one fetch, in any order: one for each requested locator.
pub type Answers = Vec<(Locator, Answer)>;

/// The answers by locator. A locator that hasn't been requested isn't in the map.
pub type Fetched = BTreeMap<Locator, Answer>;
