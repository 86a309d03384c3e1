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
/// The expected form, for the first text that is no glob pattern, or that uses what only a shell's patterns have: to the crate it
/// means other names, or none.
pub fn parse_patterns(texts: &[String]) -> Result<Vec<Pattern>, &'static str> {
    texts.iter().map(|text| parse_pattern(text)).collect()
}

fn parse_pattern(text: &str) -> Result<Pattern, &'static str> {
    check_dialect(text)?;
    // To the crate, `**` is a whole component of a path.
    let mut text = text.to_owned();
    while text.contains("**") {
        text = text.replace("**", "*");
    }
    Pattern::new(&text).map_err(|_| EXPECTED)
}

fn check_dialect(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err(EXPECTED);
    }
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '\\' => return Err(NO_ESCAPES),
            '{' | '}' => {
                return Err("a glob pattern (there is no {…}; give each alternative by itself)");
            }
            // No variable's name needs these, which zsh and regular expressions give a meaning.
            '(' | ')' | '|' => return Err("a glob pattern (there is no (…|…); give each alternative by itself)"),
            ',' => return Err("a glob pattern (there is no list with commas; give each pattern by itself)"),
            '^' | '$' => return Err("a glob pattern (it always matches the whole name; leave ^ and $ out)"),
            '<' | '>' => return Err("a glob pattern (there are no ranges like <1-9>; write [1-9])"),
            '[' if rest.starts_with('^') => {
                return Err("a glob pattern (write [!…] instead of [^…])");
            }
            '[' => {
                let set = rest.strip_prefix('!').unwrap_or(rest);
                // A `]` that is the first character is one of the set.
                let first = set.chars().next().map_or(0, char::len_utf8);
                let Some(end) = set[first..].find(']').map(|end| first + end) else { return Ok(()) };
                check_set(&set[..end])?;
                rest = &set[end + 1..];
            }
            _ => {}
        }
    }
    Ok(())
}

/// Checks the characters between brackets.
fn check_set(set: &str) -> Result<(), &'static str> {
    if set.contains('\\') {
        return Err(NO_ESCAPES);
    }
    if ["[:", "[.", "[="].iter().any(|class| set.contains(class)) {
        return Err("a glob pattern (there are no classes like [:upper:]; write [A-Z])");
    }
    let characters: Vec<char> = set.chars().collect();
    let mut at = 0;
    while let Some(&first) = characters.get(at) {
        match (characters.get(at + 1), characters.get(at + 2)) {
            (Some('-'), Some(last)) if first > *last => return Err("a glob pattern (a range must ascend, like [A-Z])"),
            (Some('-'), Some(_)) => at += 3,
            _ => at += 1,
        }
    }
    Ok(())
}

const EXPECTED: &str = "a glob pattern, like 'APP_*'";

const NO_ESCAPES: &str = "a glob pattern (there are no escapes with \\; write [*] for a literal *)";

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        matches_any(&parse_patterns(&[pattern.to_owned()]).unwrap(), name)
    }

    #[test]
    fn a_pattern_matches_as_it_does_in_a_shell() {
        for (pattern, name) in [
            ("APP_*", "APP_A/B"),
            ("A**", "ABC"),
            ("***", "A"),
            ("A?", "AB"),
            ("[A-C]X", "BX"),
            ("[!A-C]X", "DX"),
            ("[]x]", "]"),
            ("[!]x]", "y"),
            ("[a-]", "-"),
            ("[*][(][{][|,^$<]", "*({|"),
            ("[.]", "."),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        assert!(!matches("app_*", "APP_X") && !matches("A", "AB"));
    }

    #[test]
    fn what_only_other_dialects_have_is_an_error_that_says_so() {
        for (pattern, what) in [
            ("X\\1", "escapes"),
            ("[\\]]", "escapes"),
            ("[[:upper:]]*", "[:upper:]"),
            ("[A[:digit:]_]", "[:upper:]"),
            ("[[=a=]]", "[:upper:]"),
            ("[^A]*", "[!…]"),
            ("{A,B}_*", "{…}"),
            ("@(A|B)", "(…|…)"),
            ("!(A)", "(…|…)"),
            ("(A|B)", "(…|…)"),
            ("A|B", "(…|…)"),
            ("A)", "(…|…)"),
            ("A,B", "commas"),
            ("^A", "whole name"),
            ("A$", "whole name"),
            ("A<1-9>", "[1-9]"),
            ("", "'APP_*'"),
            ("[z-a]", "ascend"),
            ("[!A-Cz-a]", "ascend"),
            ("[", "'APP_*'"),
            ("[!]", "'APP_*'"),
        ] {
            let error = parse_patterns(&[pattern.to_owned()]).unwrap_err();
            assert!(error.contains(what), "{pattern}: {error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "[-A-C*?!^$|,<>(){}\\[\\]:.\\\\é]{0,12}") {
            let _ = parse_patterns(&[text]);
        }
    }
}
