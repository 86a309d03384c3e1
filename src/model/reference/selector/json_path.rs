//! RFC 9535 JSONPath: parsed by jsonpath-rust, and checked for what it accepts beyond the RFC.

use jsonpath_rust::parser::model::JpQuery;
use jsonpath_rust::parser::parse_json_path;

use super::function_types::check_query;
use crate::model::library_text::json_path_column;

/// An RFC 9535 query as written, and parsed.
#[derive(Clone, Debug)]
pub struct JsonPath {
    text: String,
    query: JpQuery,
}

/// The reason that a text is no JSONPath.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JsonPathError {
    /// `column` is counted from 1, if the parser returns it.
    Syntax { column: Option<usize> },
    /// A function of a filter that is used against its types, as a predicate.
    Type(String),
}

impl JsonPath {
    /// Parses `text`, which begins with `$`.
    ///
    /// # Errors
    /// When RFC 9535 calls it invalid, which jsonpath-rust does not always do.
    pub fn parse(text: &str) -> Result<Self, JsonPathError> {
        let query = parse_json_path(text)
            .map_err(|error| JsonPathError::Syntax { column: json_path_column(&error.to_string()) })?;
        if let Some(column) = stray_blank(text) {
            return Err(JsonPathError::Syntax { column: Some(column) });
        }
        check_query(&query).map_err(JsonPathError::Type)?;
        Ok(Self { text: text.to_owned(), query })
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn query(&self) -> &JpQuery {
        &self.query
    }
}

impl PartialEq for JsonPath {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// Returns the column (from 1) of white space that RFC 9535 does not allow and jsonpath-rust ignores: within a name, after a dot,
/// and outside brackets anywhere but before a segment.
fn stray_blank(text: &str) -> Option<usize> {
    let outside: Vec<usize> = outside_brackets(text).map(|(at, _)| at).collect();
    let mut before = None;
    for (at, c) in outside_quotes(text) {
        let after = text[at + c.len_utf8()..].trim_start_matches(is_blank).chars().next();
        let splits_name = before.is_some_and(is_name_character) && after.is_some_and(is_name_character);
        let can_follow = matches!(after, Some('.' | '[')) || outside.binary_search(&at).is_err();
        if is_blank(c) && (splits_name || before == Some('.') || !can_follow) {
            return Some(text[..at].chars().count() + 1);
        }
        if !is_blank(c) {
            before = Some(c);
        }
    }
    None
}

/// The white space of RFC 9535; any other is a character of a name.
fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

fn is_name_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii()
}

/// Returns the characters of a path, with their offsets, that are not part of a string.
fn outside_quotes(path: &str) -> impl Iterator<Item = (usize, char)> {
    let mut quote = None;
    let mut escaped = false;
    path.char_indices().filter(move |&(_, c)| {
        match (quote, c) {
            _ if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), _) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, _) => return true,
        }
        false
    })
}

/// Returns the characters of a path outside brackets, with their offsets. A quoted `]` closes no bracket.
pub fn outside_brackets(path: &str) -> impl Iterator<Item = (usize, char)> {
    let mut depth = 0_usize;
    let mut quote = None;
    let mut escaped = false;
    path.char_indices().filter(move |&(_, c)| {
        match (quote, c) {
            _ if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), _) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') if depth > 0 => quote = Some(c),
            (None, '[') => depth += 1,
            (None, ']') => depth = depth.saturating_sub(1),
            (None, _) => return depth == 0,
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Queries that break a rule of RFC 9535, by the section of that rule.
    const INVALID: [(&str, &[&str]); 9] = [
        (
            "2.1 blanks",
            &["$ ", "$.a ", "$. a", "$.a b", "$.a. b", "$.. a", "$[?@.a b]", "$[?@. a == 1]", "$[?(@.a) b]"],
        ),
        ("2.1.1 numbers", &["$[01]", "$[-0]", "$[- 1]", "$[1.0]", "$[9007199254740992]", "$[1:01]", "$[?@.a == 01]"]),
        ("2.3.1 names", &["$.", "$.1a", "$.a-b", "$.'a'", "$['a", "$[a]", r"$['\x']", r"$['\ud800']", "$['\u{1}']"]),
        ("2.3.4 slices", &["$[1:2:3:4]", "$[:::]", "$[1 2:3]", "$['a':1]"]),
        ("2.3.5 filters", &["$[?]", "$[?1]", "$[?true]", "$[?'a']", "$[?@.a = 1]", "$[?@.a == 1 == 2]", "$[?@.a ||]"]),
        ("2.3.5.1 singular queries", &["$[?@.* == 1]", "$[?@..a == 1]", "$[?@[0, 1] == 1]", "$[?@[:] == 1]"]),
        ("2.5 segments", &["$a", "$..", "$...a", "$[]", "$[,]", "$['a',]", "$[*", "$]", "@.a", "a", ""]),
        (
            "2.4 functions",
            &[
                "$[?length()> 1]",
                "$[?count(@.a, @.b) > 1]",
                "$[?count (@.*) > 1]",
                "$[?len(@) > 1]",
                "$[?in(@.a, $.b)]",
            ],
        ),
        (
            "2.4.3 well-typedness",
            &[
                "$[?count(@..*)]",
                "$[?!length(@.a)]",
                "$[?value(@.a) && @.b]",
                "$[?match(@.a, 'a') == true]",
                "$[?length(@.*) < 3]",
                "$[?length(@['a', 'b']) < 3]",
                "$[?length(@.a == 1) < 3]",
                "$[?length((@.a)) < 3]",
                "$[?length(match(@.a, 'a')) < 3]",
                "$[?count(1) > 1]",
                "$[?count(length(@)) > 1]",
                "$[?value('a') == 'a']",
                "$[?match(@.*, 'a')]",
                "$[?search(@.a, @..b)]",
                "$[?@.a[?length(@)]]",
                "$[?count(@.a[?count(@.b)]) > 1]",
                "$..[1, ?length(@)]",
            ],
        ),
    ];

    #[test]
    fn a_query_that_breaks_a_rule_of_rfc_9535_is_refused() {
        for (section, queries) in INVALID {
            for query in queries {
                assert!(JsonPath::parse(query).is_err(), "{section}: {query}");
            }
        }
    }

    #[test]
    fn a_query_that_keeps_the_rules_is_accepted() {
        for query in [
            "$ .a [0]",
            "$[ 'a' , 1 , ::2 ]",
            "$.a\u{a0}b",
            "$[?@.a ||\t! @ .b]",
            r#"$["\ud834\udd1e\/"]"#,
            "$[?length(@.a[0]) > count($..*)]",
            "$[?length(value(@..a)) < 3]",
            "$[?search(@.a, $.pattern) && !match('a b', @.b)]",
            "$[?@[?@.* && @['a b'] == -0.5e+1]]",
        ] {
            assert!(JsonPath::parse(query).is_ok(), "{query}");
        }
    }
}
