//! The npm packages that `make test` installs.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::skip::{can, skipped};

/// The folder `.node`, whose `node_modules` has this package. If the package or node isn't
/// installed, reports that `what` is skipped and returns `None`.
pub fn node_folder(package: &str, what: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(".node");
    if folder.join("node_modules").join(package).exists() {
        return can(&["node", "--version"], what).then_some(folder);
    }
    skipped("the packages of npm aren't in .node: `make test` installs them");
    None
}

/// The Node of the npm packages. It can parse `.env` files, which needs version 20.12 (Debian 12
/// has 18). On other systems than Linux, the machine's own Node.
pub fn node(folder: &Path) -> Command {
    let is_arm = cfg!(target_arch = "aarch64");
    let machine = if is_arm { "arm64" } else { "x64" };
    let installed = folder.join(format!("node_modules/node-linux-{machine}/bin/node"));
    Command::new(if installed.exists() {
        installed
    } else {
        "node".into()
    })
}
