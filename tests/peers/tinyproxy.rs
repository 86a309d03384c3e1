//! [`Tinyproxy`] is a company's proxy: it forwards, tunnels, asks for a password, and logs its
//! requests.

use std::fs;
use std::path::PathBuf;

use super::daemon::{Daemon, is_installed};

/// A tinyproxy, which ends when this is dropped.
pub(super) struct Tinyproxy {
    daemon: Daemon,
    log: PathBuf,
}

impl Tinyproxy {
    /// Starts a tinyproxy with these lines of configuration. If it isn't installed, reports the
    /// calling test as skipped and returns `None`.
    pub(super) fn start(directives: &str) -> Option<Self> {
        if !is_installed("tinyproxy") {
            return None;
        }
        let daemon = Daemon::start(1, |directory, ports| {
            let (configuration, here) = (directory.join("tinyproxy.conf"), directory.display());
            let text = format!(
                "Port {}\nListen 127.0.0.1\nTimeout 60\nMaxClients 50\nLogLevel Connect\nLogFile \"{here}/log\"\n{directives}\n",
                ports[0]
            );
            fs::write(&configuration, text).expect("a scratch folder");
            let line = format!("tinyproxy -d -c {}", configuration.display());
            line.split(' ').map(str::to_owned).collect()
        });
        let log = daemon.directory().join("log");
        Some(Self { daemon, log })
    }

    /// The URL for HTTPS_PROXY, with this login (`NAME:PASSWORD@`), which may be empty.
    pub(super) fn url(&self, login: &str) -> String {
        format!("http://{login}127.0.0.1:{}", self.daemon.ports[0])
    }

    /// The request lines in the log, without the HTTP version, such as `CONNECT localhost:443`.
    pub(super) fn request_lines(&self) -> Vec<String> {
        let log = fs::read_to_string(&self.log).expect("it logs");
        let requests = log
            .lines()
            .filter(|line| line.contains("Request (file descriptor"));
        let asked = requests.filter_map(|line| line.split_once("): ")?.1.strip_suffix(" HTTP/1.1"));
        asked.map(str::to_owned).collect()
    }
}
