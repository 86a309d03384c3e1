//! Files in memory, read by third-party programs (openssl, Python's `ssl`, Node), from secrets that boto3 stored.

use std::fs;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::moto::Moto;
use super::python::interpreter;
use crate::support::directory::Directory;
use crate::support::sandbox::Sandbox;
use crate::support::shared::Shared;
use crate::support::{skip, watch};

/// A key, its certificate, and both in PKCS #12 with the passphrase `p`.
struct Identity {
    key: String,
    certificate: String,
    pkcs12: Vec<u8>,
}

/// The shared moto with the secrets `delivered/tls` and `delivered/p12`; reports the test as skipped without openssl or
/// moto.
fn identity() -> Option<(&'static Moto, &'static Identity)> {
    static MADE: Shared<(&Moto, Identity)> = Shared::new();
    let made = MADE.get(|| {
        let moto = Moto::shared()?;
        if !skip::can(&["openssl", "version"], "a key and a certificate") {
            return None;
        }
        let identity = Identity::make();
        moto.secret("delivered/tls", &json!({ "key": identity.key, "certificate": identity.certificate }).to_string());
        let binary = json!({ "Name": "delivered/p12", "SecretBinary": { "$bytes": identity.pkcs12 } });
        moto.secretsmanager("create_secret", &binary);
        Some((moto, identity))
    });
    let (moto, identity) = made?;
    // In each test, and not in the first alone.
    [&identity.key, &identity.certificate].into_iter().for_each(|value| watch::secret(value));
    Some((*moto, identity))
}

impl Identity {
    fn make() -> Self {
        let directory = Directory::new();
        let openssl = |arguments: &str| {
            let mut command = Command::new("openssl");
            command.args(arguments.split(' ')).current_dir(directory.path());
            let output = command.output().expect("openssl starts");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        };
        openssl(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=delivered",
        );
        openssl("pkcs12 -export -inkey key.pem -in cert.pem -passout pass:p -out all.p12");
        let text = |name: &str| fs::read_to_string(directory.path().join(name)).expect("openssl wrote PEM");
        let pkcs12 = fs::read(directory.path().join("all.p12")).expect("openssl wrote PKCS #12");
        Self { key: text("key.pem"), certificate: text("cert.pem"), pkcs12 }
    }
}

/// A launch with the files in memory `$KEY`, `$CERTIFICATE` and `$P12`.
fn delivering(moto: &Moto) -> Sandbox {
    moto.sandbox()
        .args(["--as-file", "KEY=delivered/tls:key"])
        .args(["--as-file", "CERTIFICATE=delivered/tls:certificate"])
        .args(["--as-file", "P12=delivered/p12"])
}

#[test]
fn openssl_reads_a_key_a_certificate_and_both_in_pkcs12() {
    let Some((moto, _)) = identity() else { return };
    let script = "set -e
        openssl pkey -in \"$KEY\" -pubout
        openssl x509 -in \"$CERTIFICATE\" -noout -pubkey
        openssl pkcs12 -in \"$P12\" -passin pass:p -nokeys 2>&1 | openssl x509 -noout -pubkey";
    let outcome = delivering(moto).script(script).run();
    let printed = outcome.launched_silently().stdout();
    let third = printed.len() / 3;
    assert!(printed.starts_with("-----BEGIN PUBLIC KEY-----"), "{outcome}");
    assert_eq!(printed, printed[..third].repeat(3), "{outcome}");
}

#[test]
fn pythons_ssl_loads_the_certificate_and_its_key() {
    let (Some((moto, _)), Some(python)) = (identity(), interpreter()) else { return };
    let script = "import os, ssl\n\
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n\
        for attempt in range(2): context.load_cert_chain(os.environ['CERTIFICATE'], os.environ['KEY'])\n\
        context.load_verify_locations(os.environ['CERTIFICATE'])\n\
        print(context.cert_store_stats()['x509'])";
    let outcome = delivering(moto).command([python.as_os_str(), "-c".as_ref(), script.as_ref()]).run();
    outcome.launched_silently().printed("1\n");
}

#[test]
fn node_reads_them_as_files() {
    let Some((moto, identity)) = identity() else { return };
    if !skip::can(&["node", "--version"], "files in memory under Node") {
        return;
    }
    let script = "const fs = require('fs');
        const read = () => fs.readFileSync(process.env.P12).toString('base64') + fs.readFileSync(process.env.KEY, 'utf8');
        process.stdout.write(read());
        if (read() !== read()) process.exit(1);";
    let outcome = delivering(moto).command(["node", "-e", script]).prints_values().run();
    outcome.launched_silently().printed(STANDARD.encode(&identity.pkcs12) + &identity.key);
}

#[test]
fn a_program_of_python_that_is_told_to_pass_them_on_does() {
    let (Some((moto, identity)), Some(python)) = (identity(), interpreter()) else { return };
    let script = "import os, subprocess\n\
        path = os.environ['KEY']\n\
        subprocess.run(['cat', path], pass_fds=[int(path.rsplit('/')[-1])], check=True)";
    let outcome = delivering(moto).prints_values().command([python.as_os_str(), "-c".as_ref(), script.as_ref()]).run();
    outcome.launched_silently().printed(&identity.key);
}
