//! A variable that is moved.

use crate::model::env_name::EnvName;
use crate::model::secret_value::SecretValue;

/// A variable of the file.
#[derive(Debug)]
pub struct Setting {
    pub name: EnvName,
    /// UTF-8 without NUL.
    pub value: SecretValue,
    /// True for a number or a boolean of JSON, which stays one.
    pub is_literal: bool,
    /// Counted from 1.
    pub line: usize,
}
