//! Finds values that break the text around them. If the password in
//! `Password={{ db.password }};Encrypt=True` contains a `;`, the program reads only the part before
//! it.

use serde::de::IgnoredAny;
use zeroize::Zeroizing;

use super::remark::{Remark, is_object_or_array};

/// The syntax of the text around a lookup (a `{{ … }}`).
#[derive(Clone, Copy, PartialEq)]
pub enum Syntax {
    /// Any text that isn't a JSON object.
    Text,
    /// The lookup is a string in JSON, or a part of one.
    JsonString,
    /// The lookup is another JSON value, such as a number.
    JsonValue,
}

/// The remark on a value that breaks the text around it.
///
/// `printed` is what the filters made of `value`, and `is_escaped` is true if one of them may
/// escape characters. `before` and `after` are the text around the lookup, with a `1` for every
/// other lookup. Blanks at either end of the value are ignored, because they get remarks of their
/// own. JSON objects and arrays are ignored, too, because their quotes are intentional.
pub fn surroundings_remark(
    value: &[u8],
    printed: &[u8],
    is_escaped: bool,
    (before, after): (&str, &str),
    syntax: Syntax,
) -> Option<Remark> {
    let printed = str::from_utf8(printed).ok()?.trim();
    // A filter may have added a character that the value doesn't have. Messages don't show it.
    let is_from_value = |c: &char| !is_escaped || value.contains(&(*c as u8));
    if printed.is_empty() || is_object_or_array(printed) {
        return None;
    }
    if let Some(c) = end_in_url(printed, (before, after)) {
        let shown = Some(c).filter(|c| c.is_ascii_punctuation() && is_from_value(c));
        return Some(Remark::CutsUrl(shown));
    }

    let breaks_json = match syntax {
        Syntax::Text => false,
        Syntax::JsonString => !is_json(&["\"", printed, "\""]),
        // In `[{{ db.hosts }}]`, the value may be `1,2`, which is JSON only together with the text
        // around it.
        Syntax::JsonValue => !is_json(&[printed]) && !is_json(&[before, printed, after]),
    };
    if breaks_json {
        let end = printed.chars().find(|c| "\"\\".contains(*c));
        let is_whole_string = before.ends_with('"') && after.starts_with('"');
        return Some(match end.filter(is_from_value) {
            Some(c) if syntax == Syntax::JsonString && !is_whole_string => Remark::CutsText(c),
            end => Remark::BreaksJson(end),
        });
    }

    let quote = after.chars().next().filter(|c| before.ends_with(*c));
    let end = match quote {
        Some('"') if !is_escaped || syntax == Syntax::Text => '"',
        Some('\'') => '\'',
        // A filter has put the value in quotes, so nothing cuts it short.
        _ if is_escaped && printed.starts_with('"') => return None,
        _ => separator((before, after))?,
    };
    let mut rest = Zeroizing::new(printed.to_owned());
    if is_escaped {
        // Remove the escapes of a shell, SQL and C. Here, E stands for `end`. The order matters,
        // because removing one escape could break another.
        for escape in ["E\\EE", "EE", "\\\\", "\\E"] {
            rest = Zeroizing::new(rest.replace(&escape.replace('E', &end.to_string()), ""));
        }
    }
    rest.chars()
        .find(|c| *c == end || (*c == '\\' && end == '"' && !is_escaped))
        .filter(is_from_value)
        .map(Remark::CutsText)
}

fn is_json(parts: &[&str]) -> bool {
    let text = Zeroizing::new(parts.concat());
    serde_json::from_str::<IgnoredAny>(&text).is_ok()
}

/// The first character that should be percent-encoded in a login or a query parameter of a URL.
///
/// - In a login (`https://user:password@`), RFC 3986, section 3.2.1, lists the legal characters. A
///   colon ends the user name, so it is legal only in the password, right before the `@`.
/// - In a query (`?password=`), `&` and `#` end a value.
fn end_in_url(value: &str, (before, after): (&str, &str)) -> Option<char> {
    let ends_login = |c: char| c.is_whitespace() || "/?#\"'".contains(c);
    let rest = after.split(ends_login).next()?;
    let is_in_login = rest.contains('@')
        && before
            .rsplit_once("://")
            .is_some_and(|(_, login)| !login.contains(ends_login));
    let word = before
        .rsplit(|c: char| c.is_whitespace() || "\"'<>#".contains(c))
        .next()?;
    let is_in_query = word.ends_with('=')
        && word
            .split_once("://")
            .is_some_and(|(_, url)| url.contains('?'));
    if !is_in_login && !is_in_query {
        return None;
    }

    let (_, end) = value.char_indices().find(|(at, c)| match c {
        '%' => value
            .get(at + 1..at + 3)
            .is_none_or(|digits| !digits.bytes().all(|byte| byte.is_ascii_hexdigit())),
        _ if is_in_query => "&#".contains(*c),
        ':' => !rest.starts_with('@'),
        _ => !c.is_ascii_alphanumeric() && !"-._~!$&'()*+,;=".contains(*c),
    })?;
    Some(end)
}

/// The separator (`;`, `&` or `,`) of a list such as `user=app;password={{ db.password }}`.
///
/// It follows the `{{ … }}` or, if that ends the line, comes before `password=`. A single pair is
/// treated as a list only if a `;` follows it.
fn separator((before, after): (&str, &str)) -> Option<char> {
    let pairs = before.strip_suffix('=')?.rsplit('\n').next()?;
    let rest = after.lines().next().unwrap_or_default();
    match rest.chars().next() {
        Some(';') => Some(';'),
        Some(c @ ('&' | ',')) if pairs.contains('=') || rest.contains('=') => Some(c),
        Some(_) => None,
        None => {
            let (_, between) = pairs.rsplit_once('=')?;
            if between.contains(';') {
                return Some(';');
            }
            between
                .trim_end_matches(|c: char| c.is_alphanumeric() || "_.-".contains(c))
                .chars()
                .next_back()
                .filter(|c| "&,".contains(*c))
        }
    }
}
