//! `decode:` and `encode:` of an entry.

use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use zeroize::Zeroizing;

use crate::binding::{Encoding, Transform};
use crate::secret::SecretValue;

/// A value that `decode: base64` could not decode.
#[derive(Debug, PartialEq)]
pub(super) struct NotBase64;

/// With or without padding, as tools differ.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Decodes, then encodes, as far as the entry asks for it.
pub(super) fn apply(transform: Transform, value: SecretValue) -> Result<SecretValue, NotBase64> {
    let value = match transform.decode {
        None => value,
        Some(Encoding::Base64) => decode(&value)?,
    };
    Ok(match transform.encode {
        None => value,
        Some(Encoding::Base64) => SecretValue::new(STANDARD.encode(value.expose())),
    })
}

/// base64(1) breaks its lines, so white space is not part of the text.
fn decode(value: &SecretValue) -> Result<SecretValue, NotBase64> {
    let text: Zeroizing<Vec<u8>> =
        Zeroizing::new(value.expose().iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect());
    LENIENT.decode(&*text).map(SecretValue::new).map_err(|_| NotBase64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE64: Option<Encoding> = Some(Encoding::Base64);

    fn apply_to(decode: Option<Encoding>, encode: Option<Encoding>, value: &[u8]) -> Result<Vec<u8>, NotBase64> {
        apply(Transform { decode, encode }, SecretValue::new(value)).map(|value| value.expose().to_vec())
    }

    #[test]
    fn base64_goes_both_ways() {
        assert_eq!(apply_to(None, BASE64, b"\0\xff"), Ok(b"AP8=".to_vec()));
        assert_eq!(apply_to(BASE64, None, b"AP8=\n"), Ok(b"\0\xff".to_vec()));
        assert_eq!(apply_to(BASE64, None, b"AP8"), Ok(b"\0\xff".to_vec()));
        assert_eq!(apply_to(BASE64, None, b"not base64!"), Err(NotBase64));
    }
}
