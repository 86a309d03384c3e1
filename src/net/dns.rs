//! Looking host names up: each once, on a thread of its own, or in place where no thread can be started.

use std::collections::HashMap;
use std::net::{SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use std::{io, thread};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use hyper_util::client::legacy::connect::dns::Name;
use tokio::sync::oneshot;
use tower_service::Service;

use crate::model::library_text::is_temporary_resolver_failure;
use crate::system::os_error;

/// The system's own look-up, which knows hosts files and whatever else is set up.
///
/// tokio's pool of threads would panic where none can be started (`--pids-limit 1`). A look-up that never returns is left
/// behind when the time is over; it ends with the process, or in `execve`.
#[derive(Clone, Default)]
pub struct DnsResolver {
    /// What is being looked up, and what was just now.
    known: Arc<Mutex<HashMap<String, (Instant, LookUp)>>>,
}

/// One look-up, for all that wait for it. An error is shared as its kind and its text.
type LookUp = Shared<BoxFuture<'static, Result<Vec<SocketAddr>, (io::ErrorKind, String)>>>;

/// How long an answer serves for further connections.
const FRESH: Duration = Duration::from_secs(5);

impl DnsResolver {
    fn look_up(&self, host: &str) -> LookUp {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = known.get(host).filter(|(since, look_up)| {
            let has_failed = look_up.peek().is_some_and(Result::is_err);
            !has_failed && since.elapsed() < FRESH
        });
        match fresh {
            Some((_, look_up)) => look_up.clone(),
            None => {
                let look_up = start(host.to_owned());
                known.insert(host.to_owned(), (Instant::now(), look_up.clone()));
                look_up
            }
        }
    }
}

fn start(host: String) -> LookUp {
    let (answer, answered) = oneshot::channel();
    let asked = host.clone();
    let started = thread::Builder::new().spawn(move || {
        // Nobody waits any more when the time is over.
        let _ = answer.send(look_up(&asked));
    });
    let look_up = async move {
        let found = match started {
            Ok(_) => answered.await.unwrap_or_else(|_| Err(io::ErrorKind::Interrupted.into())),
            Err(_) => look_up(&host),
        };
        found.map_err(|error| (error.kind(), os_error::text(&error)))
    };
    look_up.boxed().shared()
}

impl Service<Name> for DnsResolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let look_up = self.look_up(name.as_str());
        Box::pin(async move {
            let found = look_up.await;
            found.map(Vec::into_iter).map_err(|(kind, text)| io::Error::new(kind, text))
        })
    }
}

/// Kubernetes sets `ndots:5`, with which a resolver tries every name of AWS in each search domain first: four rounds of
/// queries. With a dot at its end a name is whole; a hosts file knows it only without, and so may a private domain.
fn look_up(host: &str) -> io::Result<Vec<SocketAddr>> {
    // The port is put in by whoever connects.
    let resolve = |name: &str| io::Result::Ok((name, 0).to_socket_addrs()?.collect());
    let is_whole = host.contains('.') && !host.ends_with('.');
    if is_whole && !in_hosts_file(host) {
        match resolve(&format!("{host}.")) {
            // A search domain may know it. A name server that fails would fail for that, too.
            Err(error) if !is_temporary_resolver_failure(&error.to_string()) => {}
            found => return found,
        }
    }
    resolve(host)
}

fn in_hosts_file(host: &str) -> bool {
    let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    let mut names =
        hosts.lines().flat_map(|line| line.split('#').next().unwrap_or_default().split_whitespace().skip(1));
    names.any(|name| name.eq_ignore_ascii_case(host))
}
