//! Finds values that break the text around them. If the password in
//! `Password={{ db.password }};Encrypt=True` contains a `;`, for example, the program reads only
//! the part before it.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use zeroize::Zeroizing;

use super::remark::{Remark, is_object_or_array};

/// Finds a remark if a value breaks the text around it.
///
/// For `Password={{ db.password }};Encrypt=True`, `before` is `Password=` and `after` is
/// `;Encrypt=True`. If the text contains other values, a `1` replaces each of them.
///
/// Ignores blanks at either end of the value, which get remarks of their own, and JSON objects and
/// arrays, whose quotes are intentional.
pub fn surroundings_remark(value: &[u8], (before, after): (&str, &str)) -> Option<Remark> {
    let value = str::from_utf8(value).ok()?.trim();
    if value.is_empty() || is_object_or_array(value) {
        return None;
    }
    if let Some(c) = end_in_url(value, (before, after)) {
        let shown = Some(c).filter(char::is_ascii_punctuation);
        return Some(Remark::CutsUrl(shown));
    }

    let is_json = |value: &str| {
        let text = Zeroizing::new([before, value, after].concat());
        serde_json::from_str::<BTreeMap<String, IgnoredAny>>(&text).is_ok()
    };
    let breaks_json = is_json("1") && !is_json(value);
    let ends = match after.chars().next() {
        _ if breaks_json => "\"\\",
        Some('"') if before.ends_with('"') => "\"\\",
        Some('\'') if before.ends_with('\'') => "'",
        _ => "",
    };
    let separator = separator((before, after));
    let end = value
        .chars()
        .find(|c| ends.contains(*c) || separator == Some(*c));
    match end {
        Some(c) => Some(Remark::CutsText(c)),
        None if breaks_json => Some(Remark::BreaksJson),
        None => None,
    }
}

/// Finds the first character that should be percent-encoded in a value that is part of a URL.
///
/// `None` if there is no such character, or if the value isn't in a login or in a query parameter.
///
/// - In a login (`https://user:password@`), RFC 3986, section 3.2.1, lists the legal characters. A
///   colon ends the user name, so it is legal only in the password, right before the `@`.
/// - In a query (`?password=`), `&` and `#` end a value.
/// - In either case, two hexadecimal digits must follow a percent sign.
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

/// Finds the separator (`;`, `&` or `,`) of a list such as `user=app;password={{ db.password }}`.
/// `None` if the text isn't such a list.
///
/// The arguments are the text before and after the placeholder. The separator follows the
/// placeholder or, if the placeholder ends its line, comes before `password=`. A single pair counts
/// as a list only if a `;` follows it.
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
