//! systemd's credentials: the request of a unit, and the names in declarations.

use std::fmt;

use glob::Pattern;

/// The longest credential that systemd accepts, in bytes (systemd.exec(5)).
pub const MAX_LENGTH: usize = 1024 * 1024;

/// A credential of a unit, as the unit requests it or as a declaration lists it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Credential {
    /// The name of a unit; in a declaration, it may be a pattern.
    pub unit: String,
    pub name: String,
}

impl Credential {
    /// Parses the abstract address of systemd's end of the connection, without its leading NUL: `RANDOM/unit/UNIT/CREDENTIAL`
    /// (systemd.exec(5), LoadCredential=). Neither name may contain a slash.
    pub fn parse(address: &[u8]) -> Option<Self> {
        let fields: Vec<&str> = std::str::from_utf8(address).ok()?.split('/').collect();
        match fields[..] {
            [random, "unit", unit, name] if ![random, unit, name].contains(&"") => Some(Self {
                unit: unit.to_owned(),
                name: name.to_owned(),
            }),
            _ => None,
        }
    }
}

impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.unit, self.name)
    }
}

/// The types of units that start processes, and so may load credentials.
const UNIT_TYPES: [&str; 4] = [".service", ".socket", ".mount", ".swap"];

/// Parses a unit of `credentials:`: `None` is a name, else the pattern.
///
/// # Errors
/// The expected form.
pub fn parse_unit(text: &str) -> Result<Option<Pattern>, &'static str> {
    const EXPECTED: &str =
        "a unit's name, like app.service, or a pattern of names, like app@*.service";
    let is_pattern = text.contains(['*', '?', '[']);
    // The characters of a unit's name (systemd.unit(5)); a backslash begins an escape like \x2d, which a pattern takes literally.
    let legal_signs = if is_pattern {
        ":-_.\\@*?[]!"
    } else {
        ":-_.\\@"
    };
    if text.is_empty()
        || !text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || legal_signs.contains(c))
    {
        return Err(EXPECTED);
    }
    if !is_pattern {
        return if UNIT_TYPES.iter().any(|suffix| text.ends_with(suffix)) {
            Ok(None)
        } else {
            Err(EXPECTED)
        };
    }
    Pattern::new(text).map(Some).map_err(|_| EXPECTED)
}

/// True for a name that systemd accepts: printable ASCII without `/` and `:`, at most 255 bytes (systemd.exec(5)).
pub fn is_credential_name(name: &str) -> bool {
    let is_plain = name
        .bytes()
        .all(|byte| matches!(byte, b' '..=b'~') && byte != b'/' && byte != b':');
    (1..=255).contains(&name.len()) && is_plain && name != "." && name != ".."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_the_names_of_units() {
        for (pattern, unit) in [
            ("app@*.service", "app@1.service"),
            ("**", "a.service"),
            ("a\\x2d?.service", "a\\x2db.service"),
            ("[!a]*", "b.mount"),
        ] {
            assert!(
                parse_unit(pattern).unwrap().unwrap().matches(unit),
                "{pattern}"
            );
        }
    }

    #[test]
    fn a_credentials_name_has_at_most_255_bytes() {
        assert!(is_credential_name(&"x".repeat(255)) && !is_credential_name(&"x".repeat(256)));
    }
}
