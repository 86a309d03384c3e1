//! The images and commands of docs/containers.md. podman runs them instead of docker.

use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};

use super::podman::{self, Container, Podman};
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
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("localhost/it-{}-{count}", std::process::id());
        let image = Self {
            name: name.leak(),
            context: Directory::new(),
        };
        for (name, content) in files.iter().chain(&[("Dockerfile", dockerfile)]) {
            fs::write(image.context.path().join(name), content).unwrap();
        }
        let context = image.context.path().to_str().unwrap();
        let line = format!(
            "build --quiet --pull=never --network=none --tag {} {context}",
            image.name
        );
        Podman.done(line.split(' '));
        image
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        Podman.attempt(["image", "rm", "--force", self.name]);
    }
}

/// Builds the page's Dockerfile on an image of these tests. Its `node` is a script that prints its
/// environment.
fn documented_image() -> Image {
    let page = page();
    let dockerfile = page.blocks("dockerfile")[0];
    let copied =
        "COPY --from=registry.example.com/secrets-exec:0.1.0 /secrets-exec /usr/bin/secrets-exec\n";
    let (from, node) = (
        "FROM node:22-slim\n",
        "COPY --chmod=755 node /usr/local/bin/node\n",
    );
    let is_replaced = dockerfile.starts_with(from) && dockerfile.contains(copied);
    assert!(is_replaced, "{dockerfile}");
    let dockerfile = dockerfile
        .replace(from, &format!("FROM localhost/host\n{node}"))
        .replace(copied, "");
    let node = "#!/bin/sh\n[ \"$*\" = app.js ] && exec cat /proc/self/environ\n";
    let declaration = ("secrets-exec.yaml", page.blocks("yaml")[0]);
    Image::build(&dockerfile, &[declaration, ("app.js", ""), ("node", node)])
}

#[test]
#[ignore = "by make test-hosts"]
fn the_image_documented_for_containers_starts_the_program_with_the_values() {
    if podman::works() {
        let image = documented_image();
        let container = Container::from_image(image.name).local_examples();
        let run = container.prints_values().run();
        run.launched().has("DB_HOST", "db.example.com");
        run.has("API_TOKEN", CANARY);
    }
}

#[test]
#[ignore = "by make test-hosts"]
fn the_documented_image_from_scratch_starts_a_program_without_a_shell() {
    if !podman::works() {
        return;
    }
    let page = page();
    let mut dockerfiles = page.blocks("dockerfile").into_iter();
    let dockerfile = dockerfiles.find(|block| block.starts_with("FROM scratch\n"));
    // The program of the image is another copy of secrets-exec, because that is a static binary.
    let program = "COPY --from=localhost/alone /secrets-exec /app\n";
    let dockerfile = dockerfile
        .unwrap()
        .replace("registry.example.com/secrets-exec:0.1.0", "localhost/alone")
        .replace("COPY app /app\n", program)
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
    let consoles = page().consoles().into_iter();
    let mut commands = Vec::from_iter(consoles.flat_map(|console| console.commands));
    commands.retain(|(command, _)| command.starts_with("docker exec app "));
    assert_eq!(commands.len(), 2);
    let started = Container::from_image("localhost/host")
        .local_examples()
        .file("app.yaml", page().blocks("yaml")[0])
        .env("SECRETS_EXEC_FILE", "/shared/app.yaml")
        .words(["secrets-exec"])
        .script("trap 'exit 0' TERM; touch /shared/ready; while :; do sleep 0.1; done")
        .start();
    started.await_file("ready");
    for (command, output) in commands {
        let command = command.replace("docker exec app ", "");
        let run = started.exec(["sh", "-c", &command]);
        run.launched().printed(output);
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
        let as_another_user = "setpriv --reuid=65532 --regid=65532 --clear-groups";
        let line = format!("secrets-exec -f /shared/app.yaml -- {as_another_user} sh -c");
        let run = Container::from_image("localhost/host")
            .local_examples()
            .file("app.yaml", &declaration)
            .target_writes_stderr()
            .words(line.split(' '))
            .words(["cat \"$F\" >/dev/null"])
            .run();
        run.ended(Status::Exit(status));
    }
}
