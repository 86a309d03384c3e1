//! Remarks on values that somebody probably stored by mistake, such as a password with a carriage
//! return at its end.
//!
//! A value is examined in its plain form: after decoding and filters such as `trim`, and before
//! encoding. So `{{ pw | trim }}` gets no remark about a line feed at the end of `pw`. In a
//! template, each value is examined on its own. `resolve` collects the remarks, and `report` only
//! words them.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;

use crate::model::entry::Target;
use crate::model::environment::assigned_name;
use crate::model::fault::unseen_ends;
use crate::model::reference::Reference;

/// Something that looks like a mistake in a value, although it is legal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Remark {
    Empty,
    Blank,
    /// The value is a single line that begins with this invisible character, such as a space.
    Begins(char),
    /// The value is a single line that ends with this invisible character, often a line feed.
    Ends(char),
    /// The value ends with a line feed from the template itself, as with `template: |`.
    TemplateLineFeed,
    /// The value is a single line that contains an escape character, as in a terminal's color
    /// codes.
    Escape,
    /// The quotes around the value are part of it: it is a JSON string, or a text in single quotes.
    Quoted,
    /// The value looks like a reference to another secret. secrets-exec doesn't resolve references
    /// inside values.
    Reference,
    /// A line of the value begins with the variable's own name, such as `DB_HOST=` in DB_HOST.
    OwnName,
    /// The value looks like a private key or certificate in PEM format, but programs can't read it
    /// (see [`is_broken_pem`]).
    BrokenPem,
    /// The value is part of a URL, and contains a character that cuts it short there. `None` if the
    /// character isn't ASCII punctuation, so that messages don't show it.
    CutsUrl(Option<char>),
    /// The value contains a character that cuts it short in the surrounding text: a quote or a
    /// backslash inside quotes, or the separator of a list such as `user=app;password=…`.
    CutsText(char),
    /// The surrounding text is JSON, and the value makes it invalid.
    BreaksJson,
}

/// The remarks on an entry's value, each with the parts that it is about.
///
/// The parts are `{{ … }}` in a template, or references in a variable. Without any parts, the
/// remark is about the whole value.
pub type Remarks = BTreeMap<Remark, Vec<String>>;

impl Remark {
    /// The remarks on a value, or on part of a value. Some of them may not matter for this
    /// target, so the caller must check [`Self::applies_to`]. A binary value gets no remarks.
    pub fn about(value: &[u8], target: &Target) -> Vec<Self> {
        let text = match str::from_utf8(value) {
            Ok("") => return vec![Self::Empty],
            Ok(text) if text.trim().is_empty() => return vec![Self::Blank],
            Ok(text) if !text.contains('\0') => text,
            _ => return Vec::new(),
        };

        let mut remarks = Vec::new();
        if Reference::is_meant_by(text) {
            remarks.push(Self::Reference);
        }
        if let Target::Env(name) = target
            && text
                .lines()
                .any(|line| assigned_name(line) == Some(name.as_str()))
        {
            remarks.push(Self::OwnName);
        }
        if is_broken_pem(text) {
            remarks.push(Self::BrokenPem);
        }
        let line = text.strip_suffix('\n').unwrap_or(text);
        if !line.contains('\n') {
            let is_json = line.starts_with('"') && serde_json::from_str::<IgnoredAny>(text).is_ok();
            let inner = line.trim_matches('\'');
            let is_in_single_quotes =
                inner.len() >= 8 && !inner.contains('\'') && line == format!("'{inner}'");
            if is_json || is_in_single_quotes {
                remarks.push(Self::Quoted);
            }
            remarks.extend(about_ends(text, line));
        }
        remarks
    }

    /// True if the remark is about an empty or blank value.
    pub fn is_blank(&self) -> bool {
        matches!(self, Self::Empty | Self::Blank)
    }

    /// True if the remark matters for this target. In a file, a trailing line feed is normal. In a
    /// variable, a key or certificate may have any form, because programs expect different ones.
    pub fn applies_to(self, target: &Target) -> bool {
        let is_file = !matches!(target, Target::Env(_));
        match self {
            Self::Ends('\n') | Self::TemplateLineFeed => !is_file,
            Self::BrokenPem => is_file,
            Self::Empty
            | Self::Blank
            | Self::Begins(_)
            | Self::Ends(_)
            | Self::Escape
            | Self::Quoted
            | Self::Reference
            | Self::OwnName
            | Self::CutsUrl(_)
            | Self::CutsText(_)
            | Self::BreaksJson => true,
        }
    }
}

/// The remarks on invisible characters at the ends of a line, and on an escape character in it.
///
/// `text` is the line, possibly followed by a line feed. A JSON object or array gets no remarks,
/// because whitespace around it doesn't matter.
fn about_ends(text: &str, line: &str) -> Vec<Remark> {
    let (first, last) = unseen_ends(line);
    let mut remarks = Vec::new();
    if let Some(c) = first.filter(|c| is_odd(*c, &text[c.len_utf8()..])) {
        remarks.push(Remark::Begins(c));
    }
    if let Some(c) = last.filter(|c| is_odd(*c, &line[..line.len() - c.len_utf8()])) {
        remarks.push(Remark::Ends(c));
    }
    if remarks.is_empty() && line.contains('\u{1b}') {
        remarks.push(Remark::Escape);
    }
    if line != text {
        remarks.push(Remark::Ends('\n'));
    }
    if !remarks.is_empty() && is_object_or_array(text) {
        return Vec::new();
    }
    remarks
}

/// True for the text of a JSON object or array.
pub(super) fn is_object_or_array(text: &str) -> bool {
    text.starts_with(['{', '[']) && serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// True for a text that begins with `-----BEGIN`, but that programs can't read as PEM.
///
/// A BEGIN or END marker isn't on a line of its own, or an END is missing: certificates were joined
/// without a line break, lines are indented, or a key has lost its line breaks.
///
/// Also true for an OpenSSH key with a carriage return after a marker, or without a trailing line
/// feed, because ssh refuses it. False for a text signed with PGP, which isn't PEM.
fn is_broken_pem(text: &str) -> bool {
    let first = text.trim_start();
    if !first.starts_with("-----BEGIN") || first.starts_with("-----BEGIN PGP SIGNED") {
        return false;
    }
    let mut open = 0;
    for line in text.split_inclusive('\n') {
        if !line.contains("-----BEGIN ") && !line.contains("-----END ") {
            continue;
        }
        let marker = if line.contains("OPENSSH") {
            line.strip_suffix('\n')
        } else {
            Some(line.trim_end())
        };
        // The words between the dashes: `BEGIN` or `END`, and the label.
        let words = marker.and_then(|marker| marker.strip_prefix("-----")?.strip_suffix("-----"));
        match words {
            Some(words) if !words.contains("-----") => {
                open += if words.starts_with("BEGIN ") { 1 } else { -1 };
            }
            _ => return true,
        }
    }
    open > 0
}

/// True if an invisible character at the beginning or end of a text is probably a mistake.
///
/// `rest` is the text without it. A space is a mistake only if the rest is a single word of at
/// least eight characters, because people want the space in `Bearer ` and `, `.
fn is_odd(c: char, rest: &str) -> bool {
    c != ' ' || (rest.chars().count() >= 8 && !rest.contains(char::is_whitespace))
}

/// True if a value is UTF-16 text: it begins with a byte order mark, followed by a Latin letter or
/// a digit. The byte order mark isn't enough, because other binary values can begin with the same
/// bytes.
pub fn is_utf16_text(value: &[u8]) -> bool {
    matches!(value, [0xff, 0xfe, _, 0, ..] | [0xfe, 0xff, 0, ..])
}
