//! Errors of AWS's configuration files.

use std::fmt;

use crate::system::os_error::ReadFailure;

/// An error in AWS's configuration files.
#[derive(Debug, PartialEq, Eq)]
pub enum SetupError {
    /// The profile that an option, a variable or another profile names does not exist.
    NoProfile {
        name: String,
        /// The names of the existing profiles, sorted.
        known: Vec<String>,
        named_by: ProfileSource,
        /// True if the configuration file has a section of this name without `profile`.
        lacks_prefix: bool,
    },
    /// `mfa_serial` in the chain of this profile, with `--on-rotation`: nobody types a code hours later.
    MfaCode { profile: String, serial: String },
    /// A configuration file cannot be read or parsed.
    Files(ReadFailure),
    /// A setting of the profile has an invalid value.
    Setting {
        profile: String,
        key: &'static str,
        text: String,
        /// The valid values, in words.
        expected: &'static str,
    },
}

/// The setting that names a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProfileSource {
    /// An option or a variable.
    Setting(&'static str),
    /// The `source_profile` of this profile.
    Profile(String),
}

/// The text for files that were changed since the launch began and are invalid now. `report` words the errors of the first reading.
impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoProfile { name, .. } => write!(f, "the profile {name:?} does not exist any more"),
            Self::MfaCode { profile, .. } => write!(f, "the profile {profile:?} requires an MFA code"),
            Self::Files(failure) => f.write_str(&failure.why),
            Self::Setting { profile, key, expected, .. } => {
                write!(f, "the profile {profile:?}: {key} is no longer {expected}")
            }
        }
    }
}
