//! Plan and answers become values: every one of them, or every reason why not.

use super::env_from::EnvFromError;
use super::extract::ExtractError;
use super::template::RenderError;
use crate::model::answer::{FetchError, FetchFailure};
use crate::model::entry::Subject;
use crate::model::reference::{Region, SecretRef};

/// Why something has no value.
#[derive(Clone, Debug, PartialEq)]
pub struct ResolveError {
    /// What has none.
    pub subject: Subject,
    /// What was to be read for it.
    pub reference: Option<SecretRef>,
    /// Why it has none.
    pub problem: Problem,
}

/// Why something has no value.
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
    /// The secret is there, but its keys cannot become variables.
    Expand {
        /// Where the secret was read.
        region: Option<Region>,
        /// Why not.
        error: EnvFromError,
    },
    /// The secrets are there, but a template cannot be made of them.
    Render {
        /// Where the secret was read that it is about.
        region: Option<Region>,
        /// Why not.
        error: RenderError,
    },
    /// `decode: base64` of something else.
    NotBase64,
}

impl Problem {
    /// Whether the value does not exist, which an entry may provide for. A denial or an outage is no absence.
    pub fn is_absence(&self) -> bool {
        match self {
            Self::Fetch(failure) => matches!(failure.error, FetchError::NotFound { .. }),
            Self::Extract { error, .. } => matches!(error, ExtractError::Absent(_)),
            Self::Render { error, .. } => matches!(error, RenderError::Absent { .. }),
            Self::Expand { .. } | Self::NotBase64 => false,
        }
    }
}
