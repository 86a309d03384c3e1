//! `--resolve-env` and bytes that are no text. `resolve_env.rows` has all others.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::support::*;

::rows::rows!("tests/it/values/resolve_env.rows");

#[test]
fn bytes_that_are_no_text_are_no_reference() {
    let sandbox = Sandbox::new().aws(&served()).env("DB_RAW", OsStr::from_bytes(b"\xff\xfe="));
    sandbox.args(["--resolve-env", "DB_*"]).run().launched_silently().has("DB_RAW", b"\xff\xfe=");
}
