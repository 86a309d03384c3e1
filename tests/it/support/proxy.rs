//! An HTTP proxy that records its requests and connects every tunnel to one server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

pub struct Proxy {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    pub fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let proxy = Self { address: listener.local_addr().unwrap(), asked: Arc::default() };
        let asked = Arc::clone(&proxy.asked);
        // Runs until the test binary ends.
        thread::spawn(move || {
            for client in listener.incoming() {
                let asked = Arc::clone(&asked);
                thread::spawn(move || tunnel(client.unwrap(), server, &asked));
            }
        });
        proxy
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The request lines without the version: `CONNECT host:443`.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// Reads the head of the request, answers 200, and copies in both directions until one side ends.
fn tunnel(mut client: TcpStream, server: SocketAddr, asked: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(client.try_clone().unwrap());
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        match line.trim_end() {
            "" => break,
            line => head.push(line.to_owned()),
        }
    }
    let request = head.first().cloned().unwrap_or_default();
    let request = request.trim_end_matches(" HTTP/1.1").to_owned();
    asked.lock().unwrap().push(request);
    let server = TcpStream::connect(server).unwrap();
    if client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").is_ok() {
        copy(reader, client, server);
    }
}

/// Copies between two connections until one side ends.
pub fn join(client: TcpStream, server: TcpStream) {
    copy(client.try_clone().unwrap(), client, server);
}

fn copy(mut questions: impl Read, mut client: TcpStream, mut server: TcpStream) {
    let mut answers = server.try_clone().unwrap();
    let back = thread::spawn(move || {
        // An error means that one side has closed its connection, which ends the tunnel.
        let _ = std::io::copy(&mut answers, &mut client);
        let _ = client.shutdown(Shutdown::Both);
    });
    let _ = std::io::copy(&mut questions, &mut server);
    let _ = server.shutdown(Shutdown::Write);
    back.join().unwrap();
}
