//! Glob patterns for the names of variables: `*`, `?`, `[A-Z]` and `[!A-Z]`, as the crate glob matches them.

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
/// The crate's words about the first text that is no pattern; the empty text, which matches no name, is none either.
pub fn parse_patterns(texts: &[String]) -> Result<Vec<Pattern>, &'static str> {
    let parse = |text: &String| match text.as_str() {
        "" => Err("it is empty"),
        text => Pattern::new(text).map_err(|error| error.msg),
    };
    texts.iter().map(parse).collect()
}
