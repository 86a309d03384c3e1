//! systemd's credentials: the request of a unit, the names in declarations, and the selection of the entry that answers.

use std::collections::BTreeSet;
use std::fmt;

use glob::Pattern;

use super::plan::Layer;
use super::problem::Problem;
use super::suggest;

/// The longest credential that systemd accepts, in bytes (systemd.exec(5)).
pub const MAX_LENGTH: usize = 1024 * 1024;

/// A unit, and the name of the credential that it loads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialRequest {
    pub unit: String,
    pub name: String,
}

impl CredentialRequest {
    /// Parses the abstract address of systemd's end of the connection, without its leading NUL: `RANDOM/unit/UNIT/CREDENTIAL`
    /// (systemd.exec(5), LoadCredential=). Neither name may contain a slash.
    pub fn parse(address: &[u8]) -> Option<Self> {
        let fields: Vec<&str> = std::str::from_utf8(address).ok()?.split('/').collect();
        match fields[..] {
            [random, "unit", unit, name] if ![random, unit, name].contains(&"") => {
                Some(Self { unit: unit.to_owned(), name: name.to_owned() })
            }
            _ => None,
        }
    }
}

impl fmt::Display for CredentialRequest {
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
    const EXPECTED: &str = "a unit's name, like app.service, or a pattern of names, like app@*.service";
    let is_pattern = text.contains(['*', '?', '[']);
    // The characters of a unit's name (systemd.unit(5)); a backslash begins an escape like \x2d, which a pattern takes literally.
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte);
    let is_of_pattern = |byte: u8| is_pattern && b"*?[]!".contains(&byte);
    if text.is_empty() || !text.bytes().all(|byte| is_legal(byte) || is_of_pattern(byte)) {
        return Err(EXPECTED);
    }
    if !is_pattern {
        return if UNIT_TYPES.iter().any(|suffix| text.ends_with(suffix)) { Ok(None) } else { Err(EXPECTED) };
    }
    Pattern::new(text).map(Some).map_err(|_| EXPECTED)
}

/// True for a name that systemd accepts: printable ASCII without `/` and `:`, at most 255 bytes (systemd.exec(5)).
pub fn is_credential_name(name: &str) -> bool {
    let is_legal = |byte: u8| (b' '..=b'~').contains(&byte) && !b"/:".contains(&byte);
    (1..=255).contains(&name.len()) && ![".", ".."].contains(&name) && name.bytes().all(is_legal)
}

/// Leaves in `layers` only the entries that answer `request`. A unit's own name beats every pattern, whichever file it is in.
///
/// # Errors
/// When no declaration lists the credential, or several patterns match the unit.
pub fn select(layers: &mut [Layer], request: &CredentialRequest) -> Result<(), Problem> {
    let unit = unit_of(layers, request)?;
    let mut known = BTreeSet::new();
    let mut is_found = false;
    for layer in layers {
        layer.entries.clear();
        layer.env_from.clear();
        let units = std::mem::take(&mut layer.credentials).into_iter().filter(|credentials| credentials.unit == unit);
        for mut entry in units.flat_map(|credentials| credentials.entries) {
            let Some(target) = entry.target.credential_mut() else { continue };
            known.insert(target.name.clone());
            if target.name == request.name {
                // Messages name the unit that asks, not its pattern.
                target.unit.clone_from(&request.unit);
                layer.entries.push(entry);
                is_found = true;
            }
        }
    }
    if is_found {
        return Ok(());
    }
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let listed = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    let nearest = did_you_mean(&request.name, known);
    Err(refused(request, &format!("`credentials:` lists {listed} for {unit}")).help_if(nearest))
}

/// Returns the unit of `credentials:`, a name or a pattern, that stands for the unit of `request`.
fn unit_of(layers: &[Layer], request: &CredentialRequest) -> Result<String, Problem> {
    let units: BTreeSet<&str> =
        layers.iter().flat_map(|layer| &layer.credentials).map(|credentials| credentials.unit.as_str()).collect();
    if units.contains(request.unit.as_str()) {
        return Ok(request.unit.clone());
    }
    let matches = |unit: &&str| parse_unit(unit).ok().flatten().is_some_and(|pattern| pattern.matches(&request.unit));
    let patterns: Vec<String> = units.iter().copied().filter(matches).map(str::to_owned).collect();
    match &patterns[..] {
        [pattern] => Ok(pattern.clone()),
        [] => {
            let refused = refused(request, "no declaration lists the unit under `credentials:`");
            let help = "name the declaration with -f FILE, and the unit in it";
            Err(refused.help(help).help_if(did_you_mean(&request.unit, units)))
        }
        patterns => {
            let why = format!("the patterns {} under `credentials:` match the unit", patterns.join(" and "));
            let help = format!("list {} by its name, or change the patterns so that one matches", request.unit);
            Err(refused(request, &why).help(help))
        }
    }
}

fn refused(CredentialRequest { unit, name }: &CredentialRequest, why: &str) -> Problem {
    Problem::configuration(format!("{unit} is refused the credential {name}: {why}"))
}

fn did_you_mean<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    Some(format!("did you mean {}?", suggest::nearest(text, known.into_iter())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_holds_the_unit_and_the_credential() {
        let request = CredentialRequest::parse(b"7346d6d71a010657/unit/app@1.service/tok").unwrap();
        assert_eq!((&*request.unit, &*request.name), ("app@1.service", "tok"));
        for address in
            ["", "r/unit/app.service", "r/unit//tok", "/unit/a.service/t", "r/user/a.service/t", "r/unit/a/b/c"]
        {
            assert_eq!(CredentialRequest::parse(address.as_bytes()), None, "{address}");
        }
        assert_eq!(CredentialRequest::parse(b"r/unit/\xff/t"), None);
    }

    #[test]
    fn a_unit_is_a_name_with_its_type_or_a_pattern() {
        for name in ["app.service", "app@1.service", "a-b.socket", "dev-disk\\x2dby.swap", "x.mount"] {
            assert_eq!(parse_unit(name), Ok(None), "{name}");
        }
        for (pattern, unit) in [
            ("app@*.service", "app@1.service"),
            ("**", "a.service"),
            ("a\\x2d?.service", "a\\x2db.service"),
            ("[!a]*", "b.mount"),
        ] {
            assert!(parse_unit(pattern).unwrap().unwrap().matches(unit), "{pattern}");
        }
        for wrong in ["", "app", "app.timer", "a b.service", "a/b.service", "[", "a{b,c}*.service"] {
            assert!(parse_unit(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_credential_has_the_name_of_a_file_without_a_colon() {
        assert!(is_credential_name("db-password") && is_credential_name("a.b_c 1"));
        for wrong in ["", ".", "..", "a/b", "a:b", "\u{e9}", "a\n"] {
            assert!(!is_credential_name(wrong), "{wrong:?}");
        }
        assert!(is_credential_name(&"x".repeat(255)) && !is_credential_name(&"x".repeat(256)));
    }
}
