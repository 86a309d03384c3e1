//! [`Proxy`] forwards connections to a server and records the requests.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// The request line of Secrets Manager's requests.
const REQUEST: &str = "POST / HTTP/1.1\r\n";

/// A listener on a free port of 127.0.0.1, which runs until the process ends.
pub(super) struct Proxy {
    /// The URL for `AWS_ENDPOINT_URL`.
    pub(super) url: String,
    connections: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Proxy {
    /// Starts one in front of a server, whose URL has a host and a port alone.
    pub(super) fn before(url: &str) -> Self {
        let (scheme, server) = url.split_once("://").expect("a URL");
        let server = server.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("{scheme}://{}", listener.local_addr().expect("it is bound"));
        let connections = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&connections);
        thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.expect("a connection");
                let server = TcpStream::connect(&server).expect("the server listens");
                let kept = Arc::clone(&kept);
                thread::spawn(move || forward(client, server, &kept));
            }
        });
        Self { url, connections }
    }

    /// The number of connections so far.
    pub(super) fn connections(&self) -> usize {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The requests so far, each with head and body.
    pub(super) fn requests(&self) -> Vec<String> {
        let connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = connections.iter().map(|sent| String::from_utf8_lossy(sent));
        let requests = sent.flat_map(|sent| {
            let requests = sent.split(REQUEST).skip(1);
            requests.map(ToOwned::to_owned).collect::<Vec<_>>()
        });
        requests.collect()
    }
}

/// Copies in both directions until both sides have ended, and records what the client sends.
fn forward(mut client: TcpStream, mut server: TcpStream, kept: &Mutex<Vec<Vec<u8>>>) {
    let mut answers = server.try_clone().expect("a second handle");
    let mut to_client = client.try_clone().expect("a second handle");
    thread::spawn(move || {
        // An error means that a side has closed the connection, as does an end of file.
        let _ = std::io::copy(&mut answers, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Write);
    });

    let connection = {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push(Vec::new());
        kept.len() - 1
    };
    let mut buffer = [0; 16_384];
    while let Ok(length @ 1..) = client.read(&mut buffer) {
        let sent = &buffer[..length];
        kept.lock().unwrap_or_else(PoisonError::into_inner)[connection].extend_from_slice(sent);
        if server.write_all(sent).is_err() {
            break;
        }
    }
    let _ = server.shutdown(Shutdown::Write);
}
