//! Looks up the addresses of a host with the system's resolver. getaddrinfo(3) blocks and can't be
//! cancelled, so each lookup runs on its own thread.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use dns_lookup::{AddrFamily, AddrInfoHints, SockType, getaddrinfo};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use hyper_util::client::legacy::connect::dns::Name;
use tokio::sync::oneshot;
use tower_service::Service;

use super::errors::LookupError;
use crate::model::reference::aws_domain;
use crate::system::lifecycle::locked;
use crate::system::os_error;

/// Clones share their lookups. If a lookup never returns, its thread runs until the process ends or
/// calls execve.
#[derive(Clone, Default)]
pub(super) struct DnsResolver {
    /// Each host's latest lookup, running or finished, and when it started.
    lookups: Arc<Mutex<HashMap<String, (Instant, SharedLookup)>>>,
}

type SharedLookup = Shared<BoxFuture<'static, Result<Vec<SocketAddr>, LookupError>>>;

/// How long a lookup is reused. Later, the host may have other addresses.
const MAX_LOOKUP_AGE: Duration = Duration::from_secs(5);

impl DnsResolver {
    /// True while a lookup of the host is running.
    pub fn is_looking_up(&self, host: &str) -> bool {
        locked(&self.lookups)
            .get(host)
            .is_some_and(|(_, lookup)| lookup.peek().is_none())
    }

    /// The host's latest lookup or, if it failed or is older than [`MAX_LOOKUP_AGE`], a new one.
    pub(super) fn look_up(&self, host: &str) -> SharedLookup {
        let mut lookups = locked(&self.lookups);
        if let Some((started, lookup)) = lookups.get(host)
            && lookup.peek().is_none_or(Result::is_ok)
            && started.elapsed() < MAX_LOOKUP_AGE
        {
            return lookup.clone();
        }
        let lookup = start_lookup(host.to_owned());
        lookups.insert(host.to_owned(), (Instant::now(), lookup.clone()));
        lookup
    }
}

fn start_lookup(host: String) -> SharedLookup {
    let (sender, receiver) = oneshot::channel();
    let started = thread::Builder::new().spawn(move || {
        // This fails only if the lookup was dropped, and then nothing needs the answer any more.
        let _ = sender.send(resolve(&host));
    });
    let lookup = async move {
        started.map_err(|error| LookupError::Failed(os_error::no_thread_text(&error)))?;
        // The thread always sends an answer.
        receiver
            .await
            .map_err(|error| LookupError::Failed(error.to_string()))?
    };
    lookup.boxed().shared()
}

impl Service<Name> for DnsResolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = LookupError;
    type Future = BoxFuture<'static, Result<Self::Response, LookupError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LookupError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let lookup = self.look_up(name.as_str());
        Box::pin(async move { lookup.await.map(Vec::into_iter) })
    }
}

/// Looks up a host's addresses, and blocks the thread until the answer arrives.
///
/// - `localhost` always means this machine, whatever a name server says (RFC 6761, section 6.3),
///   because the tokens for the agent and for a container's endpoint are sent there.
/// - An AWS host is first looked up as an absolute name, with a trailing dot. Kubernetes sets
///   `ndots:5` in /etc/resolv.conf, so a resolver would otherwise try each search domain first,
///   which takes four rounds of queries. A host in /etc/hosts is looked up without the dot, because
///   the names there have none.
fn resolve(host: &str) -> Result<Vec<SocketAddr>, LookupError> {
    if host.eq_ignore_ascii_case("localhost") {
        // hyper-util sets the real port.
        return Ok(vec![
            (Ipv4Addr::LOCALHOST, 0).into(),
            (Ipv6Addr::LOCALHOST, 0).into(),
        ]);
    }
    if aws_domain(host).is_some()
        && !is_in_hosts_file(host)
        && let Ok(found) = addresses_of(&format!("{host}."))
    {
        return Ok(found);
    }
    addresses_of(host).or_else(|error| {
        // DNS ignores case, but musl compares the names in /etc/hosts byte by byte, so try the name
        // in lower case, too.
        let lower = host.to_ascii_lowercase();
        if lower == host {
            return Err(error);
        }
        addresses_of(&lower).map_err(|_| error)
    })
}

/// Asks the system's resolver for IPv4 and IPv6 addresses and, if that fails, for IPv4 only, and
/// then for IPv6 only. Some name servers answer a query for IPv6 addresses (AAAA) with an error or
/// not at all, and musl then drops the IPv4 addresses, too.
fn addresses_of(name: &str) -> Result<Vec<SocketAddr>, LookupError> {
    let ask = |family| {
        let hints = AddrInfoHints {
            address: family,
            socktype: SockType::Stream.into(),
            ..AddrInfoHints::default()
        };
        let found = getaddrinfo(Some(name), None, Some(hints))?;
        // An `Err` in the list is an address that is neither IPv4 nor IPv6.
        Ok(found.flatten().map(|found| found.sockaddr).collect())
    };
    let any_family = 0; // AF_UNSPEC
    ask(any_family).or_else(|error: LookupError| {
        ask(AddrFamily::Inet.into())
            .or_else(|_| ask(AddrFamily::Inet6.into()))
            .map_err(|_| error)
    })
}

fn is_in_hosts_file(host: &str) -> bool {
    let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    hosts
        .lines()
        .flat_map(|line| {
            // Each line has an address, names, and possibly a comment.
            let entry = line.split('#').next().unwrap_or_default();
            entry.split_whitespace().skip(1)
        })
        .any(|name| name.eq_ignore_ascii_case(host))
}
