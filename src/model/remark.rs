//! Remarks on values that were read and that are probably not what somebody wanted to store, such
//! as a password with a line feed at its end.
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

/// Something odd about a value, which is legal, but often a mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Remark {
    Empty,
    Blank,
    /// The value is text in UTF-16, as its byte order mark shows.
    Utf16,
    /// The value begins with the byte order mark of UTF-8, which PowerShell 5 adds to files.
    ByteOrderMark,
    /// The last character is the value's only line feed. The value becomes a variable or a part of
    /// one, and isn't JSON.
    LineFeed,
    /// The line feed at the end comes from the text of the template itself, as with `template: |`.
    TemplateLineFeed,
    /// The value has a line feed at its end, which is normal in a file and in text with several
    /// lines. Only `check` mentions it.
    Newline,
    /// The value is an OpenSSH key without its final newline. ssh doesn't find the end of such a
    /// key. Only `check` mentions it.
    UnfinishedKey,
}

/// The remarks on an entry, each with the parts of the value that it is about: the lookups of a
/// template, or the references in a variable. Without parts, it is about the whole value, or about
/// a text that a template has computed.
pub type Remarks = BTreeMap<Remark, Vec<String>>;

impl Remark {
    /// Finds what is odd about a whole value for this target.
    pub fn about_value(value: &[u8], target: &Target) -> Vec<Self> {
        let mut remarks = remarks(value);
        for remark in &mut remarks {
            if *remark == Self::LineFeed && !matches!(target, Target::Env(_)) {
                *remark = Self::Newline;
            }
        }
        remarks
    }

    /// Finds what is odd about a text that becomes a part of a value. The text may be URL-encoded.
    pub fn about_part(text: &[u8]) -> Vec<Self> {
        // Only the beginning and the end of a text can be odd, so a text is only decoded if one of
        // these is encoded.
        if text.starts_with(b"%") || text.ends_with(b"%0A") {
            return remarks(&Zeroizing::new(percent_decode(text).collect::<Vec<u8>>()));
        }
        remarks(text)
    }

    /// The words for a value in the table of `check`.
    pub fn status(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Blank => "only blanks",
            Self::Utf16 => "in UTF-16",
            Self::ByteOrderMark => "begins with a byte order mark",
            Self::LineFeed | Self::TemplateLineFeed | Self::Newline => "ends with a newline",
            Self::UnfinishedKey => "an OpenSSH key without its final newline",
        }
    }

    /// True if a launch prints a warning when this remark is about a part of a value for this
    /// target.
    pub fn is_about_part_of(self, target: &Target) -> bool {
        match self {
            Self::Empty | Self::Blank | Self::Utf16 | Self::ByteOrderMark => true,
            Self::LineFeed => matches!(target, Target::Env(_)),
            Self::TemplateLineFeed | Self::Newline | Self::UnfinishedKey => false,
        }
    }
}

/// Finds what is odd about a value, first about its beginning and then about its end.
fn remarks(value: &[u8]) -> Vec<Remark> {
    if value.is_empty() {
        return vec![Remark::Empty];
    }
    if is_blank(value) {
        return vec![Remark::Blank];
    }

    let mut remarks = Vec::new();
    if is_utf16_text(value) {
        remarks.push(Remark::Utf16);
    } else if value.starts_with("\u{feff}".as_bytes()) {
        remarks.push(Remark::ByteOrderMark);
    }
    if let Some(line) = value.strip_suffix(b"\n") {
        // `aws secretsmanager put-secret-value --secret-string file://…` stores the newline at the
        // end of the file, too.
        if !line.contains(&b'\n') && !is_json(line) {
            remarks.push(Remark::LineFeed);
        } else if !is_pem(value) {
            remarks.push(Remark::Newline);
        }
    } else if value.ends_with(b"-----END OPENSSH PRIVATE KEY-----") {
        remarks.push(Remark::UnfinishedKey);
    }
    remarks
}

/// True for a byte order mark of UTF-16 and a Latin letter or a digit. Other binary values can
/// begin with the bytes of such a mark.
pub fn is_utf16_text(value: &[u8]) -> bool {
    matches!(value, [0xff, 0xfe, _, 0, ..] | [0xfe, 0xff, 0, ..])
}

fn is_blank(value: &[u8]) -> bool {
    // Nearly every value begins with a character that can be seen.
    !value[0].is_ascii_graphic() && str::from_utf8(value).is_ok_and(|text| text.trim().is_empty())
}

/// True for an object or an array. A password that consists of digits is JSON, too.
fn is_json(line: &[u8]) -> bool {
    matches!(line, [b'{' | b'[', ..]) && serde_json::from_slice::<IgnoredAny>(line).is_ok()
}

/// True if the last line is the end of a PEM block (RFC 7468), such as a certificate or a key. A
/// newline after it is normal.
fn is_pem(text: &[u8]) -> bool {
    text.trim_ascii_end()
        .rsplit(|byte| *byte == b'\n')
        .next()
        .is_some_and(|line| line.starts_with(b"-----END ") && line.ends_with(b"-----"))
}
