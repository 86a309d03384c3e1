//! A service manager, which gets what a run sends to NOTIFY_SOCKET (sd_notify(3)).

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use super::sandbox::Sandbox;
use super::watch;

pub struct Manager(pub UnixDatagram);

impl Manager {
    /// One that a run tells.
    pub fn of(sandbox: Sandbox) -> (Self, Sandbox) {
        let path = sandbox.path("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        (Self(socket), sandbox.env("NOTIFY_SOCKET", path))
    }

    /// Awaits the next message.
    pub fn next(&self) -> String {
        self.receive().expect("a message")
    }

    /// The messages that are there.
    pub fn received(&self) -> Vec<String> {
        self.0.set_nonblocking(true).unwrap();
        std::iter::from_fn(|| self.receive()).collect()
    }

    /// The messages but for those of a wait, which a launch of more than two seconds sends.
    pub fn readiness(&self) -> Vec<String> {
        self.received().into_iter().filter(|message| !message.starts_with("STATUS=")).collect()
    }

    /// Receives a message, and asserts that it holds no value.
    fn receive(&self) -> Option<String> {
        let mut buffer = [0; 4096];
        let length = self.0.recv(&mut buffer).ok()?;
        let text = String::from_utf8(buffer[..length].to_vec()).unwrap();
        assert_eq!(watch::found(&watch::test(), &text), None, "{text}");
        Some(text)
    }
}
