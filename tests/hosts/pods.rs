//! The pods of `examples/kubernetes`, run by `podman kube play`. They read from a local file, or
//! get the variables by which EKS gives a pod its role.

use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};

use super::podman::{self, Podman};
use crate::support::outcome::Expectations;
use crate::support::sandbox::repository_file;
use crate::support::*;

const APP: &str = "examples/kubernetes/app.yaml";

/// A pod, which is removed when this is dropped.
struct Pod {
    name: String,
    document: String,
    network: &'static str,
    /// The directory that is mounted at `/shared`.
    shared: Directory,
}

impl Pod {
    /// The example whose init container installs the program. The image of the application is
    /// Debian's, without the program.
    fn unchanged_image() -> Option<Self> {
        let pod = Self::from_example("examples/kubernetes/unchanged-image.yaml")?;
        let image = "image: registry.example.com/secrets-exec:0.1.0";
        let pod = pod.replaced(image, "image: localhost/alone");
        Some(pod.replaced("image: localhost/host ", "image: localhost/debian "))
    }

    /// Makes a pod of an example, with an image of these tests and with a command that prints its
    /// environment.
    fn from_example(example: &str) -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        if !podman::works() {
            return None;
        }
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("pod-{}-{count}", std::process::id());
        let shared = Directory::new();
        let path = shared.path().display();
        let volume =
            format!("  volumes:\n    - name: shared\n      hostPath:\n        path: {path}\n");
        let metadata = format!("metadata:\n  name: {name}\nspec:\n  restartPolicy: Never\n");
        let mounts = "      volumeMounts:\n";
        let mounted = format!(
            "{mounts}        - name: shared\n          mountPath: /shared\n        - name: declaration\n"
        );
        let document = repository_file(example)
            .replace("app-secrets", &format!("{name}-secrets"))
            // All pods share the names of podman's volumes.
            .replace("name: program", &format!("name: {name}-program"));
        let pod = Self {
            name,
            document,
            network: "none",
            shared,
        };
        let image = "image: registry.example.com/app:1.4.2";
        let pod = pod
            .replaced("metadata:\n  name: app\nspec:\n", &metadata)
            .replaced(image, "image: localhost/host")
            .replaced("  volumes:\n", &volume)
            .replaced(&format!("{mounts}        - name: declaration\n"), &mounted)
            .replaced(r#"["node", "app.js"]"#, r#"["cat", "/proc/self/environ"]"#);
        Some(pod)
    }

    /// Replaces a text of the document, and asserts that the document contains it exactly once.
    fn replaced(mut self, text: &str, replacement: &str) -> Self {
        let count = self.document.matches(text).count();
        assert_eq!(count, 1, "{text:?} in {}", self.document);
        self.document = self.document.replace(text, replacement);
        self
    }

    fn env(self, name: &str, value: &str) -> Self {
        let variable = format!("        - name: {name}\n          value: \"{value}\"\n");
        self.replaced("      env:\n", &format!("      env:\n{variable}"))
    }

    /// Replaces the command with a shell script.
    fn script(self, script: &str) -> Self {
        let script = format!("[sh, -c, '{script}']");
        self.replaced(r#"["cat", "/proc/self/environ"]"#, &script)
    }

    /// Writes a file below `/shared`.
    fn file(self, name: &str, content: &str) -> Self {
        fs::write(self.shared.path().join(name), content).unwrap();
        self
    }

    /// Serves the secrets of the examples by SECRETS_EXEC_LOCAL.
    fn local(self) -> Self {
        self.file("local.yaml", &podman::secrets_of_examples())
            .env("SECRETS_EXEC_LOCAL", "/shared/local.yaml")
    }

    /// Shares the network of this machine, and points the AWS clients at the fake. There are no
    /// credentials.
    fn aws(mut self, aws: &Aws) -> Self {
        self.network = "host";
        self.env("AWS_ENDPOINT_URL", &aws.endpoint())
    }

    /// Runs the pod. Returns the exit status of the container, and its log.
    fn run(self) -> Outcome {
        let file = self.shared.path().join("pod.yaml");
        fs::write(&file, &self.document).unwrap();
        let network = format!("--network={}", self.network);
        Podman.done(["kube", "play", &network, file.to_str().unwrap()]);
        let container = format!("{}-app", self.name);
        let status = Podman.done(["wait", &container]).trim().parse().unwrap();
        let expectations = Expectations {
            prints_values: true,
            ..Expectations::default()
        };
        let mut outcome = Podman.run(["logs", &container], expectations);
        outcome.status = Status::Exit(status);
        outcome
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        Podman.attempt(["pod", "rm", "--force", "--time=0", &self.name]);
        for volume in ["secrets", "program"] {
            let volume = format!("{}-{volume}", self.name);
            Podman.attempt(["volume", "rm", "--force", &volume]);
        }
    }
}

/// The secrets of the example.
fn aws() -> Aws {
    let db = Secret::text(r#"{"host":"db.example.com","password":"p-4c7a1e"}"#);
    Aws::start()
        .secret("prod/db", db)
        .secret("prod/api-token", Secret::text("token-4c7a1e"))
        .secret("prod/keystore", Secret::binary(*b"\0keystore"))
}

#[test]
#[ignore = "by make test-hosts"]
fn the_example_pod_starts_confined_with_its_values_and_a_readable_file() {
    let pod = or_skip!(Pod::from_example(APP));
    let confined = "id -u; stat -c \"%a %u %s\" $KEYSTORE_FILE; grep CapBnd /proc/self/status; touch /x 2>/dev/null || echo no";
    let script = format!("{confined}; echo $DB_HOST $API_TOKEN ${{SECRETS_EXEC_FILE-none}}");
    let run = pod.local().script(&script).run();
    let printed = "65532\n400 65532 17\nCapBnd:\t0000000000000000\nno\ndb.example.com";
    run.launched().printed(format!("{printed} {CANARY} none\n"));
}

#[test]
#[ignore = "by make test-hosts"]
fn an_init_container_installs_secrets_exec_in_an_image_without_it() {
    let pod = or_skip!(Pod::unchanged_image());
    let aws = aws();
    let script = "id -u; stat -c \"%a %u %n\" /secrets-exec/*; touch /secrets-exec/x 2>/dev/null || echo no; \
        echo $DB_PASSWORD ${SECRETS_EXEC_FILE-none}";
    // What EKS adds for an association (EKS Pod Identity).
    let uri = aws.container_credentials();
    let pod = pod
        .aws(&aws)
        .file("pod-token", "pod-token")
        .env(
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
            "/shared/pod-token",
        )
        .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", &uri);
    let run = pod.script(script).run();
    run.launched()
        .printed("65532\n755 65532 /secrets-exec/secrets-exec\nno\np-4c7a1e none\n");
}
