//! The connections to each host: at most [`MAX_CONNECTIONS`], idle and busy together, each with one request at a time.
//!
//! A request takes a permit, and then an idle connection, one that was opened in advance, or a new one; it gives both back once it has read
//! the response. It opens one only when none is idle, while it holds one of as many permits: so there are never more connections than
//! permits. A server may close an idle connection at the moment when a request is written to it. Such a request is sent once more, on a
//! new connection.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::stream::{Stream, StreamExt};
use http::{Request, Response, Uri};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::JoinHandle;

use super::connector::{Connection, Connector};
use super::errors::{NetFailure, host_and_port};

/// The most connections to a host, which is also the most requests that a backend has in flight: each has a connection of its own.
///
/// A lower limit would cost round trips: it is above the 20 secrets of a usual launch, and low enough not to flood a service.
pub const MAX_CONNECTIONS: usize = 32;

/// Completes requests, as many at the same time as a host may have connections. Each is made when its turn comes.
pub async fn in_flight<F: Future>(requests: impl Stream<Item = F>) -> Vec<F::Output> {
    requests.buffer_unordered(MAX_CONNECTIONS).collect().await
}

/// The connections of all hosts. Clones share them.
#[derive(Clone)]
pub struct Pool {
    pub connector: Connector,
    /// By scheme and authority.
    hosts: Arc<Mutex<HashMap<String, Arc<Host>>>>,
}

/// The connections to one host.
pub struct Host {
    /// One for each request that may be sent.
    permits: Semaphore,
    spare: Mutex<Spare>,
}

/// Connections that no request uses.
#[derive(Default)]
struct Spare {
    idle: Vec<Connection>,
    /// Connections that are opened in advance, the oldest first.
    preconnected: VecDeque<JoinHandle<Result<Connection, NetFailure>>>,
}

/// A connection with its request. Dropping it before [`Self::give_back`] closes the connection.
pub struct InUse<'a> {
    host: &'a Host,
    connection: Connection,
    _permit: SemaphorePermit<'a>,
}

impl Pool {
    pub fn new(connector: Connector) -> Self {
        Self {
            connector,
            hosts: Arc::default(),
        }
    }

    /// Returns the connections to the host of a URL.
    pub fn host(&self, to: &Uri) -> Arc<Host> {
        let authority = to.authority().map(ToString::to_string).unwrap_or_default();
        let key = format!("{}://{authority}", to.scheme_str().unwrap_or_default());
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || {
            Arc::new(Host {
                permits: Semaphore::new(MAX_CONNECTIONS),
                spare: Mutex::default(),
            })
        };
        Arc::clone(hosts.entry(key).or_insert_with(new))
    }

    /// Starts opening `count` connections for later requests, each within `limit`.
    pub fn preconnect(&self, to: &Uri, count: usize, limit: Option<Duration>) {
        let host = self.host(to);
        let mut spare = host.spare();
        let open = spare.idle.len() + spare.preconnected.len() + MAX_CONNECTIONS
            - host.permits.available_permits();
        for _ in 0..count.min(MAX_CONNECTIONS.saturating_sub(open)) {
            let (connector, to) = (self.connector.clone(), to.clone());
            spare.preconnected.push_back(tokio::spawn(async move {
                connector.connect(&to, limit).await
            }));
        }
    }
}

impl Host {
    /// Sends a request, and returns the head of the response with its connection. `to` is the request's whole URL, and `limit` that of a
    /// new connection.
    ///
    /// # Errors
    /// When no connection can be opened, or the request cannot be sent.
    pub async fn send<'h>(
        &'h self,
        connector: &Connector,
        to: &Uri,
        limit: Option<Duration>,
        request: Request<Full<Bytes>>,
    ) -> Result<(InUse<'h>, Response<Incoming>), NetFailure> {
        let _permit = self.permits.acquire().await.map_err(NetFailure::of)?;
        if let Some(mut connection) = self.spare_connection().await
            && let Ok(response) = connection.send_request(request.clone()).await
        {
            return Ok((
                InUse {
                    host: self,
                    connection,
                    _permit,
                },
                response,
            ));
        }
        let mut connection = connector.connect(to, limit).await?;
        let response = connection.send_request(request).await;
        Ok((
            InUse {
                host: self,
                connection,
                _permit,
            },
            response.map_err(|error| NetFailure::of(error).at(&host_and_port(to)))?,
        ))
    }

    /// Returns an open connection that no request uses. One that failed to open in advance is passed over: the host may be reachable by
    /// now.
    async fn spare_connection(&self) -> Option<Connection> {
        loop {
            let idle = self.spare().idle.pop();
            let Some(mut connection) = idle else { break };
            if connection.ready().await.is_ok() {
                return Some(connection);
            }
        }
        let preconnected = self.spare().preconnected.pop_front()?;
        preconnected.await.ok()?.ok()
    }

    fn spare(&self) -> MutexGuard<'_, Spare> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InUse<'_> {
    /// Gives the connection back, whose response has been read.
    pub fn give_back(self) {
        self.host.spare().idle.push(self.connection);
    }
}
