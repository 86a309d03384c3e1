//! Use [`Proxy`] to see what goes to a server: it stands before it and keeps what is sent there.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// How a request to Secrets Manager begins.
const REQUEST: &str = "POST / HTTP/1.1\r\n";

/// On a free port of 127.0.0.1, until the process ends.
pub(super) struct Proxy {
    /// Where it listens, for `AWS_ENDPOINT_URL`.
    pub(super) url: String,
    connections: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Proxy {
    /// Before a server whose URL has a host and a port and nothing else.
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

    /// How often somebody connected.
    pub(super) fn connections(&self) -> usize {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Heads and bodies of the requests so far, one text for each request.
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

/// Copies both ways until both sides are done, and keeps what the client sends.
fn forward(mut client: TcpStream, mut server: TcpStream, kept: &Mutex<Vec<Vec<u8>>>) {
    let mut answers = server.try_clone().expect("a second handle");
    let mut to_client = client.try_clone().expect("a second handle");
    thread::spawn(move || {
        // An error is a side that hung up, which ends the copying just as its end of file does.
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
