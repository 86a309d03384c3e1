//! A secret's bytes: redacted wherever they might be printed, wiped when they are dropped.
//!
//! `grep -rn 'expose()' src` lists every place that looks at a value.

use std::fmt;

use zeroize::Zeroizing;

/// Bytes that came out of a secret, or were composed from one.
///
/// There is no `Display`, `Clone`, `PartialEq` or `Serialize`: what cannot be written by accident need not be
/// searched for. Wiping narrows the time a value is in memory; it does not close it (the SDK's own copies and the
/// kernel's environment block are out of reach).
pub struct SecretValue(Zeroizing<Vec<u8>>);

impl SecretValue {
    /// Takes ownership of `bytes`; they are wiped when the value is dropped.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// The bytes themselves. Every caller is a place where a value could leak.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The number of bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValue(redacted)")
    }
}
