//! `template`: its output, and the requests that it needs, in `templates.rows`. Errors are in `template_faults.rs`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::support::*;

::rows::rows!("tests/it/values/templates.rows");

#[test]
fn a_variable_of_invalid_utf8_is_undefined_in_a_template_and_takes_its_default() {
    let sandbox = Sandbox::new().env("BYTES", OsStr::from_bytes(b"\xff"));
    let declaration = "env: { A: { template: \"{{ env.BYTES | default('x') }}\" } }\n";
    sandbox
        .declaration(declaration)
        .run()
        .launched_silently()
        .has("A", "x");
}
