//! The format of lines before the options are parsed, so that errors in these have it, too.

use std::ffi::OsString;

use crate::model::inherited::Inherited;
use crate::model::options::LogFormat;

const OPTION: &str = "--log-format";

/// Returns the format that the arguments before `--` give last, or else SECRETS_EXEC_LOG_FORMAT. An illegal one counts as none.
pub fn log_format(arguments: &[OsString], inherited: &Inherited) -> Option<LogFormat> {
    let words = || arguments.iter().take_while(|word| *word != "--");
    let mut given = None;
    for (word, next) in words().zip(words().skip(1).map(Some).chain([None])) {
        let Some(rest) = word.as_encoded_bytes().strip_prefix(OPTION.as_bytes()) else { continue };
        let text = match rest {
            [] => next.map_or(&[][..], |next| next.as_encoded_bytes()),
            [b'=', text @ ..] => text,
            _ => continue,
        };
        given = std::str::from_utf8(text).ok().and_then(LogFormat::find).or(given);
    }
    given.or_else(|| LogFormat::find(inherited.filled("SECRETS_EXEC_LOG_FORMAT")?.to_str()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(arguments: &[&str], variable: &str) -> Option<LogFormat> {
        let inherited = Inherited::new(std::iter::once(("SECRETS_EXEC_LOG_FORMAT".into(), variable.into())));
        let arguments: Vec<OsString> = arguments.iter().map(Into::into).collect();
        log_format(&arguments, &inherited)
    }

    #[test]
    fn the_last_legal_format_before_the_command_counts() {
        assert_eq!(format(&["--log-format", "json", "--", "--log-format=text"], ""), Some(LogFormat::Json));
        assert_eq!(format(&["check", "--log-format=json", "--log-format=text"], ""), Some(LogFormat::Text));
        assert_eq!(format(&["--log-format", "json", "--log-format"], ""), Some(LogFormat::Json));
        assert_eq!(format(&["--log-format", "--", "json"], ""), None);
        assert_eq!(format(&["--log-formats=json"], ""), None);
    }

    #[test]
    fn a_flag_overrides_the_variable() {
        assert_eq!(format(&["--", "x"], "json"), Some(LogFormat::Json));
        assert_eq!(format(&["--log-format=text"], "json"), Some(LogFormat::Text));
        assert_eq!(format(&["--log-format=xml"], "json"), Some(LogFormat::Json));
        assert_eq!(format(&[], "xml"), None);
    }
}
