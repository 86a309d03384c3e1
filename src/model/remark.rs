//! Remarks on values that were read and that are probably not what somebody wanted to store, such
//! as a password with a carriage return at its end.
//!
//! A value that is used on its own gets its remarks as it was read. In a text with references, each
//! value gets its remarks after filters such as `trim`, but before a filter encodes the value. So
//! `{{ pw | trim }}` gets no remark about a line feed in `pw`. The code that prints warnings makes
//! no remarks of its own.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;

use crate::model::entry::Target;
use crate::model::environment::assigned_name;
use crate::model::fault::unseen_ends;
use crate::model::reference::Reference;

/// Something odd about a value, which is legal, but often a mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Remark {
    Empty,
    Blank,
    /// The first character of a single line is one that people don't see.
    Begins(char),
    /// The last character of a single line is one that people don't see, or a line feed follows the
    /// line.
    Ends(char),
    /// The line feed at the end comes from the text of the template itself, as with `template: |`.
    TemplateLineFeed,
    /// The single line has an escape character, as in the colors of a terminal.
    Escape,
    /// The value is JSON text, or text in single quotes, so its quotes are a part of it.
    Quoted,
    /// The value is or contains a reference, which nothing resolves.
    Reference,
    /// A line of the value begins with the name of its own variable and `=`.
    OwnName,
    /// The value begins like a private key or a certificate in PEM, but programs don't read it as
    /// PEM ([`is_broken_pem`]).
    BrokenPem,
    /// This character of the value ends the value too early in the URL around it. `None` if the
    /// character isn't punctuation of ASCII.
    CutsUrl(Option<char>),
    /// This character of the value ends the value too early in the text around it: a quote or a
    /// backslash between quotes, or the separator of a list of pairs.
    CutsText(char),
    /// The text around the value would be JSON with another value, but isn't with this one.
    BreaksJson,
}

/// The remarks on an entry, each with the parts of the value that the remark is about: the lookups
/// of a template, or the references in a variable. A remark without parts is about the whole value.
pub type Remarks = BTreeMap<Remark, Vec<String>>;

impl Remark {
    /// The remarks on a value for `target`, or on a part of a value. The caller drops those that
    /// don't matter for the target ([`Self::applies_to`]). A binary value has no remarks.
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

    /// True for the remark on an empty or blank value.
    pub fn is_blank(&self) -> bool {
        matches!(self, Self::Empty | Self::Blank)
    }

    /// True if the remark matters for this target. A line feed at the end of a file is normal. And
    /// a key or certificate in a variable gets no remark, because programs expect such a variable
    /// in many forms.
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

/// The remarks on the first and the last character of a text, if people don't see them. `text` is
/// `line`, which a line feed may follow. A JSON object or array gets no remarks, because the
/// characters around it don't matter.
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

/// True for a text that begins with `-----BEGIN`, but that programs don't read as PEM: a BEGIN or END
/// isn't on a line of its own, or an END is missing. Joined certificates, indented lines and a key
/// whose line breaks are missing are such texts. So is an OpenSSH key with a carriage return after
/// a BEGIN or END, or without a line feed at its end, because ssh doesn't load it. A text signed
/// with PGP isn't PEM.
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
        // `BEGIN` or `END`, and the label.
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

/// True for an unseen character at an end of a text, if it was probably not meant. A space is only
/// odd next to a word of at least eight characters, because `Bearer ` and `, ` are meant. `rest` is
/// the text without the character.
fn is_odd(c: char, rest: &str) -> bool {
    c != ' ' || (rest.chars().count() >= 8 && !rest.contains(char::is_whitespace))
}

/// True for a value that begins with a byte order mark of UTF-16 and, after it, a Latin letter or a
/// digit. The mark isn't enough, because other binary values can begin with its bytes.
pub fn is_utf16_text(value: &[u8]) -> bool {
    matches!(value, [0xff, 0xfe, _, 0, ..] | [0xfe, 0xff, 0, ..])
}
