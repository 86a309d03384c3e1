//! DNS lookups, by the system's resolver (getaddrinfo(3)).
//!
//! getaddrinfo blocks, and it can't be cancelled, so each lookup has a thread of its own. A launch
//! opens up to 32 connections to a host at the same time. They share one lookup, whose answer is
//! reused for a few seconds.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use dns_lookup::{AddrFamily, AddrInfoHints, LookupErrorKind, SockType, getaddrinfo};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use hyper_util::client::legacy::connect::dns::Name;
use tokio::sync::oneshot;
use tower_service::Service;

use crate::system::os_error;

/// A resolver that calls getaddrinfo(3). Clones share their lookups.
///
/// If a lookup has not returned at the deadline, its thread remains until the process ends or calls
/// execve.
#[derive(Clone, Default)]
pub struct DnsResolver {
    /// The lookups by host, running or finished, and when each one started.
    lookups: Arc<Mutex<HashMap<String, (Instant, SharedLookup)>>>,
}

/// A lookup that all connections to a host share.
type SharedLookup = Shared<BoxFuture<'static, Result<Vec<SocketAddr>, LookupError>>>;

/// The time for which an answer is reused.
const MAX_AGE: Duration = Duration::from_secs(5);

/// The reason why a name does not resolve.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{why}")]
pub struct LookupError {
    pub why: String,
    /// `NotFound` if there is no such name (NXDOMAIN).
    pub kind: Option<ErrorKind>,
}

impl From<dns_lookup::LookupError> for LookupError {
    fn from(error: dns_lookup::LookupError) -> Self {
        let is_unknown_name = matches!(error.kind(), LookupErrorKind::NoName);
        let text = os_error::io_error_text(&error.into());
        // dns-lookup writes this before the text of gai_strerror(3).
        let why = text.replace("failed to lookup address information: ", "");
        let kind = is_unknown_name.then_some(ErrorKind::NotFound);
        Self { why, kind }
    }
}

impl DnsResolver {
    /// True if a lookup of this host has been started and has not returned yet.
    pub fn is_looking_up(&self, host: &str) -> bool {
        let lookups = self.lookups.lock().unwrap_or_else(PoisonError::into_inner);
        let lookup = lookups.get(host);
        lookup.is_some_and(|(_, lookup)| lookup.peek().is_none())
    }

    /// Returns the lookup of a host, and starts one unless a recent one is running or has
    /// succeeded.
    pub fn look_up(&self, host: &str) -> SharedLookup {
        let mut lookups = self.lookups.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = lookups.get(host).filter(|(started, lookup)| {
            let has_failed = lookup.peek().is_some_and(Result::is_err);
            !has_failed && started.elapsed() < MAX_AGE
        });
        match fresh {
            Some((_, lookup)) => lookup.clone(),
            None => {
                let lookup = start_lookup(host.to_owned());
                lookups.insert(host.to_owned(), (Instant::now(), lookup.clone()));
                lookup
            }
        }
    }
}

/// Starts a lookup on a thread of its own, and returns immediately. The returned future fails if
/// the thread can't be started, or if the name doesn't resolve.
fn start_lookup(host: String) -> SharedLookup {
    let (sender, receiver) = oneshot::channel();
    let started = thread::Builder::new().spawn(move || {
        // The receiver is gone once the deadline has passed, so nobody needs the answer any more.
        let _ = sender.send(resolve(&host));
    });
    let lookup = async move {
        let failed = |why| LookupError { why, kind: None };
        started.map_err(|error| failed(os_error::no_thread(&error)))?;
        receiver.await.map_err(|error| failed(error.to_string()))?
    };
    lookup.boxed().shared()
}

impl Service<Name> for DnsResolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = LookupError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, LookupError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LookupError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let lookup = self.look_up(name.as_str());
        Box::pin(async move { lookup.await.map(Vec::into_iter) })
    }
}

/// Looks up a host. This blocks until the system's resolver answers.
///
/// One of AWS's hosts is first looked up as an absolute name, with a dot at its end. Kubernetes
/// sets `ndots:5` in /etc/resolv.conf, so a resolver would first try every AWS host name in each
/// search domain, which takes four rounds of queries. Names in /etc/hosts don't have the dot, so a
/// name that is listed there is not made absolute. All other hosts are looked up as the system does
/// it, with its search domains.
///
/// `localhost` is always this host, whatever a name server says (RFC 6761, section 6.3), because
/// the tokens for the agent and for a container's endpoint are sent there.
///
/// # Errors
/// The error of the resolver.
fn resolve(host: &str) -> Result<Vec<SocketAddr>, LookupError> {
    // Port 0 is a placeholder. hyper-util sets the real port.
    if host.eq_ignore_ascii_case("localhost") {
        let (ipv4, ipv6) = (Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST);
        return Ok(vec![(ipv4, 0).into(), (ipv6, 0).into()]);
    }
    if AWS_DOMAINS.iter().any(|domain| host.ends_with(domain))
        && !is_in_hosts_file(host)
        && let Ok(found) = addresses_of(&format!("{host}."))
    {
        return Ok(found);
    }
    addresses_of(host)
}

/// Returns the IPv4 and IPv6 addresses of a name.
///
/// Some name servers answer the question for IPv6 addresses (AAAA) with an error, or not at all.
/// musl then drops the IPv4 addresses, too. So if the usual question fails, each kind of address is
/// asked for separately.
///
/// # Errors
/// The error for the usual question, if there isn't an address of either kind.
fn addresses_of(name: &str) -> Result<Vec<SocketAddr>, LookupError> {
    let ask = |family| {
        let hints = AddrInfoHints {
            address: family,
            socktype: SockType::Stream.into(),
            ..AddrInfoHints::default()
        };
        let found = getaddrinfo(Some(name), None, Some(hints))?;
        Ok(found.flatten().map(|found| found.sockaddr).collect())
    };
    ask(ANY_FAMILY).or_else(|error: LookupError| {
        let found = ask(AddrFamily::Inet.into()).or_else(|_| ask(AddrFamily::Inet6.into()));
        found.map_err(|_| error)
    })
}

/// AF_UNSPEC, which asks for both kinds of addresses.
const ANY_FAMILY: i32 = 0;

/// The domains of AWS's public endpoints.
pub const AWS_DOMAINS: [&str; 5] = [
    ".amazonaws.com",
    ".amazonaws.com.cn",
    ".amazonaws.eu",
    ".api.aws",
    ".api.amazonwebservices.com.cn",
];

/// True if /etc/hosts lists the host. False if that file can't be read.
fn is_in_hosts_file(host: &str) -> bool {
    let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    let mut names = hosts.lines().flat_map(|line| {
        let entry = line.split('#').next().unwrap_or_default();
        entry.split_whitespace().skip(1)
    });
    names.any(|name| name.eq_ignore_ascii_case(host))
}
