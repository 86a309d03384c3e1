//! The npm packages that `make test` installs.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::skip::{can, skipped};

/// The folder of `node_modules` that has this package: `.node`, or the folder that
/// `SECRETS_EXEC_NODE` names. If the package or node isn't installed, reports that `what` is
/// skipped and returns `None`.
pub fn node_folder(package: &str, what: &str) -> Option<PathBuf> {
    let folder = env::var_os("SECRETS_EXEC_NODE").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join(".node"),
        PathBuf::from,
    );
    if folder.join("node_modules").join(package).exists() {
        return can(&["node", "--version"], what).then_some(folder);
    }
    skipped(&format!(
        "the packages of npm aren't in {}: `make test` installs them",
        folder.display()
    ));
    None
}

/// The Node of the npm packages. It can parse `.env` files, which needs version 20.12 (Debian 12
/// has 18). On other systems than Linux, the machine's own Node.
pub fn node(folder: &Path) -> Command {
    let machine = if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "x64"
    };
    let installed = folder.join(format!("node_modules/node-linux-{machine}/bin/node"));
    Command::new(if installed.exists() {
        installed
    } else {
        "node".into()
    })
}
