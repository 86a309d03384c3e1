//! What the sources answered: for each locator a document, or why there is none.

use std::collections::BTreeMap;

use crate::reference::{Locator, Region};
use crate::secret::SecretValue;

/// One version of a secret.
#[derive(Debug)]
pub struct Document {
    /// The secret's text or bytes.
    pub body: SecretValue,
    /// The version's id; a local file has none.
    pub version_id: Option<String>,
    /// The staging labels of that version.
    pub stages: Vec<String>,
    /// Where it was read; a local file has no region.
    pub region: Option<Region>,
}

/// Why there is no document, and where it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchFailure {
    /// The region that was asked, where one was.
    pub region: Option<Region>,
    /// Why it gave none.
    pub error: FetchError,
}

/// Why a source gave no document. Only [`FetchError::NotFound`] is an absence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchError {
    /// There is no such secret, or it has no such version.
    NotFound {
        /// Which of the two is missing.
        missing: Missing,
        /// An existing id that is much like the one asked for, where the source knows its ids.
        nearest: Option<String>,
    },
    /// AWS, or its key service, does not let this identity read the secret.
    Denied {
        /// What AWS said, in one line.
        message: String,
        /// What to do about it.
        cause: Denial,
    },
    /// No answer, or none that could be used, within the time there was; trying again later may help.
    Unavailable(Outage),
    /// An answer that will be the same next time: marked for deletion, an invalid parameter, a certificate.
    Refused(Refusal),
    /// No credentials to ask with.
    NoCredentials(CredentialsError),
    /// No region to ask in.
    NoRegion,
}

/// What does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The secret itself.
    Secret,
    /// That version of it.
    Version,
}

/// Why a request was denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// The identity may not do it, and AWS named the secret's ARN.
    Policy,
    /// The same, but AWS named no ARN, as it does for a secret that may not exist at all.
    PolicyOrMissing,
    /// The key that encrypts the secret may not be used, or cannot be.
    Key,
    /// AWS does not accept the credentials.
    Credentials,
    /// The role may not be assumed.
    Role,
}

/// Why there was no usable answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outage {
    /// AWS asked to slow down until the time was over.
    Throttled(String),
    /// AWS failed by itself (5xx).
    Service(String),
    /// The time was over before an answer came.
    Timeout(String),
    /// There was no connection, or it broke.
    Connection(String),
    /// What answered was not AWS, or its answer was damaged.
    Garbled(String),
    /// The clocks of this machine and of AWS differ too much.
    ClockSkew(String),
}

/// Why asking again would not help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The secret is on its way out; it can be restored.
    MarkedForDeletion,
    /// The secret holds neither text nor bytes.
    NoValue,
    /// The roots that certificates are held against cannot be read.
    TrustStore(String),
    /// The server's certificate is not trusted.
    Certificate(String),
    /// This kind of reference cannot be read yet.
    NotYet,
    /// AWS refused the request itself.
    Request(String),
}

/// Why there are no credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialsError {
    /// Each source that was tried, and why it gave none.
    pub tried: Vec<(&'static str, String)>,
    /// Whether trying later may help: a source is there but did not answer.
    pub temporary: bool,
}

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
