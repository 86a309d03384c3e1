//! The declaration in the working directory: it is read only when no one but root and the user can create or change it.

use std::fs;
use std::os::unix::fs::chown;

use crate::support::outcome::Outcome;
use crate::support::sandbox::{CANARY, Sandbox};
use crate::support::skip;

const NAME: &str = "secrets-exec.yaml";
const STRANGER: u32 = 54_321;

fn sandbox() -> Sandbox {
    Sandbox::new().declaration("env:\n  A: { value: v }\n")
}

/// Gives a path of the working directory to another user or group; reports the test as skipped where only root can.
fn given(sandbox: &Sandbox, name: &str, user: Option<u32>, group: Option<u32>) -> bool {
    let can = chown(sandbox.path(name), user, group).is_ok();
    if !can {
        skip::skipped("a declaration of another user: only root can give files away");
    }
    can
}

fn is_refused(run: &Outcome, reason: &str) {
    run.refused(78).says([NAME, reason, "-f"]);
}

#[test]
fn a_file_that_a_group_of_others_may_write_is_refused() {
    let sandbox = sandbox().mode(NAME, 0o664);
    if given(&sandbox, NAME, None, Some(STRANGER)) {
        is_refused(&sandbox.run(), "its group");
    }
}

#[test]
fn a_directory_that_a_group_of_others_may_write_is_refused() {
    let sandbox = sandbox().mode("", 0o775);
    if given(&sandbox, "", None, Some(STRANGER)) {
        is_refused(&sandbox.run(), "the working directory can be written by its group");
    }
}

#[test]
fn a_directory_that_anyone_may_write_is_refused() {
    for mode in [0o777, 0o1777] {
        is_refused(&sandbox().mode("", mode).run(), "the working directory can be written by anyone");
    }
}

#[test]
fn a_directory_of_another_user_is_refused() {
    let sandbox = sandbox();
    if given(&sandbox, "", Some(STRANGER), None) {
        is_refused(&sandbox.run(), "the working directory belongs to neither");
    }
}

#[test]
fn a_directory_that_is_not_trusted_does_not_matter_when_the_file_is_named() {
    sandbox().mode("", 0o777).args(["-f", NAME]).run().launched_silently().has("A", "v");
}

#[test]
fn a_directory_that_is_not_trusted_does_not_matter_when_it_holds_no_declaration() {
    Sandbox::new()
        .mode("", 0o777)
        .file("named.yaml", "env:\n  A: { value: v }\n")
        .args(["-f", "named.yaml"])
        .run()
        .launched();
    Sandbox::new().mode("", 0o777).run().refused(64);
}

#[test]
fn roots_group_counts_as_the_user() {
    let sandbox = sandbox().mode(NAME, 0o664).mode("", 0o775);
    if given(&sandbox, NAME, Some(0), Some(0)) && given(&sandbox, "", Some(0), Some(0)) {
        sandbox.run().launched_silently().has("A", "v");
    }
}

/// Runs as `user` of `group` in a directory that a umask of 002 has made.
fn run_as(user: u32, group: u32) -> Option<Outcome> {
    let ids = [format!("--reuid={user}"), format!("--regid={group}")];
    let command = ["setpriv", &ids[0], &ids[1], "--clear-groups"];
    if !skip::can(&[&command[..], &["true"]].concat(), "a declaration in a private group") {
        return None;
    }
    let sandbox = sandbox().mode(NAME, 0o664).mode("", 0o775);
    for name in [NAME, ""] {
        chown(sandbox.path(name), Some(user), Some(group)).unwrap();
    }
    Some(sandbox.through(command).spawn_copy().wait())
}

#[test]
fn the_group_with_the_users_own_id_counts_as_the_user() {
    let Some(run) = run_as(STRANGER, STRANGER) else { return };
    run.launched().has("A", "v");
}

#[test]
fn the_group_with_the_users_own_name_counts_as_the_user() {
    // `games` has the ids 5 and 60 on Debian, say.
    let ids = |file: &str| -> Vec<(String, u32)> {
        let text = fs::read_to_string(file).unwrap_or_default();
        let fields = text.lines().map(|line| line.split(':').map(str::to_owned).collect::<Vec<_>>());
        fields.filter_map(|fields| Some((fields.first()?.clone(), fields.get(2)?.parse().ok()?))).collect()
    };
    let groups = ids("/etc/group");
    let group_of = |name: &str| groups.iter().find(|(group, _)| group == name).map(|(_, id)| *id);
    let users = ids("/etc/passwd").into_iter().filter_map(|(name, id)| Some((id, group_of(&name)?)));
    let Some((user, group)) = users.into_iter().find(|(user, group)| user != group) else {
        return skip::skipped("a private group with an id of its own: this system has no such user");
    };
    let Some(run) = run_as(user, group) else { return };
    run.launched().has("A", "v");
}

#[test]
fn any_other_group_of_the_user_may_not_write_it() {
    let Some(run) = run_as(STRANGER, STRANGER + 1) else { return };
    run.refused(78).says([NAME, "its group"]);
}

/// A run as another user in a directory that this user may not enter, with secrets from a local file.
fn locked_out() -> Option<Sandbox> {
    let user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    if !skip::can(&[&user[..], &["true"]].concat(), "a working directory that may not be entered") {
        return None;
    }
    let sandbox = Sandbox::new().file("locked/secrets-exec.yaml", DECLARATION).mode("locked", 0o700);
    let sandbox = sandbox.file("local.json", format!(r#"{{ "x": "{CANARY}", "ssm:/p": "{CANARY}" }}"#));
    let local = sandbox.path("local.json");
    let script = format!("cd locked && exec {} \"$@\"", user.join(" "));
    Some(sandbox.prepared_by(&script).arg("--local").arg(local))
}

#[test]
fn a_directory_that_may_not_be_entered_does_not_matter_when_an_option_says_what_to_resolve() {
    let Some(sandbox) = locked_out() else { return };
    sandbox.resolve("A=x").spawn_copy().wait().launched().has("A", CANARY);
    let Some(sandbox) = locked_out() else { return };
    let sandbox = sandbox.env("A", "{{resolve:ssm:/p}}").args(["--resolve-env", "A"]);
    sandbox.spawn_copy().wait().launched().has("A", CANARY);
}

#[test]
fn a_directory_that_may_not_be_entered_is_told_when_nothing_else_is_to_be_resolved() {
    let Some(sandbox) = locked_out() else { return };
    sandbox.spawn_copy().wait().refused(78).says(["the working directory may not be entered", "--no-file"]);
}

const DECLARATION: &str = "env:\n  A: { value: v }\n";
