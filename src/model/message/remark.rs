//! Remarks on values that somebody probably stored by mistake, such as a password with a carriage
//! return at its end. `resolve` turns them into findings.
//!
//! A value is examined in its plain form: after decoding and filters such as `trim`, and before
//! encoding. In a template, each value is examined on its own.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;

use super::problem::Problem;
use crate::model::entry::{Subject, SubjectKind, Target};
use crate::model::environment::assigned_name;
use crate::model::fault::{character_name, quoted_character, unseen_first, unseen_last};
use crate::model::reference::Reference;
use crate::model::shown::{shown, some_of};

/// A legal value that is probably a mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Remark {
    Empty,
    Blank,
    /// A single-line value begins with this invisible character, such as a space.
    Begins(char),
    /// A single-line value ends with this invisible character, often a line feed.
    Ends(char),
    /// The line feed at the end is from the template itself, as with `template: |`.
    TemplateLineFeed,
    /// A single-line value contains an escape character, as in a terminal's color codes.
    Escape,
    /// The value is a JSON string, or a text in single quotes.
    Quoted,
    /// The value looks like a reference, but secrets-exec doesn't resolve references in values.
    Reference,
    /// A line begins with the variable's own name, such as `DB_HOST=` in DB_HOST.
    OwnName,
    /// A private key or certificate that programs can't read as PEM (see [`broken_pem`]).
    BrokenPem {
        note: &'static str,
        help: &'static str,
    },
    /// A private key or certificate in PEM format, as base64.
    EncodedPem,
    /// This character cuts the value short in a URL. `None` if messages mustn't show it, because it
    /// isn't ASCII punctuation or isn't in the value itself.
    CutsUrl(Option<char>),
    /// This character cuts the value short in the surrounding text: a quote or a backslash inside
    /// quotes, or the separator of a list such as `user=app;password=…`.
    CutsText(char),
    /// The value makes the surrounding JSON invalid, probably because of this character.
    BreaksJson(Option<char>),
}

/// The remarks on a value. Each has the parts that it is about: the `{{ … }}` of a template, or the
/// references in a variable. Without any, the remark is about the whole value.
pub type Remarks = BTreeMap<Remark, Vec<String>>;

/// A probable mistake in an entry, or in a key of an `env-from` entry.
#[derive(Debug)]
pub struct Finding {
    /// The text after the entry's status in `check`'s table.
    pub note: String,
    /// The warning.
    pub problem: Problem,
    pub told: Told,
}

/// When a warning is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Once the values have been read, even by `check`.
    OnceRead,
    /// Once the value is used. `check` only shows the note.
    OnceUsed,
    /// Never, because the note is enough.
    InNote,
}

impl Finding {
    /// `text` is a sentence without the entry's name, which messages add.
    pub fn new(note: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            note: note.into(),
            problem: Problem::warning(text),
            told: Told::OnceRead,
        }
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.problem = self.problem.help(help);
        self
    }
}

impl Remark {
    /// The remarks on a value or a part of it. The caller must ignore those for which
    /// [`Self::applies_to`] is false. A binary value gets no remarks.
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
        remarks.extend(broken_pem(text));
        if text.starts_with("LS0tLS1CRUdJTi") {
            remarks.push(Self::EncodedPem);
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

    /// The finding about an entry's value, or about `parts` of it.
    pub fn finding(self, parts: &[String], subject: &Subject) -> Finding {
        let shown_parts: Vec<String> = parts.iter().map(|part| shown(part)).collect();
        let parts_text = some_of(&shown_parts);
        let read = |note: &str| Finding::new(note, format!("{note} was read"));
        let cuts = |found: String, whole: &str| {
            let note = format!("{found}, which cuts the {whole} short");
            let text = format!("the value of {parts_text} contains {note}");
            Finding::new(note, text)
        };
        let write = |filter: &str| match &subject.written {
            Some(_) if parts.len() == 1 => format!("write {{{{ {parts_text} | {filter} }}}}"),
            _ => format!("in a template, write {{{{ ALIAS.KEY | {filter} }}}}"),
        };
        let mut finding = match self {
            Self::Empty => Finding::new("empty", "an empty value was read"),
            Self::Blank => Finding::new("only blanks", "a value with only blanks was read"),
            Self::Begins(c) => end(c, "beginning"),
            Self::Ends(c) => end(c, "end"),
            Self::TemplateLineFeed => {
                let note = "a line feed at its end";
                Finding::new(note, format!("a template with {note} was used"))
                    .help("write >- or |- instead of > or |, which keep the line feed")
            }
            Self::Escape => read("text with an escape character")
                .help("store it without the colors of a terminal"),
            Self::Quoted => read("text in quotes").help("store it without the quotes"),
            Self::Reference => read("a reference that nothing resolves")
                .help("store the value that it refers to"),
            Self::OwnName => read("a line with the variable's own name and \"=\"")
                .help("store only the text after \"=\". For a whole .env file, use secrets-exec migrate FILE --secret ID"),
            Self::BrokenPem { note, help } => read(note).help(help),
            Self::EncodedPem => read("a key or certificate in base64")
                .help("in a declaration, add decode: base64"),
            Self::CutsUrl(c) => {
                let found = c.map_or("a special character".to_owned(), quoted_character);
                cuts(found, "URL").help(write("urlencode"))
            }
            Self::CutsText(c) => cuts(quoted_character(c), "text").help(match c {
                // .NET and JDBC accept a `;` if the value is in double quotes.
                ';' => write("replace('\"', '\"\"')") + " in double quotes",
                ',' => write("replace(',', '\\\\,')") + ", if the format has this escape",
                '&' => write("urlencode"),
                '\\' => write("replace('\\\\', '\\\\\\\\')"),
                '"' => write("replace('\"', '\\\\\"')") + ", or '\"\"' if the format doubles a quote",
                _ => write("replace(\"'\", \"\\\\'\")") + ", or \"''\" if the format doubles a quote",
            }),
            Self::BreaksJson(found) => match found {
                Some(c) => cuts(quoted_character(c), "text"),
                None => read("a value with which the text isn't JSON"),
            }
            .help(write("tojson") + " without quotes around it"),
        };
        // Most keys of an object are switches, for which an empty value is normal.
        let is_expected = subject.kind == SubjectKind::EnvFromKey && self.is_blank();
        finding.told = if is_expected {
            Told::InNote
        } else {
            Told::OnceUsed
        };
        if !parts.is_empty() {
            finding.note += &format!(": {parts_text}");
            let is_named = matches!(
                self,
                Self::CutsUrl(_) | Self::CutsText(_) | Self::BreaksJson(Some(_))
            );
            if !is_named {
                finding.problem = finding.problem.for_part(Some(parts_text));
            }
        }
        finding
    }

    /// True for an empty or blank value.
    pub fn is_blank(&self) -> bool {
        matches!(self, Self::Empty | Self::Blank)
    }

    /// True if the remark is useful for this target. A trailing line feed is normal in a file. In a
    /// variable, a key or certificate may have any form, because programs expect different ones.
    pub fn applies_to(self, target: &Target) -> bool {
        let is_file = !matches!(target, Target::Env(_));
        match self {
            Self::Ends('\n') | Self::TemplateLineFeed => !is_file,
            Self::BrokenPem { .. } | Self::EncodedPem => is_file,
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
            | Self::BreaksJson(_) => true,
        }
    }
}

fn end(c: char, at: &str) -> Finding {
    let name = character_name(c);
    let note = format!("a {name} at its {at}");
    Finding::new(note.clone(), format!("a value with {note} was read"))
        .help(format!("store it without the {name}"))
}

/// Remarks on invisible characters at the ends of a line, or on an escape character in it. `text`
/// is the line, possibly with a line feed. A JSON object or array gets no remarks, because
/// whitespace around it doesn't matter.
fn about_ends(text: &str, line: &str) -> Vec<Remark> {
    let mut remarks = Vec::new();
    if let Some(c) = unseen_first(line)
        && is_odd(c, &text[c.len_utf8()..])
    {
        remarks.push(Remark::Begins(c));
    }
    if let Some(c) = unseen_last(line)
        && is_odd(c, &line[..line.len() - c.len_utf8()])
    {
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

pub(super) fn is_object_or_array(text: &str) -> bool {
    text.starts_with(['{', '[']) && serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Finds the fault of a PEM text that programs can't read: certificates were joined without a line
/// break, lines are indented, or a key has lost its line breaks. A text signed with PGP isn't PEM.
fn broken_pem(text: &str) -> Option<Remark> {
    let trimmed = text.trim();
    if !trimmed.starts_with("-----BEGIN") || trimmed.starts_with("-----BEGIN PGP SIGNED") {
        return None;
    }
    let with_line_breaks = marker_fault(text)?;
    let (note, help) = if trimmed.contains("\\n") {
        (
            "a key or certificate with \\n instead of line breaks",
            "in a template, write {{ ALIAS.KEY | replace('\\\\n', '\\n') }}",
        )
    } else if !trimmed.contains('\n') {
        (
            "a key or certificate without line breaks",
            "AWS's console drops them, so store the file with the AWS CLI: --secret-string file://FILE",
        )
    } else {
        return Some(with_line_breaks);
    };
    Some(Remark::BrokenPem { note, help })
}

/// Finds a BEGIN or END marker that isn't on a line of its own, or a missing END. In an OpenSSH
/// key, a line feed must directly follow each marker, or ssh refuses the key.
fn marker_fault(text: &str) -> Option<Remark> {
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
        // `BEGIN` or `END`, and the label: `BEGIN PRIVATE KEY`.
        let words = marker.and_then(|marker| marker.strip_prefix("-----")?.strip_suffix("-----"));
        match words {
            Some(words) if !words.contains("-----") => {
                open += if words.starts_with("BEGIN ") { 1 } else { -1 };
            }
            _ => {
                return Some(Remark::BrokenPem {
                    note: "a key or certificate in which a -----BEGIN …----- or -----END …----- isn't a whole line",
                    help: "put a line feed before and after it, and remove the blanks and, in an OpenSSH key, the carriage returns around it",
                });
            }
        }
    }
    if open <= 0 {
        return None;
    }
    Some(Remark::BrokenPem {
        note: "a key or certificate without its last -----END …-----",
        help: "store the whole file",
    })
}

/// True if an invisible character is probably a mistake. A space is a mistake only if `rest`, the
/// text without it, is a single word of at least eight characters, because people want the space in
/// `Bearer ` and `, `.
fn is_odd(c: char, rest: &str) -> bool {
    c != ' ' || (rest.chars().count() >= 8 && !rest.contains(char::is_whitespace))
}

/// True for a byte order mark, followed by a Latin letter or a digit. The mark by itself isn't
/// enough, because binary values can begin with the same bytes.
pub fn is_utf16_text(value: &[u8]) -> bool {
    matches!(value, [0xff, 0xfe, _, 0, ..] | [0xfe, 0xff, 0, ..])
}
