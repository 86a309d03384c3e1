//! `template`: a variable that isn't text. `templates.rows` has its output and the requests that it
//! needs, and `template_faults.rows` has errors.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::support::*;

::rows::rows!("tests/it/values/templates.rows");

#[test]
fn in_a_template_the_filter_default_replaces_a_variable_that_is_not_utf8() {
    let sandbox = Sandbox::new().env("BYTES", OsStr::from_bytes(b"\xff"));
    let declaration = "env: { A: { template: \"{{ env.BYTES | default('x') }}\" } }\n";
    sandbox
        .declaration(declaration)
        .run()
        .launched_silently()
        .has("A", "x");
}
