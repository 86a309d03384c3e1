//! DNS resolution through the system's resolver: one thread for each lookup, and each answer shared for a few seconds.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
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

use crate::system::os_error;

/// A resolver that calls getaddrinfo(3). Clones share their lookups.
///
/// A lookup that has not returned at the deadline keeps its thread until the process ends or calls execve.
#[derive(Clone, Default)]
pub struct DnsResolver {
    /// Lookups that have started or returned, by host, with the time of their start.
    lookups: Arc<Mutex<HashMap<String, (Instant, SharedLookup)>>>,
}

/// A lookup that all connections to a host share. An error is shared as its kind and its text, since `io::Error` is not `Clone`.
type SharedLookup = Shared<BoxFuture<'static, Result<Vec<SocketAddr>, (io::ErrorKind, String)>>>;

/// The time for which an answer is reused.
const MAX_AGE: Duration = Duration::from_secs(5);

/// The reason that a name does not resolve.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct LookupError(pub String);

impl DnsResolver {
    /// True while a lookup of this host has not returned.
    pub fn is_looking_up(&self, host: &str) -> bool {
        let lookups = self.lookups.lock().unwrap_or_else(PoisonError::into_inner);
        let lookup = lookups.get(host);
        lookup.is_some_and(|(_, lookup)| lookup.peek().is_none())
    }

    fn look_up(&self, host: &str) -> SharedLookup {
        let mut lookups = self.lookups.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = lookups.get(host).filter(|(started, lookup)| {
            let has_failed = lookup.peek().is_some_and(Result::is_err);
            !has_failed && started.elapsed() < MAX_AGE
        });
        match fresh {
            Some((_, lookup)) => lookup.clone(),
            None => {
                let lookup = start(host.to_owned());
                lookups.insert(host.to_owned(), (Instant::now(), lookup.clone()));
                lookup
            }
        }
    }
}

/// Starts a lookup on a thread.
fn start(host: String) -> SharedLookup {
    let (sender, receiver) = oneshot::channel();
    let started = thread::Builder::new().spawn(move || {
        // The receiver is gone once the deadline has passed.
        let _ = sender.send(resolve(&host));
    });
    let lookup = async move {
        started.map_err(|error| (error.kind(), os_error::no_thread(&error)))?;
        let found = receiver
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::Interrupted.into()));
        found.map_err(|error| {
            let text = os_error::text(&error);
            // std puts this before the text of gai_strerror(3).
            let why = text.strip_prefix("failed to lookup address information: ");
            (error.kind(), why.unwrap_or(&text).to_owned())
        })
    };
    lookup.boxed().shared()
}

impl Service<Name> for DnsResolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let lookup = self.look_up(name.as_str());
        Box::pin(async move {
            lookup
                .await
                .map(Vec::into_iter)
                .map_err(|(kind, text)| io::Error::new(kind, LookupError(text)))
        })
    }
}

/// Resolves a host of AWS's as an absolute name first, `NAME.`, and any other as the system does, with its search domains (resolv.conf(5)).
///
/// Kubernetes sets `ndots:5`, with which a resolver tries every AWS host name in each search domain first: four rounds of
/// queries. /etc/hosts has names without the final dot, so a name in it is not made absolute. `localhost` is this host whatever a name
/// server says (RFC 6761, 6.3): it gets the tokens of the agent and of containers.
fn resolve(host: &str) -> io::Result<Vec<SocketAddr>> {
    // Port 0 is a placeholder; hyper-util sets the real one.
    if host.eq_ignore_ascii_case("localhost") {
        return Ok(vec![
            (Ipv4Addr::LOCALHOST, 0).into(),
            (Ipv6Addr::LOCALHOST, 0).into(),
        ]);
    }
    if AWS_DOMAINS.iter().any(|domain| host.ends_with(domain))
        && !is_in_hosts_file(host)
        && let Ok(found) = (format!("{host}."), 0).to_socket_addrs()
    {
        return Ok(found.collect());
    }
    Ok((host, 0).to_socket_addrs()?.collect())
}

/// The domains of AWS's public endpoints.
pub const AWS_DOMAINS: [&str; 5] = [
    ".amazonaws.com",
    ".amazonaws.com.cn",
    ".amazonaws.eu",
    ".api.aws",
    ".api.amazonwebservices.com.cn",
];

fn is_in_hosts_file(host: &str) -> bool {
    let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    let mut names = hosts.lines().flat_map(|line| {
        line.split('#')
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .skip(1)
    });
    names.any(|name| name.eq_ignore_ascii_case(host))
}
