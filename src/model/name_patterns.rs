//! Glob patterns for the names of variables.

use glob::Pattern;

/// Compiles a list of the program's own patterns, all of which are valid.
pub fn known_patterns(list: &[&str]) -> Vec<Pattern> {
    list.iter().filter_map(|name| Pattern::new(name).ok()).collect()
}

pub fn matches_any(patterns: &[Pattern], name: &str) -> bool {
    patterns.iter().any(|pattern| pattern.matches(name))
}

/// Compiles the patterns of an option.
///
/// # Errors
/// The expected form, if a text is no glob pattern.
pub fn parse_patterns(texts: &[String]) -> Result<Vec<Pattern>, &'static str> {
    // `[^a]` means "not a" to a shell, but "^ or a" to the glob crate.
    if texts.iter().any(|text| text.contains("[^")) {
        return Err("a glob pattern (write [!…] instead of [^…])");
    }
    texts.iter().map(|text| Pattern::new(text)).collect::<Result<_, _>>().map_err(|_| "a glob pattern, like 'APP_*'")
}
