//! `SECRET[:KEY[:STAGE[:VERSION-ID]]]`: taking it apart, looking its secret up, and printing it again.
//!
//! The format is CodeBuild's, and that of ECS `valueFrom` ARNs. An ARN is its own 7 (Secrets Manager) or 6 (SSM) fields;
//! `${NAME}` is one token whatever it holds; a colon inside the brackets or quotes of a JSONPath belongs to the path.

use super::secret_id::SecretIdError;
use super::store::Store;

/// What is wrong with a reference.
#[derive(Clone, Debug, PartialEq)]
pub enum ReferenceError {
    /// Nothing was written.
    Empty,
    /// A field after VERSION-ID.
    TooManyFields,
    /// A KEY that begins with `$` and is no JSONPath.
    BadPath {
        /// The path.
        path: String,
        /// Where it stops making sense, counted from 1.
        column: Option<usize>,
    },
    /// `${` without `}`, or with something other than a variable's name in it.
    BadVariable,
    /// `${NAME}` of a variable that is not set.
    Unset(String),
    /// `${NAME}` of a variable whose value is not text.
    NotText(String),
    /// `${NAME}` beside other text, of a variable that holds a colon.
    Colon(String),
    /// `${NAME}` of a variable that holds `ssm:` and a parameter's name.
    Prefix(String),
    /// A space, a line break or the like in the STAGE or VERSION-ID field.
    IllegalCharacter(char),
    /// The secret's id is not one.
    Id(SecretIdError),
    /// What variables gave is no secret's id. What they hold is not told: it may be a secret by mistake.
    Expanded(&'static str),
    /// A parameter with both a label and a version.
    LabelAndVersion,
    /// A template's name that no alias has.
    NoAlias {
        /// The name.
        name: String,
        /// An alias that is much like it.
        nearest: Option<String>,
    },
    /// An ARN in a task definition with a number of fields that ECS does not take.
    EcsFields {
        /// The ARN and what follows it.
        text: String,
        /// How many fields it has.
        count: usize,
        /// Whose ARN it is, which decides how many there may be.
        store: Store,
    },
}
