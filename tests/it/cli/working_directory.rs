//! The declaration in the working directory: secrets-exec reads it only if nobody except root and
//! the user can create or change it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{chown, symlink};

use crate::support::*;

const NAME: &str = "secrets-exec.yaml";
const DECLARATION: &str = "env:\n  A: { value: v }\n";
const STRANGER: u32 = 54_321;

fn declaring() -> Sandbox {
    Sandbox::new().declaration(DECLARATION)
}

#[test]
fn a_declaration_that_others_can_change_is_refused_unless_f_names_it() {
    if !nix::unistd::geteuid().is_root() {
        return skip::skipped("a declaration of another user: only root can give files away");
    }
    for (what, mode, user, group, reason) in [
        (NAME, 0o666, None, None, "any user"),
        (NAME, 0o664, None, Some(STRANGER), "its group"),
        (NAME, 0o644, Some(STRANGER), None, "belongs to neither"),
        ("", 0o777, None, None, "can be changed by any user"),
        ("", 0o1777, None, None, "can be changed by any user"),
        ("", 0o775, None, Some(STRANGER), "changed by its group"),
        ("", 0o755, Some(STRANGER), None, "belongs to neither"),
    ] {
        let place = match what {
            "" => "the working directory ",
            _ => NAME,
        };
        let given = |sandbox: Sandbox| {
            let sandbox = sandbox.mode(what, mode);
            chown(sandbox.path(what), user, group).unwrap();
            sandbox
        };
        let sandbox = given(declaring());
        sandbox.run().refused(78, [NAME, place, reason, "-f"]);
        let run = sandbox.args(["-f", NAME]).run();
        run.launched_silently().has("A", "v");
        // The remedy isn't printed if another declaration is read with -f anyway.
        let other = given(declaring().file("other.yaml", DECLARATION));
        let run = other.args(["-f", "other.yaml"]).run();
        run.launched_silently().has("A", "v");
    }
    // Without a declaration, the permissions of the directory don't matter.
    Sandbox::new().mode("", 0o777).run().refused(64, []);
}

#[test]
fn a_symbolic_link_or_a_pipe_with_the_name_secrets_exec_yaml_is_refused() {
    let dangling = Sandbox::new().resolve("A=x");
    symlink("nowhere", dangling.path(NAME)).unwrap();
    dangling.run().refused(78, [NAME]);
    let linked = Sandbox::new().file("real.yaml", DECLARATION);
    symlink("real.yaml", linked.path(NAME)).unwrap();
    let run = linked.run();
    run.refused(78, [NAME, "is a symbolic link", "-f"]);
    let run = linked.args(["-f", NAME]).run();
    run.launched_silently().has("A", "v");
    let pipe = Sandbox::new();
    named_pipe(&pipe.path(NAME));
    pipe.run().refused(78, [NAME, "-f"]);
}

/// Runs as `user` with the group `group`, in a directory that was made with a umask of 002.
fn run_as(user: u32, group: u32) -> Option<Outcome> {
    let ids = [format!("--reuid={user}"), format!("--regid={group}")];
    let user_of_group = ["setpriv", &ids[0], &ids[1], "--clear-groups"];
    let wrapper = skip::wrapper(user_of_group, "a declaration in a private group")?;
    let sandbox = declaring().mode(NAME, 0o664).mode("", 0o775);
    for name in [NAME, ""] {
        chown(sandbox.path(name), Some(user), Some(group)).unwrap();
    }
    Some(sandbox.through(wrapper).spawn_copy().wait())
}

#[test]
fn a_declaration_that_the_group_with_the_user_s_id_can_write_is_read() {
    for (user, group) in [(0, 0), (STRANGER, STRANGER)] {
        let run = or_skip!(run_as(user, group));
        run.launched_silently().has("A", "v");
    }
    let run = or_skip!(run_as(STRANGER, STRANGER + 1));
    run.refused(78, [NAME, "its group"]);
}

#[test]
fn a_declaration_that_the_group_with_the_user_s_name_can_write_is_read() {
    // For example, `games` has the ids 5 and 60 on Debian.
    let ids = |file: &str| -> BTreeMap<String, u32> {
        let text = fs::read_to_string(file).unwrap_or_default();
        let fields = text.lines().map(|line| Vec::from_iter(line.split(':')));
        fields
            .filter_map(|fields| Some((fields.first()?.to_string(), fields.get(2)?.parse().ok()?)))
            .collect()
    };
    let groups = ids("/etc/group");
    let users = ids("/etc/passwd").into_iter();
    let mut private = users.filter_map(|(name, user)| Some((user, *groups.get(&name)?)));
    let Some((user, group)) = private.find(|(user, group)| user != group) else {
        return skip::skipped(
            "a private group whose id differs from that of its user: this system doesn't have one",
        );
    };
    let run = or_skip!(run_as(user, group));
    run.launched().has("A", "v");
}

#[test]
fn a_launch_in_a_directory_that_cannot_be_opened_fails_only_without_an_entry() {
    let user = or_skip!(skip::as_nobody());
    let locked_out = || {
        let sandbox = Sandbox::new()
            .file("locked/secrets-exec.yaml", DECLARATION)
            .mode("locked", 0o700)
            .file(
                "local.json",
                format!(r#"{{ "x": "{CANARY}", "ssm:/p": "{CANARY}" }}"#),
            );
        let enters = format!("cd locked && exec {} \"$@\"", user.join(" "));
        let local = sandbox.path("local.json");
        sandbox
            .prepared_by(&enters)
            .env("SECRETS_EXEC_LOCAL", local)
    };
    let run = locked_out().resolve("A=x").spawn_copy().wait();
    run.launched().has("A", CANARY);
    let note = "note: the working directory can't be searched";
    run.says([note]);
    let without_file = locked_out().arg("--no-file").resolve("A=x");
    let run = without_file.spawn_copy().wait();
    run.launched().says_nothing_of(note);
    let resolved = locked_out().env("A", "{{resolve:ssm:/p}}");
    let run = resolved.args(["--resolve-env", "A"]).spawn_copy().wait();
    run.launched().has("A", CANARY);
    let run = locked_out().spawn_copy().wait();
    run.refused(
        64,
        ["no secrets-exec.yaml, .yml or .json was read in", "-f FILE"],
    );
}
