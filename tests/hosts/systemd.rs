//! [`Systemd::shared`] is a systemd that has booted in a container, and [`Systemd::own`] is another
//! one for a single test. [`Systemd::unit`] adds a service.

use std::ffi::OsString;

use super::podman::{self, Podman};
use crate::peers::Shared;
use crate::support::aws::Aws;
use crate::support::outcome::{Expectations, Outcome};
use crate::support::record::await_fact;
use crate::support::sandbox::ACCESS_SECRET;
use crate::support::skip::skipped;

/// The lines of a service that reads [`podman::secrets`].
pub(super) const LOCAL: &str = "Environment=SECRETS_EXEC_LOCAL=/etc/local.json\n";

/// The lines of a service that uses the fake, without credentials.
pub(super) fn lines_with_aws(aws: &Aws) -> String {
    let endpoint = aws.endpoint();
    format!(
        "Environment=AWS_ENDPOINT_URL={endpoint} AWS_REGION=us-east-1 AWS_EC2_METADATA_DISABLED=true\n"
    )
}

/// The lines of a service that uses the fake, with keys in variables.
pub(super) fn lines_with_aws_and_keys(aws: &Aws) -> String {
    let keys =
        format!("AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE AWS_SECRET_ACCESS_KEY={ACCESS_SECRET}");
    format!("{}Environment={keys}\n", lines_with_aws(aws))
}

/// The PID 1 of a container that shares the network of this machine. `tests/hosts/run` removes the
/// container.
pub(super) struct Systemd {
    name: String,
}

impl Systemd {
    /// The systemd that all tests share. The first test boots it. If it doesn't boot here, reports
    /// the calling test as skipped and returns `None`.
    pub(super) fn shared() -> Option<&'static Self> {
        static SHARED: Shared<Systemd> = Shared::new();
        // Registers the secret's value to be watched for in every test, not only in the one that
        // boots systemd.
        podman::secret();
        SHARED.get(|| Self::boot("shared"))
    }

    /// A systemd for one test. It is removed together with the shared one.
    pub(super) fn own(name: &str) -> Option<&'static Self> {
        Some(Box::leak(Box::new(Self::boot(name)?)))
    }

    /// Boots systemd. If it doesn't come up, reports the calling test as skipped and returns
    /// `None`.
    fn boot(name: &str) -> Option<Self> {
        if !podman::works() {
            return None;
        }
        let name = format!("systemd-{name}-{}", std::process::id());
        let options = "run --detach --rm --pull=never --systemd=always --cap-add=SYS_ADMIN \
            --security-opt=seccomp=unconfined --network=host --name";
        // A child process of systemd mounts credentials. Services see them only if mounts
        // propagate.
        let script = "until test -e /etc/installed; do sleep 0.05; done; mount --make-rshared / && exec /sbin/init";
        let command = [&name, "localhost/host", "sh", "-c", script];
        let line = options.split_whitespace().chain(command);
        let systemd = Self { name: name.clone() };
        let mut state = Podman.attempt(line).stderr();
        systemd.write("/etc/local.json", &podman::secrets());
        systemd.write("/usr/local/bin/service.py", include_str!("service.py"));
        systemd.write("/etc/installed", "");
        for _ in 0..150 {
            state = systemd.ask("systemctl is-system-running --wait || :");
            if ["running\n", "degraded\n"].contains(&state.as_str()) {
                return Some(systemd);
            }
        }
        skipped(&format!("systemd doesn't boot in a container: {state}"));
        None
    }

    /// Runs a shell script in the container.
    pub(super) fn shell(&self, script: &str) -> Outcome {
        let expectations = Expectations {
            prints_values: true,
            target_writes_stderr: true,
            ..Expectations::default()
        };
        Podman.run(["exec", &self.name, "sh", "-c", script], expectations)
    }

    /// Runs a shell script in the container, and asserts that it succeeds.
    pub(super) fn done(&self, script: &str) {
        self.shell(script).launched();
    }

    /// Runs a shell script in the container, and returns its output.
    pub(super) fn ask(&self, script: &str) -> String {
        self.shell(script).stdout()
    }

    /// Writes a file that every user can read.
    pub(super) fn write(&self, path: &str, content: &str) {
        let script = "mkdir -p \"${0%/*}\"; cat >\"$0\"";
        let line = [
            "exec",
            "--interactive",
            &self.name,
            "sh",
            "-c",
            script,
            path,
        ];
        podman::feed(line.map(OsString::from), content).launched();
    }

    /// Writes the program `/usr/bin/NAME`, which runs this shell script and then keeps running.
    pub(super) fn write_program(&self, name: &str, script: &str) {
        let path = format!("/usr/bin/{name}");
        self.write(&path, &format!("#!/bin/sh\n{script}\nexec sleep 1000\n"));
        self.done(&format!("chmod +x {path}"));
    }

    /// A service with these lines. Its output goes into a file, and the number of its starts isn't
    /// limited.
    pub(super) fn unit(&'static self, name: &'static str, lines: &str) -> Unit {
        let text = format!(
            "[Unit]\nStartLimitIntervalSec=0\n\
             [Service]\nStandardOutput=append:/run/{name}.out\nStandardError=journal\n{lines}"
        );
        self.unit_as_it_is(name, &text)
    }

    /// Writes the file of a service with this text.
    pub(super) fn unit_as_it_is(&'static self, name: &'static str, text: &str) -> Unit {
        self.write(&format!("/etc/systemd/system/{name}.service"), text);
        self.done("systemctl daemon-reload");
        Unit {
            systemd: self,
            name,
        }
    }
}

/// A service of a systemd.
pub(super) struct Unit {
    systemd: &'static Systemd,
    name: &'static str,
}

impl Unit {
    /// Starts the unit, and asserts that it succeeds.
    pub(super) fn start(self) -> Self {
        let script = format!(
            "systemctl start {0} || systemctl status --lines=20 {0}",
            self.name
        );
        let run = self.systemd.shell(&script);
        assert!(run.stdout.is_empty(), "it didn't start: {run}");
        self
    }

    /// Starts the unit without waiting for it.
    pub(super) fn enqueue(self) -> Self {
        let script = format!("systemctl start --no-block {}", self.name);
        self.systemd.done(&script);
        self
    }

    /// Stops the unit, and asserts that this succeeds.
    pub(super) fn stop(&self) {
        self.systemd.done(&format!("systemctl stop {}", self.name));
    }

    /// The value of a property of the unit.
    pub(super) fn property(&self, property: &str) -> String {
        let script = format!("systemctl show --value --property={property} {}", self.name);
        self.systemd.ask(&script).trim_end().to_owned()
    }

    /// Waits until a property of the unit has this value.
    pub(super) fn await_that(&self, property: &str, value: &str) {
        let mut found = String::new();
        await_fact(&format!("{property} of {} is {value}", self.name), || {
            found = self.property(property);
            found == value
        });
    }

    /// What the service has printed so far.
    pub(super) fn printed(&self) -> String {
        self.systemd.ask(&format!("cat /run/{}.out", self.name))
    }

    /// The unit's messages in the journal.
    pub(super) fn journal(&self) -> String {
        let options = format!("--output=cat --unit={}", self.name);
        self.systemd
            .ask(&format!("journalctl --sync; journalctl {options}"))
    }
}
