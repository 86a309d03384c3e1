//! Exit statuses before the command runs: those of sysexits(3), and of a shell for a command that cannot run.

/// EX_USAGE: the command line, or a variable of secrets-exec's or AWS's, is wrong.
pub const USAGE: u8 = 64;
/// EX_SOFTWARE: a bug in secrets-exec.
pub const BUG: u8 = 70;
/// EX_TEMPFAIL: a later launch may succeed.
pub const TEMPORARY: u8 = 75;
/// EX_NOPERM: no credentials, or AWS denied the request.
pub const DENIED: u8 = 77;
/// EX_CONFIG: the declaration, a secret, a key or a value is wrong or absent.
pub const CONFIGURATION: u8 = 78;
/// The command cannot be executed.
pub const NOT_EXECUTABLE: u8 = 126;
/// The command was not found.
pub const NOT_FOUND: u8 = 127;
