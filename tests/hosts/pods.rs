//! The pods of `examples/kubernetes`, by `podman kube play`: with a local file, and with the variables by which EKS gives a pod its
//! role.

use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};

use super::podman::{self, done};
use crate::support::outcome::Expectations;
use crate::support::sandbox::repository_file;
use crate::support::*;

/// A pod, which is removed when it is dropped.
struct Pod {
    name: String,
    document: String,
    network: &'static str,
    /// The directory that is mounted at `/shared`.
    shared: Directory,
}

impl Pod {
    /// The example whose image has the program.
    fn example() -> Option<Self> {
        Self::of("examples/kubernetes/app.yaml")
    }

    /// The example whose init container installs the program. The application's image is Debian's, without it.
    fn unchanged_image() -> Option<Self> {
        let pod = Self::of("examples/kubernetes/unchanged-image.yaml")?;
        let pod = pod.with("image: localhost/host ", "image: localhost/debian ");
        Some(pod.with(
            "image: registry.example.com/secrets-exec:0.1.0",
            "image: localhost/alone",
        ))
    }

    /// An example, with an image of these tests, and with a command that prints its environment.
    fn of(example: &str) -> Option<Self> {
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
        // podman's volumes have one namespace for all pods.
        let document = document.replace("name: program", &format!("name: {name}-program"));
        let pod = Self {
            name: name.clone(),
            document,
            network: "none",
            shared,
        };
        let pod = pod
            .with(
                "metadata:\n  name: app\nspec:\n",
                &format!("metadata:\n  name: {name}\nspec:\n  restartPolicy: Never\n"),
            )
            .with("image: registry.example.com/app:1.4.2", "image: localhost/host")
            .with("  volumes:\n", &volume)
            .with(
                "      volumeMounts:\n        - name: declaration\n",
                "      volumeMounts:\n        - name: shared\n          mountPath: /shared\n        - name: declaration\n",
            )
            .with(r#"["node", "app.js"]"#, r#"["cat", "/proc/self/environ"]"#);
        Some(pod)
    }

    fn with(mut self, text: &str, replacement: &str) -> Self {
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
        self.with(
            "      env:\n",
            &format!("      env:\n        - name: {name}\n          value: \"{value}\"\n"),
        )
    }

    fn script(self, script: &str) -> Self {
        self.with(
            r#"["cat", "/proc/self/environ"]"#,
            &format!("[sh, -c, '{script}']"),
        )
    }

    /// Writes a file below `/shared`.
    fn file(self, name: &str, content: &str) -> Self {
        fs::write(self.shared.path().join(name), content).unwrap();
        self
    }

    fn local(self) -> Self {
        self.file("local.yaml", &podman::secrets_of_examples())
            .env("SECRETS_EXEC_LOCAL", "/shared/local.yaml")
    }

    /// Shares this machine's network, and points the AWS clients at the fake, without credentials.
    fn aws(mut self, aws: &Aws) -> Self {
        self.network = "host";
        self.env("AWS_ENDPOINT_URL", &aws.endpoint())
    }

    /// The exit status of the container, and its log.
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
fn the_example_pod_starts_confined_with_its_values_and_a_file_of_its_user() {
    let Some(pod) = Pod::example() else { return };
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
fn a_pod_without_a_value_does_not_start_and_its_log_says_why() {
    let Some(pod) = Pod::example() else { return };
    let run = pod
        .local()
        .file("local.yaml", &format!("prod/db: {{ host: {CANARY} }}\n"))
        .run();
    run.refused(78).says([
        "has no key \"password\"",
        "prod/api-token",
        "prod/keystore",
        "the command \"cat\" was not started",
    ]);
}

#[test]
#[ignore = "by make test-hosts"]
fn command_without_args_drops_the_images_cmd_and_a_message_says_so() {
    let Some(pod) = Pod::example() else { return };
    // The image of Dockerfile.example has a CMD.
    let pod = pod
        .with("localhost/host", "localhost/example")
        .with(r#"args: ["cat", "/proc/self/environ"]"#, "args: []");
    pod.local()
        .run()
        .refused(64)
        .says(["there is no command after `--`"]);
}

const ROLE: &str = "arn:aws:iam::123456789012:role/app";

impl Pod {
    /// With what the webhook of EKS adds for a service account with a role (IRSA).
    fn web_identity(self) -> Self {
        let pod = self
            .file("token", "token-of-the-test")
            .env("AWS_WEB_IDENTITY_TOKEN_FILE", "/shared/token");
        pod.env("AWS_ROLE_ARN", ROLE)
            .env("AWS_STS_REGIONAL_ENDPOINTS", "regional")
    }

    /// With what EKS adds for an association (EKS Pod Identity).
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
fn a_pod_uses_the_service_accounts_role_rather_than_the_pod_identity_associations() {
    for (key, with_role) in [
        (
            ROLE_KEY,
            (|pod, _| pod.web_identity()) as fn(Pod, &Aws) -> Pod,
        ),
        (CONTAINER_KEY, |pod, aws| pod.association(aws)),
        (ROLE_KEY, |pod, aws| pod.association(aws).web_identity()),
    ] {
        let Some(pod) = Pod::example() else { return };
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
fn an_init_container_installs_the_program_for_an_image_without_it() {
    let Some(pod) = Pod::unchanged_image() else {
        return;
    };
    let script = "id -u; stat -c \"%a %u %n\" /secrets-exec/*; touch /secrets-exec/x 2>/dev/null || echo no; echo $DB_HOST";
    let run = pod.local().script(script).run();
    run.launched()
        .printed("65532\n755 65532 /secrets-exec/secrets-exec\nno\ndb.example.com\n");
}

#[test]
#[ignore = "by make test-hosts"]
fn the_program_that_an_init_container_installs_starts_the_command_with_its_values() {
    let Some(pod) = Pod::unchanged_image() else {
        return;
    };
    let aws = aws();
    pod.aws(&aws)
        .association(&aws)
        .run()
        .launched()
        .has("DB_PASSWORD", "p-4c7a1e")
        .lacks("SECRETS_EXEC_FILE");
}
