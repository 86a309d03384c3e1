//! The place of a value in a text with references, where a character of the value may have a
//! meaning: in `Password={{ db.password }};Encrypt=True`, a `;` ends the password too early.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use zeroize::Zeroizing;

use crate::model::remark::{Remark, is_object_or_array};

/// The remark on a value that breaks the text around it. `before` and `after` are this text, in
/// which a `1` replaces each other value. The blanks around a value don't matter, because they have
/// remarks of their own. `None` if the value fits, and for a JSON object or array, whose quotes are
/// there on purpose.
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

/// The first character of a value that should be percent-encoded in the URL around the value. In a
/// login, this is a character that isn't legal there (RFC 3986, section 3.2.1). A colon separates
/// the user from the password, so it is legal only right before the `@`. In a query, as in
/// `?password=`, this is a character that ends the value. In both, it can be a percent sign without
/// two hexadecimal digits. `None` anywhere else.
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

/// The character between the pairs of a list such as `user=app;password=…`, for the value of a
/// pair. It follows the value or, if the value ends its line, is found before the name of the value.
/// `None` for a single pair, unless a `;` follows it.
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
