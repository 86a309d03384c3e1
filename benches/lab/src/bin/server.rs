//! `server ADDRESS CERTIFICATE KEY DELAY_MS` answers GetSecretValue like Secrets Manager, over TLS,
//! after a delay.
//!
//! Every secret exists. It is a JSON object whose `password` is `value-of-` and the secret's id.
//! The secret `texts/N` has only the key `S_N`, with the value of `bench/N`. The server
//! exits at the end of standard input.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{CipherSuite, ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, certificate, key, delay] = &arguments[..] else {
        return Err("usage: server ADDRESS CERTIFICATE KEY DELAY_MS".into());
    };
    let delay = Duration::from_millis(delay.parse()?);
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    // AWS's servers prefer this suite, no matter which one the client prefers.
    provider
        .cipher_suites
        .sort_by_key(|suite| suite.suite() != CipherSuite::TLS13_AES_128_GCM_SHA256);
    let chain = CertificateDer::pem_file_iter(certificate)?.collect::<Result<Vec<_>, _>>()?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_file(key)?)?;
    config.ignore_client_order = true;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let config = Arc::new(config);
    let listener = TcpListener::bind(address)?;
    println!("{}", listener.local_addr()?.port());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let config = Arc::clone(&config);
            thread::spawn(move || drop(serve(stream, config, delay)));
        }
    });
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

/// Answers the requests on a connection until the client closes it, each after `delay`.
fn serve(
    mut tcp: TcpStream,
    config: Arc<ServerConfig>,
    delay: Duration,
) -> Result<(), Box<dyn Error>> {
    tcp.set_nodelay(true)?;
    let mut tls = ServerConnection::new(config)?;
    while tls.is_handshaking() {
        tls.complete_io(&mut tcp)?;
    }
    let mut stream = StreamOwned::new(tls, tcp);
    let mut received = Vec::new();
    while let Some((head, body)) = receive(&mut stream, &mut received)? {
        let asked: Value = serde_json::from_slice(&body)?;
        let text = secret(asked["SecretId"].as_str().ok_or("no SecretId")?).to_string();
        let response = format!(
            "HTTP/1.1 200 OK\r\nx-amzn-RequestId: 00000000-0000-4000-8000-000000000000\r\nContent-Type: \
             application/x-amz-json-1.1\r\nContent-Length: {}\r\n\r\n{text}",
            text.len()
        );
        thread::sleep(delay);
        stream.write_all(response.as_bytes())?;
        stream.flush()?;
        if header(&head, "connection").is_some_and(|value| value.eq_ignore_ascii_case("close")) {
            return Ok(());
        }
    }
    Ok(())
}

/// The head and the body of a request.
type Request = (String, Vec<u8>);

/// Reads one request, and waits for all of it. The bytes after the request stay in `received`.
/// Returns `None` if the client has closed the connection.
fn receive(
    stream: &mut (impl Read + Write),
    received: &mut Vec<u8>,
) -> Result<Option<Request>, Box<dyn Error>> {
    let end = loop {
        if let Some(at) = received.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break at + 4;
        }
        if !more(stream, received)? {
            return Ok(None);
        }
    };
    let head = String::from_utf8_lossy(&received[..end]).into_owned();
    if header(&head, "expect").is_some() {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        stream.flush()?;
    }
    let length: usize = header(&head, "content-length").map_or(Ok(0), |value| value.parse())?;
    while received.len() < end + length {
        if !more(stream, received)? {
            return Ok(None);
        }
    }
    let rest = received.split_off(end + length);
    let body = std::mem::replace(received, rest).split_off(end);
    Ok(Some((head, body)))
}

/// Waits for more bytes, and appends them to `received`. Returns false at the end of the stream.
fn more(stream: &mut impl Read, received: &mut Vec<u8>) -> Result<bool, Box<dyn Error>> {
    let mut buffer = [0; 16384];
    let length = stream.read(&mut buffer)?;
    received.extend_from_slice(&buffer[..length]);
    Ok(length > 0)
}

/// Returns the value of a header. Returns `None` if the request doesn't have it.
fn header(head: &str, name: &str) -> Option<String> {
    let mut lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    lines
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim().to_owned())
}

/// Returns the answer for the name or ARN of a secret.
fn secret(id: &str) -> Value {
    let id = id.rsplit(':').next().unwrap_or(id);
    let text = match id.strip_prefix("texts/") {
        Some(number) => json!({ (format!("S_{number}")): format!("value-of-bench/{number}") }),
        None => json!({
            "username": "app",
            "password": format!("value-of-{id}"),
            "engine": "postgres",
            "host": "db.example.com",
            "port": 5432,
            "dbname": "app",
        }),
    };
    json!({
        "ARN": format!("arn:aws:secretsmanager:us-east-1:123456789012:secret:{id}-AbCdEf"),
        "Name": id,
        "VersionId": "00000000-0000-4000-8000-000000000001",
        "SecretString": text.to_string(),
        "VersionStages": ["AWSCURRENT"],
        "CreatedDate": 1_760_000_000.0,
    })
}
