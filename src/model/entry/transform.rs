//! What becomes of a variable or file: where its value comes from, what is done to it, and what happens when it is absent.

/// The base64 codings of an entry: the value is decoded first, then encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transform {
    /// `decode: base64`
    pub decode: bool,
    /// `encode: base64`
    pub encode: bool,
}
