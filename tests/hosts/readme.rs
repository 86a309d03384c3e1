//! The command of README.md that builds secrets-exec with nothing but Docker.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use super::podman;
use crate::architecture::repository;
use crate::docs::page::Page;
use crate::support::directory::{Directory, names_in};

/// Writes a program called docker into a folder. It is podman with the images of these tests, which
/// build without a network. `--quiet`, because podman prints the steps of a build on standard
/// output, and Docker doesn't.
fn write_docker(folder: &Path) {
    let hosts = std::env::var("SECRETS_EXEC_HOSTS").unwrap();
    let options = fs::read_to_string(Path::new(&hosts).join("mounts")).unwrap();
    let options: String = options
        .lines()
        .map(|option| format!(" '{option}'"))
        .collect();
    let podman = repository("tests/hosts/podman").display().to_string();
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = build ] || exit 1\nshift\nexec '{podman}' build --quiet --pull=never --network=none{options} \"$@\"\n"
    );
    let path = folder.join("docker");
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
}

/// Runs a shell script in this repository's folder or in another one, asserts that it succeeds, and
/// returns what it prints.
fn in_shell(folder: &Path, script: &str, environment: &[(&str, &str)]) -> String {
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", script])
        .current_dir(folder)
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}\n{messages}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
#[ignore = "by make test-hosts"]
fn the_readme_s_docker_command_leaves_an_executable_binary_in_the_working_directory() {
    if !podman::works() {
        return;
    }
    let (directory, programs, source) = (Directory::new(), Directory::new(), Directory::new());
    // The repository that the command clones, with the files that aren't committed yet.
    let copy = "git ls-files -z --cached --others --exclude-standard | tar --create --null --files-from=- \
        | tar --extract --directory \"$SOURCE\"
        cd \"$SOURCE\"
        git init --quiet
        git add --all
        git -c user.name=x -c user.email=x@example.com commit --quiet --message x";
    let source = source.path().to_str().unwrap();
    in_shell(&repository(""), copy, &[("SOURCE", source)]);
    write_docker(programs.path());

    let programs = programs.path().display();
    let path = format!("{programs}:{}", std::env::var("PATH").unwrap());
    let (origin, instead) = (
        "https://github.com/OWNER/secrets-exec.git",
        format!("url.file://{source}.insteadOf"),
    );
    let environment = [
        ("PATH", path.as_str()),
        ("GIT_CONFIG_COUNT", "1"),
        ("GIT_CONFIG_KEY_0", &instead),
        ("GIT_CONFIG_VALUE_0", origin),
    ];
    let readme = Page::read("README.md");
    let command = readme.block_from("sh", "docker build ");
    in_shell(directory.path(), command, &environment);

    assert_eq!(names_in(directory.path()), ["secrets-exec"]);
    let script = "stat -c %a secrets-exec; ./secrets-exec --version";
    let printed = in_shell(directory.path(), script, &[]);
    let version = concat!("secrets-exec ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(printed, format!("755\n{version}"));
}
