//! The versions of secrets (staging labels and version ids) and of parameters (labels and version
//! numbers), and AWS's rules for them.

use super::arn::Store;

/// The version of a secret or parameter to request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// The version of a secret with the staging label AWSCURRENT, or the newest version of a
    /// parameter.
    Current,
    Stage(String),
    Id(String),
    /// The version with this id. It must also have this staging label.
    Both {
        stage: String,
        id: String,
    },
}

/// The staging label of the current version.
pub const AWSCURRENT: &str = "AWSCURRENT";

/// The staging labels that AWS sets.
pub const AWS_STAGES: [&str; 3] = [AWSCURRENT, "AWSPENDING", "AWSPREVIOUS"];

/// The maximum length of a staging label, in characters (`SecretVersionStageType` in the API
/// reference).
const MAX_STAGE_LENGTH: usize = 256;

/// The length of a version id, in characters (`SecretVersionIdType` in the API reference).
const ID_LENGTHS: std::ops::RangeInclusive<usize> = 32..=64;

impl Version {
    /// Checks a version that the user has written against AWS's rules for the store.
    ///
    /// # Errors
    /// The reason why a secret or parameter can't have such a version, as a predicate of a sentence
    /// about the reference.
    pub fn validate(&self, store: Store) -> Result<(), &'static str> {
        let (stage, id) = (self.stage(), self.id());
        match store {
            _ if stage.is_some_and(|stage| stage.chars().count() > MAX_STAGE_LENGTH) => {
                Err("has a staging label that is longer than 256 characters")
            }
            Store::SecretsManager
                if id.is_some_and(|id| !ID_LENGTHS.contains(&id.chars().count())) =>
            {
                Err("has a version id that isn't 32 to 64 characters long")
            }
            Store::SecretsManager => Ok(()),
            Store::ParameterStore => match (stage, id) {
                (Some(_), Some(_)) => {
                    Err("has both a label and a version, but a parameter can have only one of them")
                }
                (Some(label), None) if label.starts_with(|c: char| c.is_ascii_digit()) => Err(
                    "has a label that begins with a digit (write one more colon before a version: ssm:/prod/app/level:::3)",
                ),
                (None, Some(number)) => validate_number(number),
                (_, None) => Ok(()),
            },
        }
    }

    /// Creates a version from STAGE and VERSION-ID. If neither is given, the result is the current
    /// version.
    pub fn new(stage: Option<String>, id: Option<String>) -> Self {
        match (stage, id) {
            (None, None) => Self::Current,
            (Some(stage), None) if stage == AWSCURRENT => Self::Current,
            (Some(stage), None) => Self::Stage(stage),
            (None, Some(id)) => Self::Id(id),
            (Some(stage), Some(id)) => Self::Both { stage, id },
        }
    }

    /// Returns the staging label to request. Returns `None` if only a version id is given, because
    /// it is requested without a label.
    pub fn stage(&self) -> Option<&str> {
        match self {
            Self::Current => Some(AWSCURRENT),
            Self::Stage(stage) | Self::Both { stage, .. } => Some(stage),
            Self::Id(_) => None,
        }
    }

    /// Returns the label of a parameter to request. Returns `None` for any other version. Without a
    /// label and a version, AWS returns the newest one.
    pub fn label(&self) -> Option<&str> {
        let Self::Stage(label) = self else {
            return None;
        };
        Some(label)
    }

    /// True if an answer with this version id and these staging labels is for this version. The
    /// answer may leave out its id or its labels.
    pub fn is_answered_by(&self, id: Option<&str>, stages: &[String]) -> bool {
        let has_id = self
            .id()
            .is_none_or(|requested| id.is_none_or(|id| id == requested));
        let has_stage = self.stage().is_none_or(|requested| {
            stages.is_empty() || stages.iter().any(|stage| stage == requested)
        });
        has_id && has_stage
    }

    /// Returns the version id to request, or the number of a parameter's version. Returns `None` if
    /// the version is named only by a label.
    pub fn id(&self) -> Option<&str> {
        let (Self::Id(id) | Self::Both { id, .. }) = self else {
            return None;
        };
        Some(id)
    }
}

/// Checks the number of a parameter's version: a positive number that fits into a signed integer of
/// 64 bits, in which AWS stores it.
///
/// # Errors
/// The predicate of a sentence about a reference with any other number.
fn validate_number(text: &str) -> Result<(), &'static str> {
    match text.parse::<i64>() {
        Ok(1..) if text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(()),
        Ok(_) | Err(_) => Err("has a version that is not a positive number"),
    }
}
