//! The target's environment: what it inherits, what is taken from that, and what is added.
//!
//! In this order: inherited; `--clean-env` and `--pass`; `--unset`; `--keep-existing`; resolved.

use glob::Pattern;

/// Compiles a list of names, in which `*` stands for anything.
pub fn known_patterns(list: &[&str]) -> Vec<Pattern> {
    list.iter().filter_map(|name| Pattern::new(name).ok()).collect()
}

pub fn matches_any(patterns: &[Pattern], name: &str) -> bool {
    patterns.iter().any(|pattern| pattern.matches(name))
}

/// Reads glob patterns.
///
/// # Errors
/// What is expected, when one of them is none.
pub fn parse_patterns(texts: &[String]) -> Result<Vec<Pattern>, &'static str> {
    // A shell's `[^…]` would mean something else here, silently.
    if texts.iter().any(|text| text.contains("[^")) {
        return Err("a glob pattern as it is understood here: write [!…] for [^…]");
    }
    texts.iter().map(|text| Pattern::new(text)).collect::<Result<_, _>>().map_err(|_| "a glob pattern, like 'APP_*'")
}
