//! The file of `docker run --env-file` and `podman run --env-file`: one `NAME=value` for each line, without quotes or escapes.
//!
//! Both read it with Go's `bufio.Scanner` (docker/cli `pkg/kvfile`, podman `pkg/env`) and trim a line at its start only, where the
//! name is.

use super::unfit::Unfit;
use super::variable::Variable;

/// The longest line, without its line feed: `bufio.MaxScanTokenSize` is 64 KiB with it.
const LONGEST_LINE: usize = 64 * 1024 - 1;

/// # Errors
/// When the value cannot be in a line. Docker refuses a file that is not UTF-8.
pub fn check(variable: Variable<'_>) -> Result<(), Unfit> {
    let length = variable.name.as_str().len() + 1 + variable.value.len();
    if variable.utf8().is_none() {
        Err(Unfit::NotUtf8)
    } else if variable.value.contains(&b'\n') {
        Err(Unfit::LineFeed)
    } else if variable.value.ends_with(b"\r") {
        Err(Unfit::FinalCarriageReturn)
    } else if length > LONGEST_LINE {
        Err(Unfit::TooLong { length, limit: LONGEST_LINE })
    } else {
        Ok(())
    }
}

/// Writes a variable that has passed [`check`].
pub fn write(variable: Variable<'_>, text: &mut Vec<u8>) {
    text.extend_from_slice(variable.name.as_str().as_bytes());
    text.push(b'=');
    text.extend_from_slice(variable.value);
    text.push(b'\n');
}
