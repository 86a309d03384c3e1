//! AWS settings: launches without keys, and with the credentials of an environment, a profile, a
//! container, an instance or a web identity.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::support::aws::Aws;
use crate::support::record::await_fact;
use crate::support::sandbox::{ACCESS_SECRET, Sandbox};

/// The access key id of [`Sandbox::keys`].
pub const KEY: &str = "AKIAIOSFODNN7EXAMPLE";

/// The access key id of [`with_credential_process`].
pub const PROCESS_KEY: &str = "AKIAPROCESS";

pub const ROLE: &str = "arn:aws:iam::210987654321:role/Reader";

/// A launch that sets `A` to the key `k` of the secret `x`, in us-east-1, without credentials.
pub fn keyless(aws: &Aws) -> Sandbox {
    Sandbox::new()
        .endpoint(&aws.endpoint())
        .region("us-east-1")
        .resolve("A=x:k")
}

/// A pair of keys, as settings of a profile.
pub fn pair(id: &str) -> String {
    format!("aws_access_key_id = {id}\naws_secret_access_key = {ACCESS_SECRET}\n")
}

/// A launch like [`keyless`] whose `credential_process` is this shell script.
pub fn with_credential_process(aws: &Aws, script: &str) -> Sandbox {
    let credentials =
        json!({ "Version": 1, "AccessKeyId": PROCESS_KEY, "SecretAccessKey": ACCESS_SECRET });
    let sandbox = keyless(aws).file("answer.json", credentials.to_string());
    let sandbox = sandbox.executable("credentials.sh", format!("#!/bin/sh\n{script}"));
    let script = sandbox.path("credentials.sh");
    let config = format!("[default]\ncredential_process = {}\n", script.display());
    sandbox.config(&config)
}

/// A script that writes its process id and that of a child to `processes`, and then hangs.
pub const HANGING: &str = "sleep 1000 & echo $$ $! >draft; mv draft processes; wait";

/// Waits until [`HANGING`] has written the ids of its processes, and returns their paths in /proc.
pub fn processes(sandbox: &Sandbox) -> Vec<PathBuf> {
    let file = sandbox.path("processes");
    await_fact("the ids of the processes", || file.exists());
    fs::read_to_string(file)
        .unwrap()
        .split_whitespace()
        .map(|pid| Path::new("/proc").join(pid))
        .collect()
}

/// Returns whether a process is gone, or is a zombie that init hasn't reaped yet.
pub fn has_ended(process: &Path) -> bool {
    let status = fs::read_to_string(process.join("status")).unwrap_or_default();
    status.is_empty() || status.contains("State:\tZ")
}

/// Waits until these processes have ended.
pub fn await_all_ended(processes: &[PathBuf]) {
    await_fact("the end of the processes", || {
        processes.iter().all(|process| has_ended(process))
    });
}

impl Sandbox {
    /// Sets the variables with an access key.
    pub fn keys(self) -> Self {
        self.env("AWS_ACCESS_KEY_ID", KEY)
            .env("AWS_SECRET_ACCESS_KEY", ACCESS_SECRET)
    }

    pub fn without_keys(self) -> Self {
        self.env_remove("AWS_ACCESS_KEY_ID")
            .env_remove("AWS_SECRET_ACCESS_KEY")
    }

    /// Writes the configuration file.
    pub fn config(self, text: &str) -> Self {
        self.home_file(".aws/config", text)
    }

    /// Sets the variable that ECS and EKS set, so that the fake provides the container's
    /// credentials.
    pub fn in_container(self, aws: &Aws) -> Self {
        let url = aws.container_credentials();
        self.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", url)
    }

    /// Lets the fake provide the instance metadata.
    pub fn on_instance(self, aws: &Aws) -> Self {
        let sandbox = self.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", aws.url());
        // The default of one second is too short for a busy machine.
        sandbox
            .env_remove("AWS_EC2_METADATA_DISABLED")
            .env("AWS_METADATA_SERVICE_TIMEOUT", "10")
    }

    /// Writes the token `token-of-the-test` into the file `token`, and sets the variables of a web
    /// identity for [`ROLE`].
    pub fn web_identity(self) -> Self {
        let sandbox = self
            .file("token", "token-of-the-test")
            .env("AWS_ROLE_ARN", ROLE);
        let token = sandbox.path("token");
        sandbox.env("AWS_WEB_IDENTITY_TOKEN_FILE", token)
    }

    pub fn attempts(self, count: u32) -> Self {
        self.env("AWS_MAX_ATTEMPTS", count.to_string())
    }

    pub fn timeout(self, time: &str) -> Self {
        self.args(["--timeout", time])
    }
}
