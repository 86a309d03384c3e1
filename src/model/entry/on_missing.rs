//! What becomes of a variable or file: where its value comes from, what is done to it, and what happens when it is absent.

/// What happens when a secret, its version or its key does not exist. A denial or an outage is never an absence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnMissing {
    /// Nothing is launched.
    Fail,
    /// The entry counts as not written.
    Omit,
    /// This text is set as it is.
    Default(String),
}
