//! The result of an entry whose value is absent.

/// The result if the secret, its version or its key does not exist. A denial or an outage is not an absence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnMissing {
    /// An error: the command is not started.
    Fail,
    /// As if the entry were not written: an entry of an earlier layer applies.
    Omit,
    /// This text, without the entry's transform.
    Default(String),
}
