//! The pictures of `docs/`.

use std::process::Command;

use crate::support::skip;

#[test]
fn the_pictures_are_well_formed_xml() {
    if !skip::can(&["python3", "--version"], "the pictures of docs/") {
        return;
    }
    let parse = "import sys, xml.dom.minidom as m; [m.parse(f) for f in sys.argv[1:]]";
    let pictures = ["docs/data-flow.svg", "docs/benchmarks.svg", "docs/fleet.svg"];
    let mut python = Command::new("python3");
    let output = python.args(["-c", parse]).args(pictures).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
