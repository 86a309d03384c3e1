//! A fake of AWS that records every request: Secrets Manager, Parameter Store, STS, and the
//! credentials of containers and instances.

pub mod fault;
pub mod http;
mod journal;
mod parameter;
pub mod secret;
mod service;
mod trouble;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use http::Exchange;
pub use journal::Call;
use journal::Journal;
pub use parameter::Version;
use secret::Secret;
use service::{Answer, Service};
pub use service::{
    CONTAINER_KEY, INSTANCE_KEY, INSTANCE_REGION, ROLE_KEY, SSO_KEY, SSO_TOKEN, assumed,
    response_of,
};

use crate::support::tls::Acceptor;

/// The longest time to wait for something that a test expects. Only a test that fails waits so
/// long.
const LIMIT: Duration = Duration::from_secs(30);

/// A fake that serves the secret `x`, whose key `k` is `v`.
pub fn served() -> Aws {
    Aws::start().secret("x", Secret::text(r#"{"k":"v-4c7a1e"}"#))
}

/// The same fake over TLS.
pub fn served_over_tls(acceptor: Acceptor) -> Aws {
    Aws::start_tls(acceptor).secret("x", Secret::text(r#"{"k":"v-4c7a1e"}"#))
}

/// A server, which stops when this is dropped.
pub struct Aws {
    address: SocketAddr,
    scheme: &'static str,
    shared: Arc<Shared>,
}

struct Shared {
    service: Mutex<Service>,
    journal: Journal,
    stopped: AtomicBool,
}

impl Aws {
    pub fn start() -> Self {
        Self::listen("http", |stream, journal| {
            journal.connected(Vec::new());
            Some(stream)
        })
    }

    pub fn start_tls(acceptor: Acceptor) -> Self {
        Self::listen("https", move |stream, journal| {
            acceptor.accept(stream, |protocols| journal.connected(protocols))
        })
    }

    /// Starts a server. `greet` gets each connection, and returns `None` if the client doesn't
    /// complete the handshake.
    fn listen<S: Read + Write>(
        scheme: &'static str,
        greet: impl Fn(TcpStream, &Journal) -> Option<S> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let shared = Arc::new(Shared {
            service: Mutex::default(),
            journal: Journal::default(),
            stopped: AtomicBool::new(false),
        });
        let aws = Self {
            address: listener.local_addr().unwrap(),
            scheme,
            shared: Arc::clone(&shared),
        };
        let greet = Arc::new(greet);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.stopped.load(Ordering::SeqCst) {
                    return;
                }
                let (shared, greet) = (Arc::clone(&shared), Arc::clone(&greet));
                let stream = stream.unwrap();
                stream.set_nodelay(true).unwrap();
                thread::spawn(move || {
                    if let Some(stream) = greet(stream, &shared.journal) {
                        shared.serve(stream);
                    }
                });
            }
        });
        aws
    }

    /// Serves a secret under a name or an ARN. A request must spell it exactly like this.
    pub fn secret(self, id: &str, secret: Secret) -> Self {
        self.shared.service().secrets.insert(id.to_owned(), secret);
        self
    }

    /// Serves a parameter under its name, such as `/app/key`. The newest version is the last one.
    pub fn parameter(self, name: &str, versions: &[Version]) -> Self {
        self.shared.service().parameters.insert(name, versions);
        self
    }

    /// Holds every response until `requests` requests have been in flight at the same time, and for
    /// another 100 ms, so that further requests would be counted as well.
    pub fn gathers(self, requests: usize) -> Self {
        self.shared.service().gathers = requests;
        self
    }

    /// Sends every response this much later.
    pub fn delayed(self, delay: Duration) -> Self {
        self.shared.service().delay = delay;
        self
    }

    /// Releases the responses that [`Secret::held`] holds.
    pub fn release(&self) {
        self.shared.journal.release();
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn endpoint(&self) -> String {
        format!("{}://localhost:{}", self.scheme, self.address.port())
    }

    /// The URL at which the server answers like the agent, and like instance metadata.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The URL of container credentials.
    pub fn container_credentials(&self) -> String {
        self.url() + "/credentials"
    }

    /// Waits until at least `count` requests of any kind have arrived.
    pub fn await_calls(&self, count: usize) {
        self.shared.journal.await_calls(count);
    }

    pub fn calls(&self) -> Vec<Call> {
        self.shared.journal.record().calls.clone()
    }

    /// The GetSecretValue requests, in order of arrival.
    pub fn reads(&self) -> Vec<Call> {
        self.calls_of("GetSecretValue")
    }

    pub fn calls_of(&self, operation: &str) -> Vec<Call> {
        let mut calls = self.calls();
        calls.retain(|call| call.operation() == operation);
        calls
    }

    /// The only GetSecretValue request. Fails the test if there were several.
    pub fn only_read(&self) -> Call {
        let mut reads = self.reads();
        assert_eq!(reads.len(), 1, "requests: {reads:#?}");
        reads.remove(0)
    }

    pub fn connections(&self) -> usize {
        self.shared.journal.record().protocols.len()
    }

    /// The ALPN protocols that each connection offered.
    pub fn protocols(&self) -> Vec<Vec<String>> {
        self.shared.journal.record().protocols.clone()
    }

    /// The largest number of requests that were in flight at the same time.
    pub fn most_in_flight(&self) -> usize {
        self.shared.journal.record().most_in_flight
    }
}

/// The operations of AWS that the program may call. None of them changes anything.
const READS: &str = "AssumeRole AssumeRoleWithWebIdentity DescribeSecret GetCallerIdentity GetParameters \
    GetParametersByPath GetSecretValue";

impl Drop for Aws {
    /// Asserts that the program has only read. A request without an operation, such as one for
    /// instance metadata, is listed by its path.
    fn drop(&mut self) {
        if !thread::panicking() {
            let changes = |operation: &String| {
                !operation.starts_with('/') && !READS.split(' ').any(|read| read == operation)
            };
            let asked = self.calls().iter().map(Call::operation).find(changes);
            assert_eq!(asked, None, "a request that changes something");
        }
        self.shared.stopped.store(true, Ordering::SeqCst);
        self.shared.journal.stop();
        // Wakes the thread of the listener, so that it ends.
        drop(TcpStream::connect(self.address));
    }
}

impl Shared {
    fn service(&self) -> std::sync::MutexGuard<'_, Service> {
        self.service.lock().unwrap()
    }

    /// Answers the requests of one connection until either side closes it.
    fn serve(&self, stream: impl Read + Write) {
        let mut exchange = Exchange::new(stream);
        while let Some(request) = exchange.receive() {
            let call = Call::from(request);
            self.journal.arrived(call.clone());
            let (gathers, delay, answer) = {
                let mut service = self.service();
                (service.gathers, service.delay, service.answer(&call))
            };
            thread::sleep(delay);
            self.journal.gather(gathers);
            let response = match answer {
                Answer::Send(response) => Some(response),
                Answer::Hold(response) => self.journal.hold().then_some(response),
                Answer::Never => self.journal.hang(),
                Answer::Endless(response) => {
                    exchange.send_for_ever(&response);
                    None
                }
                Answer::Close => None,
            };
            self.journal.answered();
            match response {
                Some(response) if exchange.send(&response) => {}
                _ => return,
            }
        }
    }
}
