//! DNS resolution through the system's resolver: one thread for each lookup, and each answer shared for a few seconds.

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

impl DnsResolver {
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
        let found = receiver.await.unwrap_or_else(|_| Err(io::ErrorKind::Interrupted.into()));
        found.map_err(|error| (error.kind(), os_error::text(&error)))
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
        Box::pin(async move { lookup.await.map(Vec::into_iter).map_err(|(kind, text)| io::Error::new(kind, text)) })
    }
}

/// Resolves a name with a dot as an absolute one first, `NAME.`, and only then with search domains (resolv.conf(5)).
///
/// Kubernetes sets `ndots:5`, with which a resolver tries every AWS host name in each search domain first: four rounds of
/// queries. /etc/hosts has names without the final dot, so a name in it is not made absolute.
fn resolve(host: &str) -> io::Result<Vec<SocketAddr>> {
    // Port 0 is a placeholder; hyper-util sets the real one.
    let look_up = |name: &str| io::Result::Ok((name, 0).to_socket_addrs()?.collect());
    let may_be_absolute = host.contains('.') && !host.ends_with('.');
    if may_be_absolute && !is_in_hosts_file(host) {
        match look_up(&format!("{host}.")) {
            // Not found: try the search domains. A name server that fails would fail for these as well.
            Err(error) if !is_temporary_resolver_failure(&error.to_string()) => {}
            found => return found,
        }
    }
    look_up(host)
}

fn is_in_hosts_file(host: &str) -> bool {
    let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    let mut names =
        hosts.lines().flat_map(|line| line.split('#').next().unwrap_or_default().split_whitespace().skip(1));
    names.any(|name| name.eq_ignore_ascii_case(host))
}

/// True for EAI_AGAIN of getaddrinfo(3), a temporary failure of a name server. std keeps only the text of
/// gai_strerror(3): "Temporary failure in name resolution" with glibc, "Try again" with musl.
fn is_temporary_resolver_failure(message: &str) -> bool {
    message.contains("Temporary failure") || message.contains("Try again")
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use nix::libc;

    use super::*;

    /// The text of gai_strerror(3).
    #[allow(unsafe_code, reason = "nix has no gai_strerror(3)")]
    fn resolver_text(code: libc::c_int) -> &'static str {
        // SAFETY: gai_strerror takes any number and returns a static NUL-terminated string.
        unsafe { CStr::from_ptr(libc::gai_strerror(code)) }.to_str().unwrap()
    }

    #[test]
    fn the_c_library_has_a_text_for_a_temporary_failure() {
        assert!(is_temporary_resolver_failure(resolver_text(libc::EAI_AGAIN)));
        for other in [libc::EAI_NONAME, libc::EAI_FAIL, libc::EAI_SYSTEM, libc::EAI_MEMORY] {
            assert!(!is_temporary_resolver_failure(resolver_text(other)), "{}", resolver_text(other));
        }
    }

    /// Tests EAI_NONAME, which needs no name server; EAI_AGAIN would need one that fails.
    #[test]
    fn std_keeps_the_text_of_the_c_library() {
        let error = ("a..b", 0).to_socket_addrs().unwrap_err().to_string();
        assert!(error.ends_with(resolver_text(libc::EAI_NONAME)), "{error}");
    }
}
