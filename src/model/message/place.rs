//! The place that a setting comes from, such as `--region` or AWS_REGION. A setting that a message
//! may name is a [`Placed`], so that the message can say what to change.

use std::fmt::{self, Display, Formatter};

use super::problem::Status;
use crate::model::shown::noun_with_name;

/// The place that a setting comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The option's name without `--`: `region`.
    Flag(&'static str),
    /// The variable's name, such as `SECRETS_EXEC_REGION` or `AWS_REGION`.
    Variable(String),
    /// An option, or an alias's region, in a declaration. `position` is `app.yaml:3:5`, for
    /// example.
    Declaration {
        position: String,
        option: &'static str,
    },
    /// A setting in AWS's configuration files.
    Profile { name: String, key: String },
}

/// A setting's value and its place.
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

/// For messages: `--region`, `SECRETS_EXEC_REGION`, `app.yaml:3:5: region` or
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

    /// The exit status if this setting is invalid.
    pub fn status(&self) -> Status {
        match self {
            Self::Flag(_) | Self::Variable(_) | Self::Profile { .. } => Status::Usage,
            Self::Declaration { .. } => Status::Configuration,
        }
    }

    /// The help for removing this setting: `remove --agent`, or `unset SECRETS_EXEC_AGENT`.
    pub fn undo(&self) -> String {
        match self {
            Self::Variable(name) => format!("unset {name}"),
            Self::Flag(_) | Self::Declaration { .. } | Self::Profile { .. } => {
                format!("remove {self}")
            }
        }
    }
}
