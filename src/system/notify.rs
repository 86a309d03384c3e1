//! The protocol of sd_notify(3): a datagram with assignments, one a line, to the socket that NOTIFY_SOCKET names.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;

/// The service manager's socket.
pub struct NotifySocket {
    socket: UnixDatagram,
    address: SocketAddr,
}

impl NotifySocket {
    /// Returns the socket with this name: a path, or `@` and an abstract name (unix(7)). `None` for any other name, and without a
    /// free descriptor.
    pub fn open(name: &OsStr) -> Option<Self> {
        let address = match name.as_bytes() {
            [b'@', abstract_name @ ..] => abstract_address(abstract_name)?,
            [b'/', ..] => SocketAddr::from_pathname(Path::new(name)).ok()?,
            _ => return None,
        };
        let socket = UnixDatagram::unbound().ok()?;
        socket.set_nonblocking(true).ok()?;
        Some(Self { socket, address })
    }

    /// Sends assignments, without blocking. A failure is ignored: notification is optional.
    pub fn send(&self, assignments: &str) {
        let _ = self.socket.send_to_addr(assignments.as_bytes(), &self.address);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_path_and_an_abstract_name_are_sockets() {
        for name in ["/run/systemd/notify", "@/org/freedesktop/systemd1/notify"] {
            assert!(NotifySocket::open(name.as_ref()).is_some(), "{name}");
        }
        let too_long = format!("/{}", "x".repeat(200));
        for name in ["", "vsock:2:1234", "relative", &too_long] {
            assert!(NotifySocket::open(name.as_ref()).is_none(), "{name}");
        }
    }

    #[test]
    fn a_message_to_nobody_is_dropped() {
        NotifySocket::open("/nonexistent/notify".as_ref()).unwrap().send("READY=1");
    }
}
