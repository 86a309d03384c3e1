//! The images and commands of docs/containers.md. podman runs them instead of docker.

use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};

use super::podman::{self, Container, done};
use crate::docs::page::Page;
use crate::support::directory::Directory;
use crate::support::outcome::Status;
use crate::support::sandbox::CANARY;

fn page() -> Page {
    Page::read("docs/containers.md")
}

/// An image, which is removed when this is dropped.
struct Image {
    name: &'static str,
    context: Directory,
}

impl Image {
    /// Builds an image from this Dockerfile, with these files in its context.
    fn build(dockerfile: &str, files: &[(&str, &str)]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "localhost/it-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let image = Self {
            name: name.leak(),
            context: Directory::new(),
        };
        for (name, content) in files.iter().chain(&[("Dockerfile", dockerfile)]) {
            fs::write(image.context.path().join(name), content).unwrap();
        }
        let context = image.context.path().as_os_str();
        let options = [
            "build",
            "--quiet",
            "--pull=never",
            "--network=none",
            "--tag",
            image.name,
        ]
        .map(AsRef::as_ref);
        done(options.into_iter().chain([context]));
        image
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        podman::attempt(["image", "rm", "--force", self.name]);
    }
}

/// Builds the page's Dockerfile on an image of these tests. Its `node` is a script that prints its
/// environment.
fn documented_image() -> Image {
    let page = page();
    let dockerfile = page.blocks("dockerfile")[0];
    let copied =
        "COPY --from=registry.example.com/secrets-exec:0.1.0 /secrets-exec /usr/bin/secrets-exec\n";
    assert!(
        dockerfile.starts_with("FROM node:22-slim\n") && dockerfile.contains(copied),
        "{dockerfile}"
    );
    let dockerfile = dockerfile
        .replace(
            "FROM node:22-slim\n",
            "FROM localhost/host\nCOPY --chmod=755 node /usr/local/bin/node\n",
        )
        .replace(copied, "");
    let declaration = page.blocks("yaml")[0];
    let node = "#!/bin/sh\n[ \"$*\" = app.js ] && exec cat /proc/self/environ\n";
    Image::build(
        &dockerfile,
        &[
            ("secrets-exec.yaml", declaration),
            ("app.js", ""),
            ("node", node),
        ],
    )
}

#[test]
#[ignore = "by make test-hosts"]
fn the_image_documented_for_containers_starts_the_program_with_the_values() {
    if podman::works() {
        let image = documented_image();
        let run = Container::from_image(image.name)
            .local_examples()
            .prints_values()
            .run();
        run.launched()
            .has("DB_HOST", "db.example.com")
            .has("API_TOKEN", CANARY);
    }
}

#[test]
#[ignore = "by make test-hosts"]
fn the_image_from_scratch_documented_for_containers_starts_a_program_without_a_shell() {
    if !podman::works() {
        return;
    }
    let page = page();
    let dockerfile = page
        .blocks("dockerfile")
        .into_iter()
        .find(|block| block.starts_with("FROM scratch\n"))
        .unwrap();
    // The program of the image is another copy of secrets-exec, because that is a static binary.
    let dockerfile = dockerfile
        .replace("registry.example.com/secrets-exec:0.1.0", "localhost/alone")
        .replace(
            "COPY app /app\n",
            "COPY --from=localhost/alone /secrets-exec /app\n",
        )
        .replace(r#"CMD ["/app"]"#, r#"CMD ["/app", "--version"]"#);
    let declaration = page.blocks("yaml")[0];
    let image = Image::build(&dockerfile, &[("secrets-exec.yaml", declaration)]);
    let run = Container::from_image(image.name).local_examples().run();
    run.launched()
        .printed(concat!("secrets-exec ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
#[ignore = "by make test-hosts"]
fn the_docker_exec_commands_of_docs_containers_md_print_what_the_page_shows() {
    if !podman::works() {
        return;
    }
    let commands = page()
        .consoles()
        .into_iter()
        .flat_map(|block| block.commands);
    let commands = commands.filter_map(|(command, output)| {
        Some((command.strip_prefix("docker exec app ")?.to_owned(), output))
    });
    let commands: Vec<_> = commands.collect();
    assert_eq!(commands.len(), 2);
    let container = Container::from_image("localhost/host")
        .local_examples()
        .file("app.yaml", page().blocks("yaml")[0]);
    let container = container
        .env("SECRETS_EXEC_FILE", "/shared/app.yaml")
        .words(["secrets-exec"]);
    let started = container
        .script("trap 'exit 0' TERM; touch /shared/ready; while :; do sleep 0.1; done")
        .start();
    started.await_file("ready");
    for (command, output) in commands {
        started
            .exec(["sh", "-c", &command])
            .launched()
            .printed(output);
    }
    started.stop();
    started.wait().launched();
}

#[test]
#[ignore = "by make test-hosts"]
fn an_entry_point_that_drops_root_can_read_a_file_only_if_its_new_user_is_the_owner() {
    if !podman::works() {
        return;
    }
    for (owner, status) in [("", 1), (", owner: \"65532\"", 0)] {
        let declaration = format!("files: [{{ from: prod/db:password, env: F{owner} }}]\n");
        let container = Container::from_image("localhost/host")
            .local_examples()
            .file("app.yaml", &declaration)
            .target_writes_stderr();
        let container = container.words(["secrets-exec", "-f", "/shared/app.yaml", "--"]);
        let script = "cat \"$F\" >/dev/null";
        let as_another_user = [
            "setpriv",
            "--reuid=65532",
            "--regid=65532",
            "--clear-groups",
            "sh",
            "-c",
            script,
        ];
        container
            .words(as_another_user)
            .run()
            .ended(Status::Exit(status));
    }
}
