//! The place that a setting comes from, such as `--region` or AWS_REGION. A setting that a message
//! may name is a [`Placed`], which keeps the value and its place together. So the message can tell
//! the user what to change.

use std::fmt::{self, Display, Formatter};

use super::problem::Status;
use crate::model::shown::noun_with_name;

/// The place that a setting comes from: a flag, a variable, a declaration or an AWS profile.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A command-line option, without its `--`: `region`.
    Flag(&'static str),
    /// An environment variable, such as `SECRETS_EXEC_REGION` or `AWS_REGION`.
    Variable(String),
    /// An option in a declaration, or the region of an alias. `position` says where it is:
    /// `app.yaml:3:5`.
    Declaration {
        position: String,
        option: &'static str,
    },
    /// A setting in a profile of AWS's configuration files.
    Profile { name: String, key: String },
}

/// The value of a setting, and where it comes from.
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

/// Names the setting for messages: `--region`, `SECRETS_EXEC_REGION`, `app.yaml:3:5: region` or
/// `region in the AWS profile "dev"`.
impl Display for Place {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => write!(f, "--{name}"),
            Self::Variable(name) => f.write_str(name),
            Self::Declaration { position, option } => write!(f, "{position}: {option}"),
            Self::Profile { name, key } => {
                write!(f, "{key} in the {}", noun_with_name("AWS profile", name))
            }
        }
    }
}

impl Place {
    pub fn variable(name: &str) -> Self {
        Self::Variable(name.to_owned())
    }

    /// The exit status of a launch that fails because this setting is invalid.
    pub fn status(&self) -> Status {
        match self {
            Self::Flag(_) | Self::Variable(_) | Self::Profile { .. } => Status::Usage,
            Self::Declaration { .. } => Status::Configuration,
        }
    }

    /// Tells the user how to undo the setting: `remove --agent`, or `unset SECRETS_EXEC_AGENT`.
    pub fn undo(&self) -> String {
        match self {
            Self::Variable(name) => format!("unset {name}"),
            Self::Flag(_) | Self::Declaration { .. } | Self::Profile { .. } => {
                format!("remove {self}")
            }
        }
    }
}
