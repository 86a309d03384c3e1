//! The pods of `examples/kubernetes`, run by `podman kube play`. They read from a local file, or
//! get the variables by which EKS gives a pod its role.

use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};

use super::podman::{self, done};
use crate::support::outcome::Expectations;
use crate::support::sandbox::repository_file;
use crate::support::*;

/// A pod, which is removed when this is dropped.
struct Pod {
    name: String,
    document: String,
    network: &'static str,
    /// The directory that is mounted at `/shared`.
    shared: Directory,
}

impl Pod {
    /// The example whose image contains the program.
    fn example() -> Option<Self> {
        Self::from_example("examples/kubernetes/app.yaml")
    }

    /// The example whose init container installs the program. The image of the application is
    /// Debian's, without the program.
    fn unchanged_image() -> Option<Self> {
        let pod = Self::from_example("examples/kubernetes/unchanged-image.yaml")?;
        let pod = pod.replaced("image: localhost/host ", "image: localhost/debian ");
        Some(pod.replaced(
            "image: registry.example.com/secrets-exec:0.1.0",
            "image: localhost/alone",
        ))
    }

    /// Makes a pod of an example, with an image of these tests and with a command that prints its
    /// environment.
    fn from_example(example: &str) -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        if !podman::works() {
            return None;
        }
        let name = format!(
            "pod-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let shared = Directory::new();
        let volume = format!(
            "  volumes:\n    - name: shared\n      hostPath:\n        path: {}\n",
            shared.path().display()
        );
        let document = repository_file(example).replace("app-secrets", &format!("{name}-secrets"));
        // All pods share the names of podman's volumes.
        let document = document.replace("name: program", &format!("name: {name}-program"));
        let pod = Self {
            name: name.clone(),
            document,
            network: "none",
            shared,
        };
        let pod = pod
            .replaced(
                "metadata:\n  name: app\nspec:\n",
                &format!("metadata:\n  name: {name}\nspec:\n  restartPolicy: Never\n"),
            )
            .replaced("image: registry.example.com/app:1.4.2", "image: localhost/host")
            .replaced("  volumes:\n", &volume)
            .replaced(
                "      volumeMounts:\n        - name: declaration\n",
                "      volumeMounts:\n        - name: shared\n          mountPath: /shared\n        - name: declaration\n",
            )
            .replaced(r#"["node", "app.js"]"#, r#"["cat", "/proc/self/environ"]"#);
        Some(pod)
    }

    /// Replaces a text of the document, and asserts that the document contains it exactly once.
    fn replaced(mut self, text: &str, replacement: &str) -> Self {
        assert_eq!(
            self.document.matches(text).count(),
            1,
            "{text:?} in {}",
            self.document
        );
        self.document = self.document.replace(text, replacement);
        self
    }

    fn env(self, name: &str, value: &str) -> Self {
        self.replaced(
            "      env:\n",
            &format!("      env:\n        - name: {name}\n          value: \"{value}\"\n"),
        )
    }

    /// Replaces the command with a shell script.
    fn script(self, script: &str) -> Self {
        self.replaced(
            r#"["cat", "/proc/self/environ"]"#,
            &format!("[sh, -c, '{script}']"),
        )
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
        done([
            "kube".as_ref(),
            "play".as_ref(),
            format!("--network={}", self.network).as_ref(),
            file.as_os_str(),
        ]);
        let container = format!("{}-app", self.name);
        let status = done(["wait", &container]).trim().parse().unwrap();
        let expectations = Expectations {
            prints_values: true,
            ..Expectations::default()
        };
        let mut outcome = podman::run(["logs", &container], expectations);
        outcome.status = Status::Exit(status);
        outcome
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        podman::attempt(["pod", "rm", "--force", "--time=0", &self.name]);
        for volume in ["secrets", "program"] {
            podman::attempt([
                "volume",
                "rm",
                "--force",
                &format!("{}-{volume}", self.name),
            ]);
        }
    }
}

/// The secrets of the example.
fn aws() -> Aws {
    Aws::start()
        .secret(
            "prod/db",
            Secret::text(r#"{"host":"db.example.com","password":"p-4c7a1e"}"#),
        )
        .secret("prod/api-token", Secret::text("token-4c7a1e"))
        .secret("prod/keystore", Secret::binary(*b"\0keystore"))
}

#[test]
#[ignore = "by make test-hosts"]
fn the_example_pod_starts_confined_with_its_values_and_a_file_that_its_user_can_read() {
    let pod = or_skip!(Pod::example());
    let confined = "id -u; stat -c \"%a %u %s\" $KEYSTORE_FILE; grep CapBnd /proc/self/status; touch /x 2>/dev/null || echo no";
    let run = pod
        .local()
        .script(&format!(
            "{confined}; echo $DB_HOST $API_TOKEN ${{SECRETS_EXEC_FILE-none}}"
        ))
        .run();
    let printed = "65532\n400 65532 17\nCapBnd:\t0000000000000000\nno\ndb.example.com";
    run.launched().printed(format!("{printed} {CANARY} none\n"));
}

#[test]
#[ignore = "by make test-hosts"]
fn if_a_pod_has_command_but_no_args_the_error_says_that_there_is_no_command() {
    let pod = or_skip!(Pod::example());
    // The image of Dockerfile.example has a CMD.
    let pod = pod
        .replaced("localhost/host", "localhost/example")
        .replaced(r#"args: ["cat", "/proc/self/environ"]"#, "args: []");
    pod.local()
        .run()
        .refused(64, ["there is no command after `--`"]);
}

const ROLE: &str = "arn:aws:iam::123456789012:role/app";

impl Pod {
    /// Adds what the webhook of EKS adds for a service account with a role (IRSA).
    fn web_identity(self) -> Self {
        let pod = self
            .file("token", "token-of-the-test")
            .env("AWS_WEB_IDENTITY_TOKEN_FILE", "/shared/token");
        pod.env("AWS_ROLE_ARN", ROLE)
            .env("AWS_STS_REGIONAL_ENDPOINTS", "regional")
    }

    /// Adds what EKS adds for an association (EKS Pod Identity).
    fn association(self, aws: &Aws) -> Self {
        let pod = self.file("pod-token", "pod-token").env(
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            &aws.container_credentials(),
        );
        pod.env(
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
            "/shared/pod-token",
        )
    }
}

#[test]
#[ignore = "by make test-hosts"]
fn a_pod_uses_the_role_of_its_service_account_rather_than_that_of_its_pod_identity_association() {
    for (key, with_role) in [
        (
            ROLE_KEY,
            (|pod, _| pod.web_identity()) as fn(Pod, &Aws) -> Pod,
        ),
        (CONTAINER_KEY, |pod, aws| pod.association(aws)),
        (ROLE_KEY, |pod, aws| pod.association(aws).web_identity()),
    ] {
        let pod = or_skip!(Pod::example());
        let aws = aws();
        let run = with_role(pod.aws(&aws), &aws).run();
        run.launched()
            .has("DB_PASSWORD", "p-4c7a1e")
            .has("KEYSTORE_FILE", "/run/app/keystore.p12");
        let keys: Vec<String> = aws.reads().iter().map(Call::access_key).collect();
        assert_eq!(keys, [key, key, key]);
        if key == ROLE_KEY {
            let exchanges: Vec<_> = aws
                .calls_of("AssumeRoleWithWebIdentity")
                .iter()
                .map(Call::form)
                .collect();
            assert_eq!(exchanges.len(), 1);
            assert_eq!(
                ["RoleArn", "WebIdentityToken"].map(|name| &exchanges[0][name]),
                [ROLE, "token-of-the-test"]
            );
        } else {
            assert!(
                aws.calls()
                    .iter()
                    .any(|call| call.header("authorization") == Some("pod-token"))
            );
        }
    }
}

#[test]
#[ignore = "by make test-hosts"]
fn an_init_container_installs_secrets_exec_for_an_image_that_does_not_contain_it() {
    let pod = or_skip!(Pod::unchanged_image());
    let script = "id -u; stat -c \"%a %u %n\" /secrets-exec/*; touch /secrets-exec/x 2>/dev/null || echo no; echo $DB_HOST";
    let run = pod.local().script(script).run();
    run.launched()
        .printed("65532\n755 65532 /secrets-exec/secrets-exec\nno\ndb.example.com\n");
}

#[test]
#[ignore = "by make test-hosts"]
fn secrets_exec_from_an_init_container_starts_the_command_with_its_values() {
    let pod = or_skip!(Pod::unchanged_image());
    let aws = aws();
    pod.aws(&aws)
        .association(&aws)
        .run()
        .launched()
        .has("DB_PASSWORD", "p-4c7a1e")
        .has_no("SECRETS_EXEC_FILE");
}
