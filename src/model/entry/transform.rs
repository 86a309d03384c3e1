//! The base64 codings of an entry.

/// The codings that are applied to a value: it is decoded first, then encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transform {
    /// `decode: base64`
    pub decode: bool,
    /// `encode: base64`
    pub encode: bool,
}
