//! Failures to lines on standard error, with what to do about them, and to an exit status; the only place that punctuates.

/// The command line, a reference on it, or a variable of ours or of AWS's is wrong.
pub const USAGE: u8 = 64;

/// A bug in secrets-exec.
pub const BUG: u8 = 70;

/// Trying later may help.
pub const TEMPORARY: u8 = 75;

/// No credentials, or AWS denied the request.
pub const DENIED: u8 = 77;

/// The declaration, a secret, a key or a value is wrong or absent.
pub const CONFIGURATION: u8 = 78;

/// The command cannot be executed.
pub const NOT_EXECUTABLE: u8 = 126;

/// The command was not found.
pub const NOT_FOUND: u8 = 127;
