//! Remarks on values that were read and that are probably not what somebody wanted to store, such
//! as a password with a carriage return at its end.
//!
//! Each remark is made once, about a text that won't change any more: a value that is used as it
//! was read, the text that one `{{ … }}` of a template prints, or the value of each reference in a
//! variable with several references. So `{{ pw | trim }}` gets no remark about a line feed in `pw`.
//! The code that prints warnings only reads the remarks.

use std::collections::BTreeMap;

use percent_encoding::percent_decode;
use serde::de::IgnoredAny;
use zeroize::Zeroizing;

use crate::model::entry::Target;
use crate::model::fault::unseen_ends;
use crate::model::reference::Reference;

/// Something odd about a value, which is legal, but often a mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Remark {
    Empty,
    Blank,
    /// The first character of a single line is one that people don't see.
    Begins(char),
    /// The last character of a single line is one that people don't see. Only a line feed can
    /// follow this character.
    Ends(char),
    /// The line feed at the end comes from the text of the template itself, as with `template: |`.
    TemplateLineFeed,
    /// The value is JSON text, so its quotes are a part of it.
    Quoted,
    /// The value is or contains a reference, which nothing resolves.
    Reference,
    /// The value is a private key or a certificate whose line breaks are missing.
    OneLinePem,
    /// The value is an OpenSSH key without its final line feed. ssh doesn't find the end of such a
    /// key.
    UnfinishedKey,
}

/// The remarks on an entry, each with the parts of the value that it is about: the lookups of a
/// template, or the references in a variable. Without parts, it is about the whole value.
pub type Remarks = BTreeMap<Remark, Vec<String>>;

impl Remark {
    /// Finds what is odd about a value or a part of it, whatever its target is
    /// ([`Self::applies_to`]). Binary values aren't odd.
    pub fn about(value: &[u8]) -> Vec<Self> {
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
        if text.ends_with("-----END OPENSSH PRIVATE KEY-----") {
            remarks.push(Self::UnfinishedKey);
        }
        let line = text.strip_suffix('\n').unwrap_or(text);
        if !line.contains('\n') {
            if line.starts_with("-----BEGIN") {
                remarks.push(Self::OneLinePem);
            }
            if line.starts_with('"') && serde_json::from_str::<IgnoredAny>(text).is_ok() {
                remarks.push(Self::Quoted);
            }
            remarks.extend(about_ends(text, line));
        }
        remarks
    }

    /// Finds what is odd about a text that a template prints, which may be URL-encoded.
    pub fn about_printed(text: &str) -> Vec<Self> {
        let decoded = Zeroizing::new(percent_decode(text.as_bytes()).collect::<Vec<u8>>());
        Self::about(&decoded)
    }

    /// False for a line feed at the end of a file, where it is normal, and for a key or certificate
    /// in a variable, because programs expect such a variable in many forms.
    pub fn applies_to(self, target: &Target) -> bool {
        let is_file = !matches!(target, Target::Env(_));
        match self {
            Self::Ends('\n') | Self::TemplateLineFeed => !is_file,
            Self::OneLinePem | Self::UnfinishedKey => is_file,
            Self::Empty
            | Self::Blank
            | Self::Begins(_)
            | Self::Ends(_)
            | Self::Quoted
            | Self::Reference => true,
        }
    }
}

/// Finds the characters at both ends of a text that people don't see. The text consists of a line,
/// which a line feed may follow. The ends of a JSON object or array don't matter.
fn about_ends(text: &str, line: &str) -> Vec<Remark> {
    let (first, last) = unseen_ends(line);
    let mut remarks = Vec::new();
    if let Some(c) = first.filter(|c| is_odd(*c, &text[c.len_utf8()..])) {
        remarks.push(Remark::Begins(c));
    }
    if let Some(c) = last.filter(|c| is_odd(*c, &line[..line.len() - c.len_utf8()])) {
        remarks.push(Remark::Ends(c));
    }
    if line != text {
        remarks.push(Remark::Ends('\n'));
    }
    if !remarks.is_empty()
        && text.starts_with(['{', '['])
        && serde_json::from_str::<IgnoredAny>(text).is_ok()
    {
        return Vec::new();
    }
    remarks
}

/// True for an unseen character at an end of a text, if it was probably not meant. A space is only
/// odd next to a word of at least eight characters, because `Bearer ` and `, ` are meant. `rest` is
/// the text without the character.
fn is_odd(c: char, rest: &str) -> bool {
    c != ' ' || (rest.chars().count() >= 8 && !rest.contains(char::is_whitespace))
}

/// True for a byte order mark of UTF-16 and a Latin letter or a digit. Other binary values can
/// begin with the bytes of such a mark.
pub fn is_utf16_text(value: &[u8]) -> bool {
    matches!(value, [0xff, 0xfe, _, 0, ..] | [0xfe, 0xff, 0, ..])
}
