//! A server that follows a script of bytes, pauses and cuts, for faults that no HTTP library would
//! send.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::{ServerConnection, StreamOwned};
use serde_json::json;

use crate::support::aws::assumed;
use crate::support::aws::secret::Secret;
use crate::support::identity::ROLE;
use crate::support::sandbox::CANARY;
use crate::support::tls::Acceptor;

/// The steps of one connection, which is closed after the last one.
pub type Script = Vec<Step>;

/// Makes the response to a request, which is given with its body.
type Answer = dyn Fn(&str) -> Vec<u8> + Send + Sync;

#[derive(Clone)]
pub enum Step {
    /// Reads one request with its body.
    Request,
    /// Reads the head of a request and leaves its body unread, so that closing the connection
    /// resets it.
    Head,
    /// Reads once, whatever comes.
    Greeting,
    /// Copies in both directions between the client and the server at this address, until one side
    /// ends.
    Join(Arc<Mutex<SocketAddr>>),
    Send(Vec<u8>),
    /// Reads one request with its body, and sends the response that this function makes of both.
    Answer(Arc<Answer>),
    /// Sends each byte separately, with a pause after it.
    Drip(Vec<u8>, Duration),
    Pause(Duration),
    /// Waits until the client closes the connection.
    Stall,
    /// Closes the connection without TLS's close_notify.
    Cut,
}

/// A server. It runs until the test binary ends, so that no other server gets its port.
pub struct Wire {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    heads: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Wire {
    /// Starts a server that plays the n-th script on the n-th connection, and the last script on
    /// all later connections.
    pub fn plain(scripts: Vec<Script>) -> Self {
        Self::start("127.0.0.1", None, scripts)
    }

    /// Starts such a server within TLS.
    pub fn tls(acceptor: Acceptor, scripts: Vec<Script>) -> Self {
        Self::start("127.0.0.1", Some(acceptor), scripts)
    }

    /// Starts a server at an IP address of this machine, which plays the n-th script on the n-th
    /// connection.
    pub fn start(ip: &str, acceptor: Option<Acceptor>, scripts: Vec<Script>) -> Self {
        let listener = TcpListener::bind((ip, 0)).unwrap();
        let wire = Self {
            address: listener.local_addr().unwrap(),
            connections: Arc::default(),
            heads: Arc::default(),
        };
        let (connections, heads) = (wire.connections.clone(), wire.heads.clone());
        let acceptor = Arc::new(acceptor);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let number = connections.fetch_add(1, Ordering::SeqCst);
                let script = scripts[number.min(scripts.len() - 1)].clone();
                let (acceptor, heads) = (Arc::clone(&acceptor), Arc::clone(&heads));
                let stream = stream.unwrap();
                // An error means that the client closed the connection early, which some scripts
                // provoke.
                thread::spawn(move || play(stream, (*acceptor).as_ref(), &script, &heads).ok());
            }
        });
        wire
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub fn heads(&self) -> Vec<String> {
        self.greetings()
            .iter()
            .map(|head| String::from_utf8_lossy(head).into_owned())
            .collect()
    }

    /// The heads of the requests so far in bytes, with what [`Step::Greeting`] has read.
    pub fn greetings(&self) -> Vec<Vec<u8>> {
        self.heads.lock().unwrap().clone()
    }
}

trait Stream: Read + Write {
    /// Announces that nothing more will be sent.
    fn farewell(&mut self) -> io::Result<()> {
        self.flush()
    }
}

impl Stream for TcpStream {}

impl Stream for StreamOwned<ServerConnection, TcpStream> {
    fn farewell(&mut self) -> io::Result<()> {
        self.conn.send_close_notify();
        self.flush()
    }
}

/// Follows the script of one connection. An error means that the client has closed the connection.
fn play(
    client: TcpStream,
    acceptor: Option<&Acceptor>,
    script: &[Step],
    heads: &Mutex<Vec<Vec<u8>>>,
) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut stream: Box<dyn Stream> = match acceptor {
        None => Box::new(client.try_clone()?),
        Some(acceptor) => match acceptor.accept(client.try_clone()?, drop) {
            Some(stream) => Box::new(stream),
            None => return Ok(()),
        },
    };
    for step in script {
        match step {
            Step::Head => heads.lock().unwrap().push(head(&mut stream)?),
            Step::Request => {
                let (head, _) = request(&mut stream)?;
                heads.lock().unwrap().push(head);
            }
            Step::Answer(response) => {
                let (head, body) = request(&mut stream)?;
                let text = String::from_utf8_lossy(&[&head[..], &body].concat()).into_owned();
                stream.write_all(&response(&text))?;
                heads.lock().unwrap().push(head);
            }
            Step::Greeting => {
                let mut greeting = vec![0; 16_384];
                let length = stream.read(&mut greeting)?;
                heads.lock().unwrap().push(greeting[..length].to_vec());
            }
            Step::Join(server) => {
                let server = TcpStream::connect(*server.lock().unwrap())?;
                let (to_client, from_server) = (client.try_clone()?, server.try_clone()?);
                let back = thread::spawn(move || copy(from_server, to_client, Shutdown::Both));
                copy(client.try_clone()?, server, Shutdown::Write);
                back.join().unwrap();
            }
            Step::Send(bytes) => stream.write_all(bytes).and_then(|()| stream.flush())?,
            Step::Drip(bytes, pause) => {
                for byte in bytes {
                    stream.write_all(&[*byte]).and_then(|()| stream.flush())?;
                    thread::sleep(*pause);
                }
            }
            Step::Pause(pause) => thread::sleep(*pause),
            Step::Stall => drop(io::copy(&mut stream, &mut io::sink())),
            Step::Cut => return Ok(()),
        }
    }
    stream.farewell()
}

/// Reads a request: its head and its body.
pub fn request(stream: &mut impl Read) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let head = head(stream)?;
    let lines = String::from_utf8_lossy(&head).to_lowercase();
    let length = lines
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body)?;
    Ok((head, body))
}

/// Reads the head of a request, and no byte of the body.
fn head(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(head)
}

/// Copies from one connection to the other until the first one ends, and then shuts down the second
/// one.
fn copy(mut from: TcpStream, mut to: TcpStream, end: Shutdown) {
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(end);
}

/// The value of the answers that a launch must not use.
const WRONG: &str = "wrong-4c7a1e";

/// Reads a script that is written as its steps, with `; ` between them. An empty script closes the
/// connection at once.
///
/// - `read`, `read head` and `greet` are [`Step::Request`], [`Step::Head`] and [`Step::Greeting`].
/// - `send TEXT` sends the characters of a text as bytes. A `⏎` is the end of a line.
/// - `drip TEXT` sends a byte every 50 ms, and `trickle TEXT` every millisecond.
/// - `wait` pauses for 50 ms, so that the client can read what was sent.
/// - `stall` and `cut` are [`Step::Stall`] and [`Step::Cut`].
///
/// In a text, `{right}` is an answer with the value `v-4c7a1e`, and `{wrong}` is one with another
/// value, of which `{half}` is all but the last 20 bytes. Their bodies are `{right json}` and
/// `{json}`. `{length}` is the length of `{json}`, `{hex}` is the length in hexadecimal digits, and
/// `{role}` is an answer of STS with credentials. `{canary}` is [`CANARY`].
pub fn steps(text: &str) -> Script {
    let steps = text.split("; ").filter(|step| !step.is_empty());
    steps.map(step).collect()
}

/// A server that plays these scripts, as [`Wire::plain`] does.
pub fn scripted(scripts: &[&str]) -> Wire {
    Wire::plain(scripts.iter().map(|text| steps(text)).collect())
}

fn step(text: &str) -> Step {
    let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
    match (verb, rest) {
        ("read", "") => Step::Request,
        ("read", "head") => Step::Head,
        ("greet", "") => Step::Greeting,
        ("send", text) => Step::Send(bytes(text)),
        ("drip", text) => Step::Drip(bytes(text), Duration::from_millis(50)),
        ("trickle", text) => Step::Drip(bytes(text), Duration::from_millis(1)),
        ("wait", "") => Step::Pause(Duration::from_millis(50)),
        ("stall", "") => Step::Stall,
        ("cut", "") => Step::Cut,
        _ => panic!("{text:?} isn't a step"),
    }
}

/// The bytes of a text in a script.
fn bytes(text: &str) -> Vec<u8> {
    let ok = |body: &str| String::from_utf8(answer("HTTP/1.1 200 OK", body)).unwrap();
    let (json, right_json) = (body(WRONG), body("v-4c7a1e"));
    let (length, wrong) = (json.len(), ok(&json));
    let half = &wrong[..wrong.len() - 20];
    let filled = text
        .replace('⏎', "\r\n")
        .replace("{right}", &ok(&right_json))
        .replace("{wrong}", &wrong)
        .replace("{half}", half)
        .replace("{right json}", &right_json)
        .replace("{json}", &json)
        .replace("{length}", &length.to_string())
        .replace("{hex}", &format!("{length:x}"))
        .replace("{role}", &ok(&assumed("AssumeRole", ROLE, "s")))
        .replace("{canary}", CANARY);
    let bytes = filled.chars().map(|c| u8::try_from(c).expect("a byte"));
    bytes.collect()
}

/// The body of the response to GetSecretValue for the secret `x`, whose key `k` has this value.
pub fn body(value: &str) -> String {
    let secret = Secret::text(&json!({ "k": value }).to_string());
    let response = secret.versions[0].response("x", "us-east-1", "123456789012");
    response.body
}

/// A response with the Content-Length of its body.
pub fn answer(head: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let (kind, length) = (
        "content-type: application/x-amz-json-1.1",
        body.as_ref().len(),
    );
    with_head(&[head, kind, &format!("content-length: {length}")], body)
}

/// A response with these lines as its head.
pub fn with_head(lines: &[&str], body: impl AsRef<[u8]>) -> Vec<u8> {
    let head = lines.join("\r\n") + "\r\n\r\n";
    [head.as_bytes(), body.as_ref()].concat()
}
