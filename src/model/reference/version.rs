//! References as users write them, and what they point to: `SECRET[:KEY[:STAGE[:VERSION-ID]]]`.
//!
//! [`Reference`] is the text with its fields told apart; [`SecretRef`] is where it leads once aliases and `${NAME}`
//! are known: a [`Locator`] (one request) and a [`Selector`] (one value in the answer).

/// Which version of a secret is read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// The version with the staging label AWSCURRENT, asked for by name.
    Current,
    /// The version with this staging label.
    Stage(String),
    /// The version with this id.
    Id(String),
    /// The version with this id, which must also carry this staging label.
    Both {
        /// The staging label.
        stage: String,
        /// The version id.
        id: String,
    },
}

/// The label of the version that is in force.
pub const AWSCURRENT: &str = "AWSCURRENT";

impl Version {
    /// From the two fields of a reference or an alias; an absent stage and id mean AWSCURRENT.
    pub fn new(stage: Option<String>, id: Option<String>) -> Self {
        match (stage, id) {
            (None, None) => Self::Current,
            (Some(stage), None) if stage == AWSCURRENT => Self::Current,
            (Some(stage), None) => Self::Stage(stage),
            (None, Some(id)) => Self::Id(id),
            (Some(stage), Some(id)) => Self::Both { stage, id },
        }
    }

    /// The staging label to ask for.
    pub fn stage(&self) -> Option<&str> {
        match self {
            Self::Current => Some(AWSCURRENT),
            Self::Stage(stage) | Self::Both { stage, .. } => Some(stage),
            Self::Id(_) => None,
        }
    }

    /// The label of a parameter to ask for; without one and without a version the newest is asked for, by naming neither.
    pub fn label(&self) -> Option<&str> {
        match self {
            Self::Stage(label) => Some(label),
            Self::Current | Self::Id(_) | Self::Both { .. } => None,
        }
    }

    /// Whether an answer with this version id and these staging labels is one; what an answer does not say is not held
    /// against it.
    pub fn is_answered_by(&self, id: Option<&str>, stages: &[String]) -> bool {
        let has_id = self.id().is_none_or(|wanted| id.is_none_or(|id| id == wanted));
        let has_stage =
            self.stage().is_none_or(|wanted| stages.is_empty() || stages.iter().any(|stage| stage == wanted));
        has_id && has_stage
    }

    /// The version id to ask for.
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::Current | Self::Stage(_) => None,
            Self::Id(id) | Self::Both { id, .. } => Some(id),
        }
    }
}
