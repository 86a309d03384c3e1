//! The errors of a resolution: one for each target that has no value, with the reference that failed.

use super::env_from::EnvFromError;
use super::extract::ExtractError;
use super::template::RenderError;
use crate::model::answer::{FetchError, FetchFailure};
use crate::model::entry::Subject;
use crate::model::plan::EntryId;
use crate::model::reference::{Region, SecretRef};

/// The reason that a target has no value.
#[derive(Clone, Debug, PartialEq)]
pub struct ResolveError {
    pub entry: EntryId,
    pub subject: Subject,
    /// The reference that failed; `None` for an error about the whole of a template.
    pub reference: Option<SecretRef>,
    pub problem: ResolveProblem,
}

/// The step of a resolution that failed. `region` is the region that the document was read from.
#[derive(Clone, Debug, PartialEq)]
pub enum ResolveProblem {
    Fetch(FetchFailure),
    /// The document was fetched, but the selector gives no value.
    Extract {
        region: Option<Region>,
        error: ExtractError,
    },
    /// The document was fetched, but its keys cannot become variables.
    EnvFrom {
        region: Option<Region>,
        error: EnvFromError,
    },
    /// The documents were fetched, but the template cannot be rendered.
    Render {
        /// The region of the document that the error is about.
        region: Option<Region>,
        error: RenderError,
    },
    /// `decode: base64` of a value that is not base64.
    NotBase64,
}

impl ResolveProblem {
    /// True if the value does not exist, so that `default` or `optional` applies. A denial or an outage is no absence.
    pub fn is_absence(&self) -> bool {
        match self {
            Self::Fetch(failure) => matches!(failure.error, FetchError::NotFound { .. }),
            Self::Extract { error, .. } => matches!(error, ExtractError::Absent(_)),
            Self::Render { error, .. } => matches!(error, RenderError::Absent { .. }),
            Self::EnvFrom { .. } | Self::NotBase64 => false,
        }
    }
}
