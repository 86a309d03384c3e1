//! `server ADDRESS CERTIFICATE KEY`: the part of Secrets Manager that the benchmark's tools use, over TLS, with counts.
//!
//! Every secret exists: a JSON object whose `password` is `value-of-` and the secret's id. Standard input takes one command per
//! line: `counts` prints the counts as a line of JSON, `reset` sets them to zero, `hold MS` delays each response by that time.
//! The server exits at the end of standard input.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{BufRead, Read, Write, stdin};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

#[derive(Default)]
struct Counts {
    connections: u64,
    open: u64,
    most_open: u64,
    handshakes: u64,
    in_flight: u64,
    most_in_flight: u64,
    requests: BTreeMap<String, u64>,
}

static COUNTS: Mutex<Counts> = Mutex::new(Counts {
    connections: 0,
    open: 0,
    most_open: 0,
    handshakes: 0,
    in_flight: 0,
    most_in_flight: 0,
    requests: BTreeMap::new(),
});
static HOLD: AtomicU64 = AtomicU64::new(0);

fn count(change: impl FnOnce(&mut Counts)) {
    change(&mut COUNTS.lock().unwrap());
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, certificate, key] = &arguments[..] else {
        return Err("usage: server ADDRESS CERTIFICATE KEY".into());
    };
    let chain = CertificateDer::pem_file_iter(certificate)?.collect::<Result<Vec<_>, _>>()?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_file(key)?)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let config = Arc::new(config);
    let listener = TcpListener::bind(address)?;
    println!("{}", listener.local_addr()?.port());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let config = Arc::clone(&config);
            count(|counts| {
                counts.connections += 1;
                counts.open += 1;
                counts.most_open = counts.most_open.max(counts.open);
            });
            thread::spawn(move || {
                // A client that disconnects early keeps the counts it has.
                let _ = serve(stream, config);
                count(|counts| counts.open = counts.open.saturating_sub(1));
            });
        }
    });
    for line in stdin().lock().lines() {
        println!("{}", control(&line?)?);
    }
    Ok(())
}

fn control(line: &str) -> Result<Value, Box<dyn Error>> {
    if let Some(hold) = line.strip_prefix("hold ") {
        HOLD.store(hold.parse()?, Ordering::Relaxed);
    }
    let mut counts = COUNTS.lock().unwrap();
    if line == "reset" {
        *counts = Counts::default();
    }
    Ok(json!({
        "connections": counts.connections,
        "most_open": counts.most_open,
        "handshakes": counts.handshakes,
        "most_in_flight": counts.most_in_flight,
        "requests": counts.requests,
    }))
}

fn serve(mut tcp: TcpStream, config: Arc<ServerConfig>) -> Result<(), Box<dyn Error>> {
    tcp.set_nodelay(true)?;
    let mut tls = ServerConnection::new(config)?;
    while tls.is_handshaking() {
        tls.complete_io(&mut tcp)?;
    }
    count(|counts| counts.handshakes += 1);
    let mut stream = StreamOwned::new(tls, tcp);
    let mut received = Vec::new();
    while let Some((head, body)) = receive(&mut stream, &mut received)? {
        let operation = operation(&head, &body);
        count(|counts| {
            *counts.requests.entry(operation.clone()).or_default() += 1;
            counts.in_flight += 1;
            counts.most_in_flight = counts.most_in_flight.max(counts.in_flight);
        });
        let hold = HOLD.load(Ordering::Relaxed);
        if hold > 0 {
            thread::sleep(Duration::from_millis(hold));
        }
        let answer = answer(&operation, &body);
        count(|counts| counts.in_flight = counts.in_flight.saturating_sub(1));
        let (status, text) = match answer {
            _ if operation == "GetCallerIdentity" => ("200 OK", CALLER.to_owned()),
            Some(value) => ("200 OK", value.to_string()),
            None => {
                ("400 Bad Request", json!({ "__type": "InvalidRequestException", "Message": operation }).to_string())
            }
        };
        let response = format!(
            "HTTP/1.1 {status}\r\nx-amzn-RequestId: 00000000-0000-4000-8000-000000000000\r\nContent-Type: \
             application/x-amz-json-1.1\r\nContent-Length: {}\r\n\r\n{text}",
            text.len()
        );
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

/// Reads one request; bytes after it stay in `received`.
fn receive(stream: &mut (impl Read + Write), received: &mut Vec<u8>) -> Result<Option<Request>, Box<dyn Error>> {
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

fn more(stream: &mut impl Read, received: &mut Vec<u8>) -> Result<bool, Box<dyn Error>> {
    let mut buffer = [0; 16384];
    let length = stream.read(&mut buffer)?;
    received.extend_from_slice(&buffer[..length]);
    Ok(length > 0)
}

fn header(head: &str, name: &str) -> Option<String> {
    let mut lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
}

/// The operation: from a header for Secrets Manager, from the body for STS.
fn operation(head: &str, body: &[u8]) -> String {
    if let Some(target) = header(head, "x-amz-target") {
        return target.rsplit('.').next().unwrap_or_default().to_owned();
    }
    let body = String::from_utf8_lossy(body);
    body.split('&').find_map(|pair| pair.strip_prefix("Action=")).unwrap_or("?").to_owned()
}

/// The response to STS's GetCallerIdentity.
const CALLER: &str = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
    <Arn>arn:aws:iam::123456789012:user/bench</Arn><UserId>AIDAEXAMPLE</UserId><Account>123456789012</Account>\
    </GetCallerIdentityResult></GetCallerIdentityResponse>";

fn answer(operation: &str, body: &[u8]) -> Option<Value> {
    let asked: Value = serde_json::from_slice(body).ok()?;
    match operation {
        "GetSecretValue" => Some(secret(asked.get("SecretId")?.as_str()?)),
        "BatchGetSecretValue" => {
            let ids = asked.get("SecretIdList")?.as_array()?;
            let values: Vec<Value> = ids.iter().filter_map(Value::as_str).map(secret).collect();
            Some(json!({ "SecretValues": values, "Errors": [] }))
        }
        _ => None,
    }
}

fn secret(id: &str) -> Value {
    let text = json!({
        "username": "app",
        "password": format!("value-of-{id}"),
        "engine": "postgres",
        "host": "db.example.com",
        "port": 5432,
        "dbname": "app",
    });
    json!({
        "ARN": format!("arn:aws:secretsmanager:us-east-1:123456789012:secret:{id}-AbCdEf"),
        "Name": id,
        "VersionId": "00000000-0000-4000-8000-000000000001",
        "SecretString": text.to_string(),
        "VersionStages": ["AWSCURRENT"],
        "CreatedDate": 1_760_000_000.0,
    })
}
