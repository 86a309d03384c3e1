//! An open connection of any kind: TCP or TLS, direct or through a proxy.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use tokio::sync::OwnedSemaphorePermit;

trait Io: Read + Write + Send + Unpin {}

impl<T: Read + Write + Send + Unpin> Io for T {}

/// An open connection.
pub struct Stream {
    io: Box<dyn Io>,
    /// True if a proxy forwards the requests, which then need an absolute URI (RFC 9112, section 3.2.2).
    is_forwarded: bool,
    /// Free again once the connection is dropped.
    _slot: Option<OwnedSemaphorePermit>,
}

impl Stream {
    pub fn new(io: impl Read + Write + Send + Unpin + 'static) -> Self {
        Self { io: Box::new(io), is_forwarded: false, _slot: None }
    }

    /// Marks a connection to a proxy that forwards the requests.
    pub fn forwarded(self) -> Self {
        Self { is_forwarded: true, ..self }
    }

    /// Lets the connection take a slot of its host until it is dropped.
    pub fn holding(self, slot: OwnedSemaphorePermit) -> Self {
        Self { _slot: Some(slot), ..self }
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new().proxy(self.is_forwarded)
    }
}

impl Read for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl Write for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
