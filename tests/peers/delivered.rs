//! Files in memory, read by third-party programs: openssl, Python's `ssl`, Node, nginx and psql.

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
    let files = "--as-file KEY=delivered/tls:key --as-file CERTIFICATE=delivered/tls:certificate";
    for command in [
        ["sh", "-c", OPENSSL],
        [python, "-c", PYTHON],
        ["node", "-e", NODE],
    ] {
        if command[0] != "node" || skip::can(&["node", "--version"], "files in memory under Node") {
            let run = moto.sandbox().args(files.split(' ')).command(command).run();
            run.launched_silently();
        }
    }
}

/// Loads the key, and prints what is left of it for a second reader and for a child process.
const PYTHON_ONCE: &str = "import os, ssl, subprocess
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(os.environ['CERTIFICATE'], os.environ['KEY'])
with open(os.environ['KEY']) as again: print(len(again.read()), end=' ')
print(subprocess.run(['cat', '/proc/self/fd/100'], pass_fds=[100], capture_output=True).stdout)";

const NODE_ONCE: &str = "const read = name => require('fs').readFileSync(process.env[name]);
require('tls').createSecureContext({ key: read('KEY'), cert: read('CERTIFICATE') });
const child = require('child_process').execFileSync('cat', [process.env.KEY]);
console.log(read('KEY').length, child.length);";

/// A check of nginx's configuration opens the key, and so does every reload.
const NGINX_ONCE: &str = "PATH=$PATH:/usr/sbin
echo \"pid pid; events { } http { access_log off;
client_body_temp_path 1; proxy_temp_path 2; fastcgi_temp_path 3; uwsgi_temp_path 4; scgi_temp_path 5;
server { listen 127.0.0.1:1 ssl; ssl_certificate $CERTIFICATE; ssl_certificate_key $KEY; } }\" >nginx.conf
for check in 1 2; do nginx -t -e stderr -p . -c nginx.conf 2>&1 | grep -o 'successful\\|cannot load certificate key'; done";

/// libpq only reads a password from a regular file.
const PSQL_ONCE: &str =
    "PGPASSFILE=$KEY psql -h 127.0.0.1 -p 1 2>&1 | grep -o 'is not a plain file'";

#[test]
fn a_key_in_a_file_that_can_be_read_once_reaches_python_node_and_nginx_but_not_psql() {
    let (Some(moto), Some(python)) = (Moto::shared(), interpreter()) else {
        return;
    };
    moto.secret("once/tls", &certificate("once"));
    let declaration = "files:
  - { from: \"once/tls:key\", env: KEY, once: true }
  - { from: \"once/tls:certificate\", env: CERTIFICATE }\n";
    let python = [python.to_str().unwrap(), "-c", PYTHON_ONCE];
    let twice = "successful\ncannot load certificate key\n";
    for (program, command, printed) in [
        (&["true"][..], python, "0 b''\n"),
        (&["node", "--version"], ["node", "-e", NODE_ONCE], "0 0\n"),
        (&["/usr/sbin/nginx", "-v"], ["sh", "-c", NGINX_ONCE], twice),
        (
            &["psql", "--version"],
            ["sh", "-c", PSQL_ONCE],
            "is not a plain file\n",
        ),
    ] {
        if skip::can(program, "a file that can be read once") {
            let sandbox = moto.sandbox().file("secrets-exec.yaml", declaration);
            let run = sandbox.command(command).case(command[2]).run();
            run.launched().printed(printed);
        }
    }
}
