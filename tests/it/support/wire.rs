//! A server that follows a script of bytes, pauses and cuts, for faults that no HTTP library would send.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::{ServerConnection, StreamOwned};
use serde_json::json;

use crate::support::tls::Acceptor;
use crate::support::watch;

/// The steps of one connection, which is closed after the last.
pub type Script = Vec<Step>;

#[derive(Clone)]
pub enum Step {
    /// Reads one request with its body.
    Request,
    /// Reads the head of a request and leaves its body unread, so that closing the connection resets it.
    Head,
    /// Reads once, whatever comes.
    Greeting,
    Send(Vec<u8>),
    /// Sends each byte by itself, with a pause after it.
    Drip(Vec<u8>, Duration),
    Pause(Duration),
    /// Waits until the client closes the connection.
    Stall,
    /// Closes the connection without TLS's close_notify.
    Cut,
}

/// Runs until the test binary ends.
pub struct Wire {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Wire {
    /// Starts a server that plays the n-th script on the n-th connection, and the last one on all later connections.
    pub fn plain(scripts: Vec<Script>) -> Self {
        Self::start(None, scripts)
    }

    /// Starts such a server within TLS.
    pub fn tls(acceptor: Acceptor, scripts: Vec<Script>) -> Self {
        Self::start(Some(acceptor), scripts)
    }

    fn start(acceptor: Option<Acceptor>, scripts: Vec<Script>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let (connections, heads) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let wire =
            Self { address: listener.local_addr().unwrap(), connections: connections.clone(), heads: heads.clone() };
        let acceptor = Arc::new(acceptor);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let number = connections.fetch_add(1, Ordering::SeqCst);
                let script = scripts[number.min(scripts.len() - 1)].clone();
                let (acceptor, heads) = (Arc::clone(&acceptor), Arc::clone(&heads));
                // An error means that the client closed the connection early, as some scripts provoke.
                thread::spawn(move || drop(play(stream.unwrap(), acceptor.as_ref().as_ref(), &script, &heads)));
            }
        });
        wire
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The number of connections so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// The heads of the requests so far.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

enum Io {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

fn play(stream: TcpStream, acceptor: Option<&Acceptor>, script: &[Step], heads: &Mutex<Vec<String>>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut io = match acceptor {
        None => Io::Plain(stream),
        Some(acceptor) => match acceptor.accept(stream, drop) {
            Some(stream) => Io::Tls(Box::new(stream)),
            None => return Ok(()),
        },
    };
    for step in script {
        match step {
            Step::Head => heads.lock().unwrap().push(io.head()?),
            Step::Request => {
                let head = io.head()?.to_lowercase();
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
                io.read_exact(&mut body)?;
                heads.lock().unwrap().push(head);
            }
            Step::Greeting => drop(io.read(&mut [0; 16_384])?),
            Step::Send(bytes) => io.say(bytes)?,
            Step::Drip(bytes, pause) => {
                for byte in bytes {
                    io.say(&[*byte])?;
                    thread::sleep(*pause);
                }
            }
            Step::Pause(pause) => thread::sleep(*pause),
            Step::Stall => drop(io::copy(&mut io, &mut io::sink())),
            Step::Cut => return Ok(()),
        }
    }
    io.farewell()
}

impl Io {
    /// Reads the head of a request, and no byte of the body.
    fn head(&mut self) -> io::Result<String> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        Ok(String::from_utf8_lossy(&head).into_owned())
    }

    fn say(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.write_all(bytes),
            Self::Tls(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
        }
    }

    fn farewell(&mut self) -> io::Result<()> {
        if let Self::Tls(stream) = self {
            stream.conn.send_close_notify();
            stream.flush()?;
        }
        Ok(())
    }
}

impl Read for Io {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

/// The body of GetSecretValue's answer for the secret `x`, whose key `k` has this value.
pub fn body(value: &str) -> String {
    let secret = json!({ "k": value });
    watch::secret_text(&secret.to_string());
    let body = json!({
        "ARN": "arn:aws:secretsmanager:us-east-1:123456789012:secret:x-AbCdEf",
        "Name": "x",
        "VersionId": "c0c0c0c0-1111-4222-8333-444455556666",
        "VersionStages": ["AWSCURRENT"],
        "SecretString": secret.to_string(),
    });
    body.to_string()
}

/// An answer with the Content-Length of its body.
pub fn answer(head: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let length = format!("content-length: {}", body.as_ref().len());
    with_head(&[head, "content-type: application/x-amz-json-1.1", &length], body)
}

/// An answer with these lines as its head.
pub fn with_head(lines: &[&str], body: impl AsRef<[u8]>) -> Vec<u8> {
    let mut bytes = lines.join("\r\n").into_bytes();
    bytes.extend_from_slice(b"\r\n\r\n");
    bytes.extend_from_slice(body.as_ref());
    bytes
}

/// The script of a server that works.
pub fn good(value: &str) -> Script {
    vec![Step::Request, Step::Send(answer("HTTP/1.1 200 OK", body(value)))]
}
