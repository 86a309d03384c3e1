//! Base64 and URL encoding, for `decode:` and `encode:` and for the filters of templates.

use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

use crate::model::secret_value::SecretValue;

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

/// Encodes text for a URL.
pub fn percent_encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// Encodes a value as base64, with padding.
pub fn encode_base64(value: &SecretValue) -> SecretValue {
    SecretValue::new(STANDARD.encode(value.expose()))
}

/// Decodes base64. White space is ignored, because base64(1) breaks lines after 76 characters.
/// Returns `None` if the value isn't base64.
pub fn decode_base64(value: &SecretValue) -> Option<SecretValue> {
    let mut text = Zeroizing::new(value.expose().to_vec());
    text.retain(|byte| !byte.is_ascii_whitespace());
    LENIENT.decode(&*text).ok().map(SecretValue::new)
}
