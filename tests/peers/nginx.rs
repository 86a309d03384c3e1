//! [`Site`] serves moto over TLS: one nginx, with a port for each kind of certificate.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;

use super::daemon::{Daemon, is_installed};
use super::moto::Moto;
use crate::peers::Shared;
use crate::support::sandbox::{CANARY, Sandbox};
use crate::support::skip;

const BOTH: &str = "TLSv1.2 TLSv1.3";

/// The certificates of `certificates.sh`, each with the versions of TLS that its server accepts.
const SERVERS: [(&str, &str); 9] = [
    ("good", "TLSv1.2"),
    ("good", "TLSv1.3"),
    ("elsewhere", BOTH),
    ("expired", BOTH),
    ("early", BOTH),
    ("foreign", BOTH),
    ("alone", BOTH),
    ("below", BOTH),
    ("chain", BOTH),
];

/// nginx in front of moto, with its own certificate authority. It ends with this process.
pub(super) struct Site {
    daemon: Daemon,
}

impl Site {
    /// The site that all tests share, with the secret `tls/x`. If nginx, openssl or moto isn't
    /// installed, reports the calling test as skipped and returns `None`.
    pub(super) fn shared() -> Option<&'static Self> {
        static SHARED: Shared<Site> = Shared::new();
        SHARED.get(Self::start)
    }

    fn start() -> Option<Self> {
        let moto = Moto::shared()?;
        if !is_installed("nginx") || !skip::can(&["openssl", "version"], "tests with nginx") {
            return None;
        }
        let daemon = Daemon::start(SERVERS.len(), |directory, ports| {
            make_certificates(directory);
            let configuration = directory.join("nginx.conf");
            let text = nginx_configuration(&moto.url, directory, ports);
            std::fs::write(&configuration, text).expect("a scratch folder");
            let line = format!(
                "nginx -e stderr -p {} -c {}",
                directory.display(),
                configuration.display()
            );
            line.split(' ').map(str::to_owned).collect()
        });
        // The secret is created only after the server has started. If the server can't start, the
        // next test tries again, and must not find a secret.
        moto.secret("tls/x", &json!({ "k": CANARY }).to_string());
        Some(Self { daemon })
    }

    /// The URL of the server with this certificate and version of TLS.
    pub(super) fn url(&self, certificate: &str, version: &str) -> String {
        let has_both =
            |(name, versions): &(&str, &str)| *name == certificate && versions.contains(version);
        let server = SERVERS.iter().position(has_both).expect("such a server");
        format!("https://localhost:{}", self.daemon.ports[server])
    }

    /// The path of a file or folder that `certificates.sh` has made.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.daemon.directory().join(name)
    }

    /// A launch that reads `tls/x` from a server, and trusts the system's root certificates.
    pub(super) fn sandbox(url: &str) -> Sandbox {
        Sandbox::new()
            .endpoint(url)
            .region("us-east-1")
            .keys()
            .resolve("A=tls/x:k")
    }
}

fn make_certificates(directory: &Path) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/certificates.sh");
    let mut making = Command::new("bash");
    let made = making
        .arg(script)
        .arg(directory)
        .stderr(Stdio::null())
        .status();
    assert!(made.expect("bash").success(), "certificates.sh failed");
}

fn nginx_configuration(moto: &str, directory: &Path, ports: &[u16]) -> String {
    let folder = directory.display();
    let mut text = format!(
        "daemon off; master_process off; pid {folder}/pid; error_log stderr crit; events {{ }}
        http {{
            access_log off; gzip on; gzip_types *; gzip_min_length 1; gzip_proxied any;
            client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
            uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;\n"
    );
    for ((certificate, versions), port) in SERVERS.iter().zip(ports) {
        text += &format!(
            "server {{
                listen 127.0.0.1:{port} ssl http2; ssl_protocols {versions};
                ssl_certificate {folder}/{certificate}.pem; ssl_certificate_key {folder}/{certificate}.key;
                location / {{ proxy_pass {moto}; proxy_set_header Host $http_host; }}
            }}\n"
        );
    }
    text + "}\n"
}
