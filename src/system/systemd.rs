//! Sends notifications such as `READY=1` to systemd (sd_notify(3)).

use std::ffi::OsStr;
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;

use crate::model::environment::Inherited;

/// Sends notifications to systemd through the socket that NOTIFY_SOCKET names. Without this
/// variable, nothing is sent.
pub struct Notifier(Option<SocketAddr>);

impl Notifier {
    /// Finds the socket that NOTIFY_SOCKET names: an absolute path or, after `@`, an abstract name
    /// (unix(7)). Ignores any other value.
    pub fn new(inherited: &Inherited) -> Self {
        let name = inherited.non_empty("NOTIFY_SOCKET");
        Self(name.and_then(socket_address))
    }

    /// Sends assignments such as `READY=1`, one per line. Never blocks, and ignores failures,
    /// because notifications are optional.
    pub fn send(&self, assignments: &str) {
        if let (Some(address), Ok(socket)) = (&self.0, UnixDatagram::unbound()) {
            let _ = socket.set_nonblocking(true);
            let _ = socket.send_to_addr(assignments.as_bytes(), address);
        }
    }
}

/// Parses the value of NOTIFY_SOCKET: an absolute path or, on Linux, `@` and the name of an
/// abstract socket.
fn socket_address(name: &OsStr) -> Option<SocketAddr> {
    match name.as_bytes() {
        #[cfg(target_os = "linux")]
        [b'@', abstract_name @ ..] => SocketAddr::from_abstract_name(abstract_name).ok(),
        [b'/', ..] => SocketAddr::from_pathname(Path::new(name)).ok(),
        _ => None,
    }
}
