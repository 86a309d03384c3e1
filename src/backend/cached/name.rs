//! The name of an entry: a hash of everything that may change the answer to a request.

use std::ffi::OsStr;
use std::fmt;

use sha2::{Digest, Sha256};

/// The file name of an entry: 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryName(String);

impl EntryName {
    /// Hashes the texts of [`Aws::distinctions`](crate::backend::aws::Aws::distinctions), each with its length, so that no two lists are
    /// the same bytes.
    pub fn new(texts: &[String]) -> Self {
        let mut hash = Sha256::new();
        for text in texts {
            hash.update(text.len().to_le_bytes());
            hash.update(text);
        }
        Self(hex(&hash.finalize()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of a new entry before it replaces the old one.
    pub fn of_new(&self) -> String {
        format!("{}.new", self.0)
    }
}

impl AsRef<OsStr> for EntryName {
    fn as_ref(&self) -> &OsStr {
        self.0.as_ref()
    }
}

impl fmt::Display for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Hexadecimal digits, two for each byte.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(texts: &[&str]) -> EntryName {
        EntryName::new(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_byte_is_two_digits() {
        assert_eq!(hex(&[0, 9, 0xa0, 0xff]), "0009a0ff");
    }

    #[test]
    fn a_name_is_64_digits_and_differs_when_texts_move() {
        assert_eq!(name(&["a", "b"]).as_str().len(), 64);
        assert_eq!(name(&["a", "b"]), name(&["a", "b"]));
        for other in [&["ab", ""][..], &["", "ab"], &["b", "a"], &["a", "b", ""], &["a"]] {
            assert_ne!(name(&["a", "b"]), name(other), "{other:?}");
        }
    }
}
