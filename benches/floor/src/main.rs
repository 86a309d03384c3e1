//! The floor: `floor NAME=SECRET:KEY… -- COMMAND ARG…` reads each secret, takes one key of each and
//! becomes the command.
//!
//! This is a minimal client for one account, one region and static credentials: aws-sigv4 signs,
//! hyper speaks HTTP/1.1, and rustls with aws-lc speaks TLS. The client opens one connection for
//! each secret, at most 32, all at the same time, and reuses them for further secrets. It doesn't
//! support profiles, roles, retries, timeouts, proxies or declarations, and its error messages
//! aren't useful.

use std::collections::HashMap;
use std::env;
use std::error::Error;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// The maximum number of concurrent requests, as in secrets-exec.
const IN_FLIGHT: usize = 32;

/// A client of Secrets Manager.
struct Aws {
    address: SocketAddr,
    host: String,
    region: String,
    credentials: Credentials,
    tls: TlsConnector,
}

type Sender = hyper::client::conn::http1::SendRequest<Full<Bytes>>;

fn main() -> Result<()> {
    let mut arguments = env::args().skip(1);
    let wanted: Vec<String> = arguments
        .by_ref()
        .take_while(|argument| argument != "--")
        .collect();
    let mut command = Command::new(arguments.next().ok_or("no command")?);
    command.args(arguments);
    let aws = Arc::new(Aws::from_environment()?);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    runtime.block_on(async {
        let connections = wanted.len().min(IN_FLIGHT);
        let queue = Arc::new(Mutex::new(wanted));
        let mut under_way = Vec::new();
        for _ in 0..connections {
            let (aws, queue) = (Arc::clone(&aws), Arc::clone(&queue));
            under_way.push(tokio::spawn(async move { aws.read_from(&queue).await }));
        }
        for task in under_way {
            command.envs(task.await??);
        }
        Ok::<_, Box<dyn Error + Send + Sync>>(())
    })?;
    #[allow(
        clippy::disallowed_methods,
        reason = "the benchmark does not need SIGPIPE's disposition"
    )]
    let error = command.exec();
    Err(error.into())
}

impl Aws {
    /// Creates a client from AWS_REGION, the credentials in AWS's variables, and the root
    /// certificates in AWS_CA_BUNDLE. Looks up the host, and waits for the answer.
    fn from_environment() -> Result<Self> {
        let region = env::var("AWS_REGION")?;
        let host = format!("secretsmanager.{region}.amazonaws.com");
        let address = (host.as_str(), 443)
            .to_socket_addrs()?
            .next()
            .ok_or("no address")?;
        let credentials = Credentials::new(
            env::var("AWS_ACCESS_KEY_ID")?,
            env::var("AWS_SECRET_ACCESS_KEY")?,
            env::var("AWS_SESSION_TOKEN").ok(),
            None,
            "environment",
        );
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(env::var("AWS_CA_BUNDLE")?)? {
            let _ = roots.add(certificate?);
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let tls = TlsConnector::from(Arc::new(config));
        Ok(Self {
            address,
            host,
            region,
            credentials,
            tls,
        })
    }

    /// Reads entries from the queue over one connection until the queue is empty. Returns their
    /// names and values.
    async fn read_from(&self, queue: &Mutex<Vec<String>>) -> Result<Vec<(String, String)>> {
        let tcp = TcpStream::connect(self.address).await?;
        tcp.set_nodelay(true)?;
        let tls = self
            .tls
            .connect(ServerName::try_from(self.host.clone())?, tcp)
            .await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(tls)).await?;
        tokio::spawn(connection);
        let mut values = Vec::new();
        loop {
            let Some(entry) = queue.lock().unwrap().pop() else {
                return Ok(values);
            };
            sender.ready().await?;
            values.push(self.read(&mut sender, &entry).await?);
        }
    }

    /// Reads the secret of an entry `NAME=SECRET:KEY`. Returns the name, and the value of the key
    /// as text.
    async fn read(&self, sender: &mut Sender, entry: &str) -> Result<(String, String)> {
        let (name, reference) = entry.split_once('=').ok_or("no reference")?;
        let (secret, key) = reference.rsplit_once(':').ok_or("no key")?;
        let response = sender.send_request(self.request(secret)?).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        if status != 200 {
            return Err(format!("{secret}: {status}: {}", String::from_utf8_lossy(&body)).into());
        }
        let answer: Answer = serde_json::from_slice(&body)?;
        let mut keys: HashMap<String, serde_json::Value> =
            serde_json::from_str(&answer.secret_string)?;
        match keys.remove(key) {
            Some(serde_json::Value::String(value)) => Ok((name.to_owned(), value)),
            Some(other) => Ok((name.to_owned(), other.to_string())),
            None => Err(format!("{secret} has no key {key}").into()),
        }
    }

    /// Returns the signed GetSecretValue request for a secret.
    fn request(&self, secret: &str) -> Result<http::Request<Full<Bytes>>> {
        let body = serde_json::to_vec(&serde_json::json!({ "SecretId": secret }))?;
        let headers = [
            ("host", self.host.as_str()),
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", "secretsmanager.GetSecretValue"),
        ];
        let identity = self.credentials.clone().into();
        let parameters = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("secretsmanager")
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()?
            .into();
        let url = format!("https://{}/", self.host);
        let signable = SignableRequest::new(
            "POST",
            &url,
            headers.into_iter(),
            SignableBody::Bytes(&body),
        )?;
        let (instructions, _) = sign(signable, &parameters)?.into_parts();
        let mut request = http::Request::post("/");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let mut request = request.body(Full::new(Bytes::from(body)))?;
        instructions.apply_to_request_http1x(&mut request);
        Ok(request)
    }
}

/// The part of AWS's answer that is used.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    secret_string: String,
}
