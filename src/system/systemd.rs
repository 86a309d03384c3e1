//! The socket that NOTIFY_SOCKET names (sd_notify(3)).

use std::ffi::OsStr;
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;

use crate::model::environment::Inherited;

/// The service manager's socket, which NOTIFY_SOCKET names. It receives datagrams with assignments,
/// one on each line.
pub struct Notifier(Option<SocketAddr>);

impl Notifier {
    /// Finds the socket that NOTIFY_SOCKET names. Ignores the variable unless it is an absolute
    /// path, or `@` followed by an abstract name (unix(7)).
    pub fn new(inherited: &Inherited) -> Self {
        let name = inherited.non_empty("NOTIFY_SOCKET");
        Self(name.and_then(socket_address))
    }

    /// Sends assignments without blocking. Ignores a failure, because notifications are optional.
    pub fn send(&self, assignments: &str) {
        if let (Some(address), Ok(socket)) = (&self.0, UnixDatagram::unbound()) {
            let _ = socket.set_nonblocking(true);
            let _ = socket.send_to_addr(assignments.as_bytes(), address);
        }
    }
}

/// The address of the service manager's socket: a path or, after `@`, the name of an abstract
/// socket. `None` for any other text.
fn socket_address(name: &OsStr) -> Option<SocketAddr> {
    match name.as_bytes() {
        #[cfg(target_os = "linux")]
        [b'@', abstract_name @ ..] => SocketAddr::from_abstract_name(abstract_name).ok(),
        [b'/', ..] => SocketAddr::from_pathname(Path::new(name)).ok(),
        _ => None,
    }
}
