//! A secret of the fake: its versions, and the faults that precede them.

use std::collections::VecDeque;

use super::fault::Fault;
use crate::support::watch;

/// The version id of AWSCURRENT.
pub const CURRENT_ID: &str = "c0c0c0c0-1111-4222-8333-444455556666";
/// The version id that [`Secret::previous`] gives.
pub const PREVIOUS_ID: &str = "b0b0b0b0-1111-4222-8333-444455556666";

#[derive(Clone)]
pub struct Secret {
    pub versions: Vec<Version>,
    /// The faults of the first requests, in order.
    pub faults: VecDeque<Fault>,
    /// The fault of all later requests.
    pub failing: Option<Fault>,
    pub held: bool,
    pub cut_short: bool,
}

#[derive(Clone)]
pub struct Version {
    pub id: &'static str,
    pub stages: Vec<String>,
    pub content: Content,
}

#[derive(Clone)]
pub enum Content {
    Text(String),
    Binary(Vec<u8>),
    /// Neither SecretString nor SecretBinary.
    Nothing,
}

impl Secret {
    /// Text, which is JSON as a rule.
    pub fn text(value: &str) -> Self {
        watch::secret_text(value);
        Self::of(Content::Text(value.to_owned()))
    }

    pub fn binary(value: impl Into<Vec<u8>>) -> Self {
        let bytes = value.into();
        watch::binary(&bytes);
        Self::of(Content::Binary(bytes))
    }

    /// A success with neither SecretString nor SecretBinary.
    pub fn empty() -> Self {
        Self::of(Content::Nothing)
    }

    pub fn failing(fault: Fault) -> Self {
        Self { failing: Some(fault), ..Self::empty() }
    }

    fn of(content: Content) -> Self {
        let version = Version { id: CURRENT_ID, stages: vec!["AWSCURRENT".to_owned()], content };
        Self { versions: vec![version], faults: VecDeque::new(), failing: None, held: false, cut_short: false }
    }

    /// Gives the current version another id.
    pub fn with_id(mut self, id: &'static str) -> Self {
        self.versions[0].id = id;
        self
    }

    /// Adds the current version of `other` as this secret's AWSPREVIOUS.
    pub fn previous(mut self, other: Self) -> Self {
        let older = other.versions.into_iter().map(|version| Version {
            id: PREVIOUS_ID,
            stages: vec!["AWSPREVIOUS".to_owned()],
            ..version
        });
        self.versions.extend(older);
        self
    }

    /// Answers the first requests with these faults.
    pub fn after(mut self, faults: impl IntoIterator<Item = Fault>) -> Self {
        self.faults.extend(faults);
        self
    }

    /// Holds the answer until [`Aws::release`](super::Aws::release).
    pub fn held(mut self) -> Self {
        self.held = true;
        self
    }

    /// Answers with JSON that ends too early.
    pub fn cut_short(mut self) -> Self {
        self.cut_short = true;
        self
    }
}
