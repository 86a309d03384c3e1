//! `${NAME}` where the variable is not text. `expansion.rows` has all others.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::support::*;

::rows::rows!("tests/it/values/expansion.rows");

#[test]
fn a_variable_that_is_no_text_is_an_error_before_any_request() {
    let aws = served();
    let run = sandbox(&aws).env("STAGE", OsStr::from_bytes(b"pro\xffd")).resolve("B=${STAGE}/db:host").run();
    run.refused(64).says(["B"]);
    assert!(aws.calls().is_empty());
}
