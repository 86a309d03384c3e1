//! Files in memory (`--as-file`, and `files:` without `path`) and files at a `path`.

use std::fs;

use crate::support::*;

mod failed;
mod links;
mod memory;
mod path;
mod refused;

/// The fake with the secret `prod/tls`.
fn tls_secret() -> Aws {
    Aws::start().secret(
        "prod/tls",
        Secret::text(r#"{"key":"key-4c7a1e\n","cert":"certificate-4c7a1e","empty":""}"#),
    )
}

/// A launch with a directory `out`, and with a file in it on line 2 of the declaration. `-q` hides
/// the warning about files on disk.
fn with_file(aws: &Aws, settings: &str) -> Sandbox {
    let sandbox = Sandbox::new().aws(aws).args(["-q", "-f", "app.yaml"]);
    fs::create_dir(sandbox.path("out")).unwrap();
    let path = sandbox.path("out/file").display().to_string();
    sandbox.file(
        "app.yaml",
        format!("files:\n  - {{ from: \"prod/tls:key\", path: \"{path}\"{settings} }}\n"),
    )
}
