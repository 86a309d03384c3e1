//! A certificate authority, and the server's side of TLS.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion};

use crate::support::directory::Directory;
use crate::support::skip;

/// The options of openssl for a new key.
const NEW_KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";

/// A certificate authority, made by openssl.
pub struct Authority {
    directory: Directory,
}

impl Authority {
    /// Makes an authority. If openssl isn't installed, reports the test as skipped and returns
    /// `None`.
    pub fn new() -> Option<Self> {
        Self::named("a test's own authority")
    }

    /// Makes an authority with this name. If openssl isn't installed, reports the test as skipped
    /// and returns `None`.
    pub fn named(name: &str) -> Option<Self> {
        if !skip::can(&["openssl", "version"], "a test over TLS") {
            return None;
        }
        let authority = Self {
            directory: Directory::new(),
        };
        let options =
            "-keyout ca.key -out ca.pem -days 30 -addext basicConstraints=critical,CA:TRUE";
        let mut request = authority.openssl(&format!("req -x509 {NEW_KEY} {options} -subj"));
        succeed(request.arg(format!("/CN={name}")));
        Some(authority)
    }

    /// The path of the authority's own certificate.
    pub fn bundle(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// A server with a certificate for localhost and for Secrets Manager in us-east-1.
    pub fn acceptor(&self) -> Acceptor {
        self.acceptor_for("DNS:localhost,IP:127.0.0.1,DNS:secretsmanager.us-east-1.amazonaws.com")
    }

    /// A server that presents the authority's own certificate.
    pub fn acceptor_of_itself(&self) -> Acceptor {
        Acceptor::new(&self.path("ca.pem"), &self.path("ca.key"))
    }

    /// A server like that of [`Self::acceptor`] that exchanges keys only with X25519MLKEM768.
    pub fn post_quantum_acceptor(&self) -> Acceptor {
        drop(self.acceptor());
        let kx_groups = vec![rustls::crypto::aws_lc_rs::kx_group::X25519MLKEM768];
        let provider = CryptoProvider {
            kx_groups,
            ..rustls::crypto::aws_lc_rs::default_provider()
        };
        Acceptor::speaking(provider, &self.path("leaf.pem"), &self.path("leaf.key"))
    }

    /// A server that signs its first handshake with the key of its certificate, and all later
    /// handshakes with another key, as a forger would.
    pub fn forging_acceptor(&self, version: &'static SupportedProtocolVersion) -> Acceptor {
        drop(self.acceptor());
        let chain: Vec<_> = CertificateDer::pem_file_iter(self.path("leaf.pem"))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let signed_by = |key: &str| {
            let key =
                any_supported_type(&PrivateKeyDer::from_pem_file(self.path(key)).unwrap()).unwrap();
            Arc::new(CertifiedKey::new(chain.clone(), key))
        };
        let resolver = Forger {
            first: Mutex::new(Some(signed_by("leaf.key"))),
            others: signed_by("ca.key"),
        };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap();
        let mut config = config
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(resolver));
        // A handshake that resumes a session doesn't have a signature.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Acceptor {
            config: Arc::new(config),
        }
    }

    /// A server with a certificate for these names, in the form of openssl's `subjectAltName`.
    /// Without names, the certificate doesn't have this extension.
    pub fn acceptor_for(&self, names: &str) -> Acceptor {
        let options = "-keyout leaf.key -out leaf.csr -subj /CN=leaf";
        succeed(&mut self.openssl(&format!("req {NEW_KEY} {options}")));
        let comment = if names.is_empty() { "#" } else { "" };
        let extensions = format!(
            "{comment}subjectAltName={names}\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n"
        );
        fs::write(self.path("leaf.ext"), extensions).unwrap();
        succeed(&mut self.openssl(
            "x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile leaf.ext -out leaf.pem -days 30",
        ));
        Acceptor::new(&self.path("leaf.pem"), &self.path("leaf.key"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A command of openssl in the directory of the authority.
    fn openssl(&self, arguments: &str) -> Command {
        let mut command = Command::new("openssl");
        command
            .args(arguments.split(' '))
            .current_dir(self.directory.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }
}

/// Signs the first handshake with one key, and all later handshakes with another key.
#[derive(Debug)]
struct Forger {
    first: Mutex<Option<Arc<CertifiedKey>>>,
    others: Arc<CertifiedKey>,
}

impl ResolvesServerCert for Forger {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let first = self.first.lock().unwrap().take();
        first.or_else(|| Some(self.others.clone()))
    }
}

fn succeed(command: &mut Command) {
    assert!(command.status().unwrap().success(), "{command:?}");
}

/// The server's side of TLS, with one certificate.
pub struct Acceptor {
    config: Arc<ServerConfig>,
}

impl Acceptor {
    fn new(certificate: &Path, key: &Path) -> Self {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        Self::speaking(provider, certificate, key)
    }

    fn speaking(provider: CryptoProvider, certificate: &Path, key: &Path) -> Self {
        let chain = CertificateDer::pem_file_iter(certificate).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                chain.map(Result::unwrap).collect(),
                PrivateKeyDer::from_pem_file(key).unwrap(),
            );
        Self {
            config: Arc::new(config.unwrap()),
        }
    }

    /// Reads the ClientHello and passes its ALPN protocols to `offered`. Returns `None` if the
    /// client closes the connection.
    pub fn accept(
        &self,
        mut stream: TcpStream,
        offered: impl FnOnce(Vec<String>),
    ) -> Option<StreamOwned<ServerConnection, TcpStream>> {
        let mut acceptor = rustls::server::Acceptor::default();
        let accepted = loop {
            if acceptor.read_tls(&mut stream).ok()? == 0 {
                return None;
            }
            if let Some(accepted) = acceptor.accept().ok()? {
                break accepted;
            }
        };
        let protocols = accepted.client_hello().alpn().into_iter().flatten();
        let protocols = protocols.map(|name| String::from_utf8_lossy(name).into_owned());
        offered(protocols.collect());
        let connection = accepted.into_connection(Arc::clone(&self.config)).ok()?;
        Some(StreamOwned::new(connection, stream))
    }
}
