//! The protocol of sd_notify(3): a datagram with assignments, one a line, to the socket that NOTIFY_SOCKET names.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;

use crate::model::inherited::Inherited;

/// The service manager's socket, the value of NOTIFY_SOCKET.
#[derive(Default)]
pub struct Notifier(Option<SocketAddr>);

impl Notifier {
    /// Every value is ignored but a path, and `@` and an abstract name (unix(7)).
    pub fn new(inherited: &Inherited) -> Self {
        Self(inherited.filled("NOTIFY_SOCKET").and_then(address))
    }

    /// Sends assignments without blocking. A failure is ignored, since notification is optional.
    pub fn send(&self, assignments: &str) {
        if let (Some(address), Ok(socket)) = (&self.0, UnixDatagram::unbound()) {
            let _ = socket.set_nonblocking(true);
            let _ = socket.send_to_addr(assignments.as_bytes(), address);
        }
    }
}

fn address(name: &OsStr) -> Option<SocketAddr> {
    match name.as_bytes() {
        [b'@', abstract_name @ ..] => abstract_address(abstract_name),
        [b'/', ..] => SocketAddr::from_pathname(Path::new(name)).ok(),
        _ => None,
    }
}

#[cfg(target_os = "linux")]
fn abstract_address(name: &[u8]) -> Option<SocketAddr> {
    use std::os::linux::net::SocketAddrExt;

    SocketAddr::from_abstract_name(name).ok()
}

#[cfg(not(target_os = "linux"))]
fn abstract_address(_: &[u8]) -> Option<SocketAddr> {
    None
}
