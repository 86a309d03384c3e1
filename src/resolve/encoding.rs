//! Applies the `decode:` and `encode:` of an entry to its value.

use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use zeroize::Zeroizing;

use crate::model::entry::Transform;
use crate::model::secret_value::SecretValue;

/// The standard alphabet of RFC 4648, with or without padding, as tools differ.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Decodes, then encodes, each if the entry asks for it. Returns `None` if the value is to be decoded and is not base64.
pub fn apply(transform: Transform, value: SecretValue) -> Option<SecretValue> {
    let value = if transform.decode {
        decode(&value)?
    } else {
        value
    };
    Some(if transform.encode {
        SecretValue::new(STANDARD.encode(value.expose()))
    } else {
        value
    })
}

/// Decodes base64 without its white space: base64(1) breaks lines after 76 characters.
fn decode(value: &SecretValue) -> Option<SecretValue> {
    let text: Zeroizing<Vec<u8>> = Zeroizing::new(
        value
            .expose()
            .iter()
            .copied()
            .filter(|byte| !byte.is_ascii_whitespace())
            .collect(),
    );
    LENIENT.decode(&*text).ok().map(SecretValue::new)
}
