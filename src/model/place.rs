//! The place of a setting: what has set it. A setting that a message may name is a [`Placed`] from
//! where it is read until the message is written, so that the message tells the user what to change.

use std::fmt::{self, Display, Formatter};

use super::problem::Status;
use super::shown::noun_with_name;

/// The place of a setting: the flag, variable, declaration, profile or alias that has set it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// An option on the command line. The name has no `--`.
    Flag(&'static str),
    /// A variable: one of ours, or another one such as `AWS_REGION`.
    Variable(String),
    /// An option in a declaration. The position is that of its key: `app.yaml:3:5`.
    Declaration {
        position: String,
        option: &'static str,
    },
    /// A setting in a profile of AWS's configuration files.
    Profile { name: String, key: String },
    /// An alias in a declaration, which may set a region.
    Alias,
}

/// The value of a setting, and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed<T> {
    pub value: T,
    pub place: Place,
}

impl<T> Placed<T> {
    pub fn new(value: T, place: &Place) -> Self {
        let place = place.clone();
        Self { value, place }
    }
}

/// Writes what messages call the setting: `--region`, `SECRETS_EXEC_REGION`, `app.yaml:3:5: region`
/// or `region in the AWS profile "dev"`.
impl Display for Place {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => write!(f, "--{name}"),
            Self::Variable(name) => f.write_str(name),
            Self::Declaration { position, option } => write!(f, "{position}: {option}"),
            Self::Profile { name, key } => {
                write!(f, "{key} in the {}", noun_with_name("AWS profile", name))
            }
            Self::Alias => f.write_str("an alias"),
        }
    }
}

impl Place {
    pub fn variable(name: &str) -> Self {
        Self::Variable(name.to_owned())
    }

    /// The exit status if the text of the setting is wrong.
    pub fn status(&self) -> Status {
        match self {
            Self::Flag(_) | Self::Variable(_) | Self::Profile { .. } => Status::Usage,
            Self::Declaration { .. } | Self::Alias => Status::Configuration,
        }
    }

    /// How to undo the setting, for a help: `remove --agent` or `unset SECRETS_EXEC_AGENT`.
    pub fn undo(&self) -> String {
        match self {
            Self::Variable(name) => format!("unset {name}"),
            Self::Flag(_) | Self::Declaration { .. } | Self::Profile { .. } | Self::Alias => {
                format!("remove {self}")
            }
        }
    }
}
