//! An address whose connections go to one server after another, so that the server at an endpoint can be replaced.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use super::proxy;

/// Where nothing listens: connections to a relay that leads there are closed.
pub const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1);

/// Runs until the test binary ends, so that no other server gets its port.
pub struct Relay {
    address: SocketAddr,
    target: Arc<Mutex<SocketAddr>>,
    connections: Arc<AtomicUsize>,
}

impl Relay {
    /// Listens at an IP address of this machine.
    pub fn start(ip: &str, target: SocketAddr) -> Self {
        let listener = TcpListener::bind((ip, 0)).unwrap();
        let target = Arc::new(Mutex::new(target));
        let connections = Arc::new(AtomicUsize::new(0));
        let address = listener.local_addr().unwrap();
        let relay = Self { address, target: Arc::clone(&target), connections: Arc::clone(&connections) };
        thread::spawn(move || {
            for client in listener.incoming() {
                connections.fetch_add(1, Ordering::SeqCst);
                let target = *target.lock().unwrap();
                thread::spawn(move || TcpStream::connect(target).map(|server| proxy::join(client.unwrap(), server)));
            }
        });
        relay
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The number of connections so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Sends all later connections there.
    pub fn leads_to(&self, target: SocketAddr) {
        *self.target.lock().unwrap() = target;
    }
}
