//! Files in memory, read by third-party programs: openssl, Python's `ssl` and Node.

use super::moto::Moto;
use super::python::interpreter;
use super::rotation::certificate;
use crate::support::skip;

/// Compares the public keys of the two files.
const OPENSSL: &str = "openssl pkey -in \"$KEY\" -pubout >public && openssl x509 -in \"$CERTIFICATE\" -noout -pubkey | cmp - public";

const PYTHON: &str = "import os, ssl
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
for attempt in range(2): context.load_cert_chain(os.environ['CERTIFICATE'], os.environ['KEY'])";

const NODE: &str = "const read = name => require('fs').readFileSync(process.env[name]);
for (const attempt of [1, 2]) require('tls').createSecureContext({ key: read('KEY'), cert: read('CERTIFICATE') });";

#[test]
fn openssl_python_and_node_read_a_key_and_its_certificate_from_files_in_memory() {
    let (Some(moto), Some(python)) = (Moto::shared(), interpreter()) else {
        return;
    };
    let python = python.to_str().unwrap();
    moto.secret("delivered/tls", &certificate("delivered"));
    let files = [
        "--as-file",
        "KEY=delivered/tls:key",
        "--as-file",
        "CERTIFICATE=delivered/tls:certificate",
    ];
    for command in [
        ["sh", "-c", OPENSSL],
        [python, "-c", PYTHON],
        ["node", "-e", NODE],
    ] {
        if command[0] != "node" || skip::can(&["node", "--version"], "files in memory under Node") {
            moto.sandbox()
                .args(files)
                .command(command)
                .run()
                .launched_silently();
        }
    }
}
