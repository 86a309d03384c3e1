//! A connection that is made, whatever it leads through.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use tokio::sync::OwnedSemaphorePermit;

trait Io: Read + Write + Connection + Send + Unpin {}

impl<T: Read + Write + Connection + Send + Unpin> Io for T {}

/// A connection of any of these kinds.
pub struct Stream {
    io: Box<dyn Io>,
    /// Whether requests must name the whole address, since a proxy forwards them.
    proxied: bool,
    since: Instant,
    /// Given back when the connection ends.
    _place: Option<OwnedSemaphorePermit>,
}

impl Stream {
    pub fn new(io: impl Read + Write + Connection + Send + Unpin + 'static) -> Self {
        Self { io: Box::new(io), proxied: false, since: Instant::now(), _place: None }
    }

    /// The same, over which requests must name the whole address.
    pub fn proxied(self) -> Self {
        Self { proxied: true, ..self }
    }

    /// The same in its place among those that a host may have.
    pub fn at(self, place: Option<OwnedSemaphorePermit>) -> Self {
        Self { _place: place, ..self }
    }

    /// How long it has been there.
    pub fn age(&self) -> Duration {
        self.since.elapsed()
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        self.io.connected().proxy(self.proxied)
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

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }
}
