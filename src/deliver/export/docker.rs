//! The file of `docker run --env-file` and `podman run --env-file`: one `NAME=value` for each line, without quotes or escapes.
//!
//! Both read it with Go's `bufio.Scanner` (docker/cli `pkg/kvfile`, podman `pkg/env`) and trim a line at its start only, where the
//! name is.

use super::variable::{Unfit, Variable};

/// The longest line, without its line feed: `bufio.MaxScanTokenSize` is 64 KiB with it.
const LONGEST_LINE: usize = 64 * 1024 - 1;

/// Writes a variable.
///
/// # Errors
/// When the value cannot be in a line. Docker refuses a file that is not UTF-8.
pub fn write(variable: Variable<'_>, text: &mut Vec<u8>) -> Result<(), Unfit> {
    let value = variable.utf8().ok_or(Unfit::NotUtf8)?;
    let length = variable.name.as_str().len() + 1 + value.len();
    if value.contains('\n') {
        return Err(Unfit::LineFeed);
    } else if value.ends_with('\r') {
        return Err(Unfit::FinalCarriageReturn);
    } else if length > LONGEST_LINE {
        return Err(Unfit::TooLong { length, limit: LONGEST_LINE });
    }
    for part in [variable.name.as_str(), "=", value, "\n"] {
        text.extend_from_slice(part.as_bytes());
    }
    Ok(())
}
