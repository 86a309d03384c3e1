//! Versions of secrets and parameters: staging labels (labels, for a parameter) and version ids (numbers).

/// The version of a secret to request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// The secret with the staging label AWSCURRENT, or the newest version of a parameter.
    Current,
    Stage(String),
    Id(String),
    /// The version with this id, which must also have this staging label.
    Both {
        stage: String,
        id: String,
    },
}

/// The staging label of the current version.
pub const AWSCURRENT: &str = "AWSCURRENT";

impl Version {
    /// Creates a version from STAGE and VERSION-ID; without both it is the current one.
    pub fn new(stage: Option<String>, id: Option<String>) -> Self {
        match (stage, id) {
            (None, None) => Self::Current,
            (Some(stage), None) if stage == AWSCURRENT => Self::Current,
            (Some(stage), None) => Self::Stage(stage),
            (None, Some(id)) => Self::Id(id),
            (Some(stage), Some(id)) => Self::Both { stage, id },
        }
    }

    /// The staging label to request.
    pub fn stage(&self) -> Option<&str> {
        match self {
            Self::Current => Some(AWSCURRENT),
            Self::Stage(stage) | Self::Both { stage, .. } => Some(stage),
            Self::Id(_) => None,
        }
    }

    /// The label of a parameter to request; a request with neither label nor version returns the newest version.
    pub fn label(&self) -> Option<&str> {
        match self {
            Self::Stage(label) => Some(label),
            Self::Current | Self::Id(_) | Self::Both { .. } => None,
        }
    }

    /// True if an answer with this version id and these staging labels matches. A field that the answer omits matches.
    pub fn is_answered_by(&self, id: Option<&str>, stages: &[String]) -> bool {
        let has_id = self.id().is_none_or(|wanted| id.is_none_or(|id| id == wanted));
        let has_stage =
            self.stage().is_none_or(|wanted| stages.is_empty() || stages.iter().any(|stage| stage == wanted));
        has_id && has_stage
    }

    /// The version id to request.
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::Current | Self::Stage(_) => None,
            Self::Id(id) | Self::Both { id, .. } => Some(id),
        }
    }
}
