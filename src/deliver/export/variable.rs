//! A variable to export.

use crate::model::entry::{Origin, Subject, SubjectKind};
use crate::model::env_name::EnvName;

/// A variable that a launch would set.
#[derive(Clone, Copy)]
pub struct Variable<'a> {
    pub name: &'a EnvName,
    pub value: &'a [u8],
    pub entry: Entry<'a>,
}

/// The entry of a variable, for messages.
#[derive(Clone, Copy)]
pub enum Entry<'a> {
    Value(&'a Subject),
    /// A file, whose path the variable has.
    File(&'a Origin),
}

impl<'a> Variable<'a> {
    /// The value as text, if it is UTF-8.
    pub fn utf8(self) -> Option<&'a str> {
        str::from_utf8(self.value).ok()
    }

    pub fn subject(self) -> Subject {
        match self.entry {
            Entry::Value(subject) => subject.clone(),
            Entry::File(origin) => Subject {
                label: self.name.to_string(),
                origin: origin.clone(),
                kind: SubjectKind::Entry,
                written: None,
            },
        }
    }
}
