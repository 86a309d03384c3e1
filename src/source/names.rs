//! Looking host names up: each on a thread of its own, or in place where no thread can be started.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;

use hyper_util::client::legacy::connect::dns::Name;
use tokio::sync::oneshot;
use tower_service::Service;

/// The system's own look-up, which knows hosts files and whatever else is set up.
///
/// tokio's pool of threads would panic where none can be started (`--pids-limit 1`). A look-up that never returns is left
/// behind when the time is over; it ends with the process, or in `execve`.
#[derive(Clone)]
pub(super) struct Names;

impl Service<Name> for Names {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let (answer, answered) = oneshot::channel();
        let host = name.as_str().to_owned();
        let started = thread::Builder::new().spawn(move || {
            // Nobody waits any more when the time is over.
            let _ = answer.send(look_up(&host));
        });
        Box::pin(async move {
            match started {
                Ok(_) => answered.await.unwrap_or_else(|_| Err(io::ErrorKind::Interrupted.into())),
                Err(_) => look_up(name.as_str()),
            }
        })
    }
}

fn look_up(host: &str) -> io::Result<std::vec::IntoIter<SocketAddr>> {
    // The port is put in by whoever connects.
    (host, 0).to_socket_addrs()
}
