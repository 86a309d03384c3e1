//! The codings of a value: those of `decode:` and `encode:`, and of the filters of templates.

use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use zeroize::Zeroizing;

use crate::model::secret_value::SecretValue;

/// The standard alphabet of RFC 4648, with or without padding, as tools differ.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

pub fn encode(value: &SecretValue) -> SecretValue {
    SecretValue::new(STANDARD.encode(value.expose()))
}

/// Decodes base64 without its white space: base64(1) breaks lines after 76 characters. Returns `None` if the value is not base64.
pub fn decode(value: &SecretValue) -> Option<SecretValue> {
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
