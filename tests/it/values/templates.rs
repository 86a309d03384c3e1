//! `template`: its output, and the requests that it needs, in `templates.rows`. Errors are in `template_faults.rs`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::support::*;

::rows::rows!("tests/it/values/templates.rows");

#[test]
fn a_variable_that_is_no_text_is_undefined() {
    let sandbox = Sandbox::new().env("BYTES", OsStr::from_bytes(b"\xff"));
    let declaration = "env: { A: { template: \"{{ env.BYTES | default('x') }}\" } }\n";
    sandbox.declaration(declaration).run().launched_silently().has("A", "x");
}
