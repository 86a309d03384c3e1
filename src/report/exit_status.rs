//! Exit statuses of a launch that fails: those of sysexits(3), and 126 and 127 as in a shell.

/// EX_USAGE: the command line, or a variable of secrets-exec or AWS, is invalid.
pub const USAGE: u8 = 64;
/// EX_SOFTWARE: a bug in secrets-exec.
pub const BUG: u8 = 70;
/// EX_TEMPFAIL: a later launch may succeed.
pub const TEMPORARY: u8 = 75;
/// EX_NOPERM: no credentials, or AWS denied the request.
pub const DENIED: u8 = 77;
/// EX_CONFIG: the declaration, a secret, a key or a value is invalid or absent.
pub const CONFIGURATION: u8 = 78;
/// The command cannot be executed.
pub const NOT_EXECUTABLE: u8 = 126;
/// The command was not found.
pub const NOT_FOUND: u8 = 127;
