//! The part of HTTP/1.1 that the AWS SDK uses: requests and responses with a Content-Length, and
//! persistent connections.

use std::collections::BTreeMap;
use std::io::{BufReader, Read, Write};

use serde_json::Value;

use super::service::REQUEST_ID;
use crate::support::wire::request;

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
    stream: BufReader<S>,
}

impl<S: Read + Write> Exchange<S> {
    pub fn new(stream: S) -> Self {
        Self {
            stream: BufReader::new(stream),
        }
    }

    /// Receives the next request. Returns `None` if the client has closed the connection.
    pub fn receive(&mut self) -> Option<Request> {
        let (head, body) = request(&mut self.stream).ok()?;
        let head = String::from_utf8_lossy(&head);
        let mut lines = head.lines();
        let path = lines.next()?.split(' ').nth(1)?.to_owned();
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
            .collect();
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
        let stream = self.stream.get_mut();
        let sent = stream.write_all(text.as_bytes());
        sent.and_then(|()| stream.flush()).is_ok()
    }

    /// Sends a response whose body is repeated until the client closes the connection.
    pub fn send_for_ever(&mut self, response: &Response) {
        let head = response.head("transfer-encoding", "chunked");
        let chunk = format!("{:x}\r\n{}\r\n", response.body.len(), response.body);
        let stream = self.stream.get_mut();
        let mut sent = stream.write_all(head.as_bytes());
        while sent.is_ok() {
            sent = stream.write_all(chunk.as_bytes());
        }
    }
}
