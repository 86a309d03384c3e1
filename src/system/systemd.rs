//! Sends notifications such as `READY=1` to systemd (sd_notify(3)).

use std::ffi::OsStr;
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;

use crate::model::environment::Inherited;

/// The socket that NOTIFY_SOCKET names. Without one, nothing is sent.
pub struct Notifier(Option<SocketAddr>);

impl Notifier {
    /// Ignores a NOTIFY_SOCKET that isn't a socket's address.
    pub fn new(inherited: &Inherited) -> Self {
        let name = inherited.non_empty("NOTIFY_SOCKET");
        Self(name.and_then(socket_address))
    }

    /// Sends assignments, one per line. Never blocks, and ignores failures, because notifications
    /// are optional.
    pub fn send(&self, assignments: &str) {
        if let (Some(address), Ok(socket)) = (&self.0, UnixDatagram::unbound()) {
            let _ = socket.set_nonblocking(true);
            let _ = socket.send_to_addr(assignments.as_bytes(), address);
        }
    }
}

/// `name` is an absolute path or, on Linux, `@` and an abstract name (unix(7)).
fn socket_address(name: &OsStr) -> Option<SocketAddr> {
    match name.as_bytes() {
        #[cfg(target_os = "linux")]
        [b'@', abstract_name @ ..] => SocketAddr::from_abstract_name(abstract_name).ok(),
        [b'/', ..] => SocketAddr::from_pathname(Path::new(name)).ok(),
        _ => None,
    }
}
