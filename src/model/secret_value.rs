//! The bytes of a secret: redacted by `Debug`, zeroized when dropped, and readable only through `expose`.
//!
//! `grep -rn 'expose()' src` lists every use of a value.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

/// Bytes that were read from a secret, or composed from one.
///
/// `Display`, `Clone`, `PartialEq` and `Serialize` are not implemented, so that a value cannot be printed or copied by
/// accident. Zeroizing shortens the time that a value is in memory, but does not reach every copy: those of the SDK and
/// of the kernel's environment block remain.
#[derive(Default)]
pub struct SecretValue(Zeroizing<Vec<u8>>);

impl SecretValue {
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// Returns the bytes. Every caller is a place where a value could leak.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Returns the length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Serializes the value as text, or as a list of numbers if it is not UTF-8. Only a field with `#[serde(with = "SecretValue")]` is serialized by this
    /// function, so that no value is in JSON by accident.
    pub fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let bytes = self.expose();
        str::from_utf8(bytes).map_err(|_| bytes).serialize(to)
    }

    /// Reads what [`SecretValue::serialize`] has written.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(match Result::<String, Vec<u8>>::deserialize(from)? {
            Ok(text) => Self::new(text),
            Err(bytes) => Self::new(bytes),
        })
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValue(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing_of_the_value() {
        assert_eq!(
            format!("{:?}", SecretValue::new("hunter2")),
            "SecretValue(redacted)"
        );
    }
}
