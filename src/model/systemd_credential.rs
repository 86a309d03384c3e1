//! systemd credentials: the request of a unit, and the names of units and credentials in
//! declarations.

use std::fmt;

use glob::Pattern;

/// The longest credential that systemd accepts, in bytes (systemd.exec(5)).
pub const MAX_LENGTH: usize = 1024 * 1024;

/// A credential of a unit: as the unit requests it, or as a declaration lists it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Credential {
    /// The name of the unit. In a declaration, it can be a pattern.
    pub unit: String,
    pub name: String,
}

impl Credential {
    /// Parses the requested credential out of the abstract address of systemd's end of the
    /// connection: `RANDOM/unit/UNIT/CREDENTIAL`, without the leading NUL (systemd.exec(5),
    /// LoadCredential=). Returns `None` for any other address. None of the four fields can contain
    /// a slash, or be empty.
    pub fn from_address(address: &[u8]) -> Option<Self> {
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

/// The types of units that start processes, so that they can load credentials.
const UNIT_TYPES: [&str; 4] = [".service", ".socket", ".mount", ".swap"];

/// Checks the name of a unit under `credentials:`. Returns its pattern, or `None` if it is an exact
/// name rather than a pattern. The type of the unit is only checked in an exact name, because a
/// pattern can end with `*`.
///
/// # Errors
/// A description of valid names, for a malformed pattern, and for an exact name that isn't the name
/// of a unit that starts processes.
pub fn parse_unit(text: &str) -> Result<Option<Pattern>, &'static str> {
    const EXPECTED: &str = "a unit name such as app.service or a pattern such as app@*.service";
    let is_pattern = text.contains(['*', '?', '[']);
    // The characters of a unit's name (systemd.unit(5)). A backslash begins an escape such as \x2d,
    // which a pattern matches literally.
    let legal_signs = if is_pattern {
        ":-_.\\@*?[]!"
    } else {
        ":-_.\\@"
    };
    let is_legal = |c: char| c.is_ascii_alphanumeric() || legal_signs.contains(c);
    if text.is_empty() || !text.chars().all(is_legal) {
        return Err(EXPECTED);
    }

    if is_pattern {
        Pattern::new(text).map(Some).map_err(|_| EXPECTED)
    } else if UNIT_TYPES.iter().any(|suffix| text.ends_with(suffix)) {
        Ok(None)
    } else {
        Err(EXPECTED)
    }
}

/// True for a name that systemd accepts: printable ASCII without `/` and `:`, at most 255 bytes
/// (systemd.exec(5)).
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
    fn a_pattern_under_credentials_matches_the_names_of_units() {
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
    fn a_credential_can_have_a_name_of_255_bytes_but_not_of_256() {
        assert!(is_credential_name(&"x".repeat(255)) && !is_credential_name(&"x".repeat(256)));
    }
}
