//! Messages about the profiles and configuration files of AWS.

use crate::backend::aws::{ProfileSource, SetupError};
use crate::model::quoting::quoted_unless_secret;
use crate::model::suggest;
use crate::report::line::Line;

pub fn setup(error: &SetupError) -> Vec<Line> {
    let what = match error {
        SetupError::NoProfile { name, known, named_by, lacks_prefix } => {
            let nearest = suggest::nearest(name, known.iter().map(String::as_str));
            let hint = match (nearest, known.is_empty()) {
                _ if *lacks_prefix => format!("in the configuration file write [profile {name}], not [{name}]"),
                (Some(nearest), _) => format!("did you mean {nearest:?}?"),
                (None, true) => "there are no profiles; check HOME and AWS_CONFIG_FILE".to_owned(),
                (None, false) => format!("the profiles are {}", known.join(", ")),
            };
            let whose = match named_by {
                ProfileSource::Profile(other) => format!("source_profile of {other:?}"),
                ProfileSource::Setting(setting) => (*setting).to_owned(),
            };
            let what = format!("the AWS profile {name:?} ({whose}) does not exist");
            return vec![Line::error(what), Line::help(hint)];
        }
        SetupError::MfaCode { profile, serial } => {
            let serial = quoted_unless_secret(serial);
            let what = format!(
                "the AWS profile {profile:?}: mfa_serial: {serial} is a device whose codes cannot be asked for later"
            );
            return vec![Line::error(what), Line::help("use credentials without a code with --on-rotation")];
        }
        SetupError::Files(failure) => format!("the AWS configuration files cannot be read: {}", failure.why),
        SetupError::Setting { profile, key, text, expected } => {
            format!("the AWS profile {profile:?}: {key}: {} is not {expected}", quoted_unless_secret(text))
        }
    };
    vec![Line::error(what)]
}
