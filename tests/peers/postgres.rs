//! [`Postgres`] is a PostgreSQL server. AWS's rotation strategies change the passwords of its
//! users.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use super::daemon::Daemon;
use crate::peers::Shared;
use crate::support::record::await_fact;
use crate::support::skip;

/// The folder of PostgreSQL's programs in Debian, whose name contains the version.
const PROGRAMS: &str = "/usr/lib/postgresql/*/bin";

/// Starts a server in the folder `$1` on the port `$2`. PostgreSQL refuses to run as root, so an
/// unprivileged user runs it. Logins over TCP need a password.
const SERVER: &str = r#"
programs=$(echo $0); export PATH=$programs:$PATH
as=; [ "$(id -u)" = 0 ] && { chown nobody "$1"; as='setpriv --reuid nobody --clear-groups'; }
printf master >"$1/password"; chmod 644 "$1/password"
$as initdb --auth scram-sha-256 --username postgres --pwfile "$1/password" --no-sync -D "$1/data" >/dev/null || exit
exec $as postgres -D "$1/data" -p "$2" -k "$1" -c listen_addresses=127.0.0.1 -c fsync=off -c log_min_messages=panic
"#;

pub(super) struct Postgres {
    daemon: Daemon,
    programs: PathBuf,
}

impl Postgres {
    /// The server that all tests share. Each test uses other users and another schema. If
    /// PostgreSQL isn't installed, reports the calling test as skipped and returns `None`.
    pub(super) fn shared() -> Option<&'static Self> {
        static SHARED: Shared<Postgres> = Shared::new();
        SHARED.get(Self::start)
    }

    fn start() -> Option<Self> {
        let found = glob::glob(PROGRAMS).expect("a pattern").flatten().next();
        let Some(programs) = found else {
            skip::skipped("PostgreSQL isn't installed");
            return None;
        };
        let daemon = Daemon::start(1, |directory, ports| {
            let directory = directory.to_str().expect("UTF-8");
            let port = ports[0].to_string();
            ["/bin/sh", "-c", SERVER, PROGRAMS, directory, &port]
                .map(str::to_owned)
                .to_vec()
        });
        let server = Self { daemon, programs };
        // The server listens for a while before it accepts logins.
        await_fact("PostgreSQL is ready", || {
            server.psql("SELECT 1").status.success()
        });
        Some(server)
    }

    pub(super) fn port(&self) -> u16 {
        self.daemon.ports[0]
    }

    /// Runs SQL as the superuser, and returns what `psql` prints.
    pub(super) fn run(&self, sql: &str) -> String {
        let ran = self.psql(sql);
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{sql}: {said}");
        String::from_utf8_lossy(&ran.stdout).trim().to_owned()
    }

    fn psql(&self, sql: &str) -> Output {
        let options = "-h 127.0.0.1 -U postgres -qtAX -v ON_ERROR_STOP=1 -p";
        Command::new(self.programs.join("psql"))
            .args(options.split(' '))
            .args([&self.port().to_string(), "-c", sql])
            .env("PGPASSWORD", "master")
            .stdin(Stdio::null())
            .output()
            .expect("psql is installed")
    }
}
