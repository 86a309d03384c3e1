//! The bytes of a secret, and their encodings. `Debug` doesn't show the bytes, they are overwritten
//! when they are dropped, and only `expose` returns them.
//!
//! `grep -rn 'expose()' src` lists every use of a value.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

/// Bytes that were read from a secret, or made of one.
///
/// The type doesn't implement `Display`, `Clone`, `PartialEq` and `Serialize`, so that a value
/// can't be printed or copied by accident. Overwriting shortens the time for which a value is in
/// memory, but doesn't reach every copy: the copies in the SDK, in MiniJinja and in the kernel's
/// environment block remain.
#[derive(Default)]
pub struct SecretValue(Zeroizing<Vec<u8>>);

impl SecretValue {
    /// Creates a value from its bytes, which are overwritten when the value is dropped.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// Returns the bytes. Review every caller, because a value could leak there.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Returns the length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the value as base64, with padding.
    pub fn base64_encoded(&self) -> Self {
        Self::new(STANDARD.encode(self.expose()))
    }

    /// Returns the bytes that the value encodes as base64, or `None` if it isn't base64. White
    /// space is ignored, because base64(1) breaks lines after 76 characters.
    pub fn base64_decoded(&self) -> Option<Self> {
        let mut text = self.0.clone();
        text.retain(|byte| !byte.is_ascii_whitespace());
        LENIENT.decode(&*text).ok().map(Self::new)
    }

    /// Serializes the value as text, or as a list of numbers if it isn't UTF-8. serde calls this
    /// function only for a field that is marked with `#[serde(with = "SecretValue")]`, so that a
    /// value can't get into JSON by accident.
    pub fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let bytes = self.expose();
        str::from_utf8(bytes).map_err(|_| bytes).serialize(to)
    }

    /// Reads what [`SecretValue::serialize`] has written.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<Self>, D::Error> {
        let bytes = match Result::deserialize(from)? {
            Ok(text) => String::into_bytes(text),
            Err(bytes) => bytes,
        };
        Ok(Arc::new(Self::new(bytes)))
    }
}

/// The standard alphabet of RFC 4648. The padding can be left out, because some tools don't write
/// it.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// All characters except the unreserved ones (RFC 3986, section 2.3), so that the result can be in
/// any part of a URL.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Encodes text for any part of a URL: `a/b` → `a%2Fb`.
pub fn percent_encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
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
    fn the_debug_output_of_a_value_does_not_show_the_value() {
        assert_eq!(
            format!("{:?}", SecretValue::new("hunter2")),
            "SecretValue(redacted)"
        );
    }
}
