//! The part of HTTP/1.1 that the AWS SDK uses: requests and responses with a Content-Length, and
//! persistent connections.

use std::collections::BTreeMap;
use std::io::{Read, Write};

use serde_json::Value;

use super::service::REQUEST_ID;

/// The content type of AWS's JSON protocol.
pub const JSON: &str = "application/x-amz-json-1.1";

#[derive(Clone, Debug)]
pub struct Request {
    pub path: String,
    /// The values of the headers by their names, in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

#[derive(Clone, Debug)]
pub struct Response {
    pub status: u16,
    pub content_type: &'static str,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

impl Response {
    pub fn new(status: u16, content_type: &'static str, body: impl Into<String>) -> Self {
        Self {
            status,
            content_type,
            headers: Vec::new(),
            body: body.into(),
        }
    }

    /// A response in AWS's JSON protocol.
    pub fn json(status: u16, body: &Value) -> Self {
        let headers = vec![("x-amzn-RequestId", REQUEST_ID.to_owned())];
        Self {
            headers,
            ..Self::new(status, JSON, body.to_string())
        }
    }

    /// The status line and the headers, with one more header.
    fn head(&self, name: &str, value: &str) -> String {
        let (status, content_type) = (self.status, self.content_type);
        let head =
            format!("HTTP/1.1 {status} X\r\ncontent-type: {content_type}\r\n{name}: {value}\r\n");
        let headers = self.headers.iter();
        let headers = headers.map(|(name, value)| format!("{name}: {value}\r\n"));
        head + &headers.collect::<String>() + "\r\n"
    }
}

/// One connection.
pub struct Exchange<S> {
    stream: S,
    received: Vec<u8>,
}

impl<S: Read + Write> Exchange<S> {
    pub fn new(stream: S) -> Self {
        Self {
            stream,
            received: Vec::new(),
        }
    }

    /// Receives the next request. Returns `None` if the client has closed the connection.
    pub fn receive(&mut self) -> Option<Request> {
        let end = loop {
            match self.received.windows(4).position(|w| w == b"\r\n\r\n") {
                Some(end) => break end + 4,
                None => self.read_more()?,
            }
        };
        let head = String::from_utf8_lossy(&self.received[..end]).into_owned();
        let mut lines = head.lines();
        let path = lines.next()?.split(' ').nth(1)?.to_owned();
        let headers: BTreeMap<String, String> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
            .collect();
        let length = headers.get("content-length").map_or("0", String::as_str);
        let length: usize = length.parse().ok()?;
        while self.received.len() < end + length {
            self.read_more()?;
        }
        let body = self.received[end..end + length].to_vec();
        self.received.drain(..end + length);
        Some(Request {
            path,
            headers,
            body,
        })
    }

    /// Sends a response. Returns false if the client has closed the connection.
    pub fn send(&mut self, response: &Response) -> bool {
        let mut text = response.head("content-length", &response.body.len().to_string());
        text.push_str(&response.body);
        let sent = self.stream.write_all(text.as_bytes());
        sent.and_then(|()| self.stream.flush()).is_ok()
    }

    /// Sends a response whose body is repeated until the client closes the connection.
    pub fn send_for_ever(&mut self, response: &Response) {
        let head = response.head("transfer-encoding", "chunked");
        let chunk = format!("{:x}\r\n{}\r\n", response.body.len(), response.body);
        let mut sent = self.stream.write_all(head.as_bytes());
        while sent.is_ok() {
            sent = self.stream.write_all(chunk.as_bytes());
        }
    }

    fn read_more(&mut self) -> Option<()> {
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) | Err(_) => None,
            Ok(count) => {
                self.received.extend_from_slice(&buffer[..count]);
                Some(())
            }
        }
    }
}
