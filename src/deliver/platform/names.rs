//! File names as C strings, for calls that nix lacks.

use std::ffi::{CString, OsStr};
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;

/// Both names of a rename as C strings; EINVAL if one contains a NUL.
pub fn c_names(from: &OsStr, to: &OsStr) -> Result<(CString, CString), Errno> {
    let name = |name: &OsStr| CString::new(name.as_bytes()).map_err(|_| Errno::EINVAL);
    Ok((name(from)?, name(to)?))
}
