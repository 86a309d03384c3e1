//! The lines on standard error: labels, the order of reason and entries, and colours on a terminal.

use crate::support::*;

#[test]
fn with_v_a_version_that_has_no_stage_is_shown_by_its_version_id() {
    let mut unlabelled = Secret::text("new-4c7a1e").previous(Secret::text("older-4c7a1e"));
    unlabelled.versions[1].stages.clear();
    let aws = Aws::start().secret("x", unlabelled);
    let launch = Sandbox::new().aws(&aws).arg("-v");
    let run = launch.resolve(&format!("A=x:::{PREVIOUS_ID}")).run();
    let said = format!("us-east-1  {PREVIOUS_ID}  ok");
    run.launched().says([&*said]);
}

#[test]
fn check_shows_the_end_of_a_version_id_of_terraform_and_v_shows_all_of_it() {
    let id = "terraform-20261130062738123400000001";
    let aws = Aws::start().secret("x", Secret::text("v-4c7a1e").with_id(id));
    let check = Sandbox::new().aws(&aws).args(["check", "-e", "A=x"]).bare();
    let table = check.run();
    assert!(table.stdout().contains(" 123400000001 "), "{table}");
    let run = Sandbox::new().aws(&aws).arg("-v").resolve("A=x").run();
    run.launched().says([id]);
}

#[test]
fn error_labels_are_coloured_on_a_terminal_unless_it_is_dumb_or_no_color_is_set() {
    let aws = Aws::start().secret("prod/db", Secret::text(r#"{"password":"p-4c7a1e"}"#));
    // The secret has a key with a similar name.
    let launch = || {
        let misspelt = Sandbox::new().aws(&aws).resolve("PASSWORD=prod/db:pasword");
        misspelt.env("TERM", "xterm")
    };
    let on = |size, name, value| {
        let on_terminal = launch().env(name, value).through(terminal(size, "", ""));
        on_terminal.target_writes_stderr().run()
    };
    let coloured = [
        "secrets-exec: \x1b[1;31merror:\x1b[0m the secret \"\x1b[1mprod/db\x1b[0m\" has no key",
        "\x1b[1;36mhelp:\x1b[0m did you mean",
    ];
    on("2x80", "LANG", "C").refused(78, coloured);
    let dumb = on("2x80", "TERM", "dumb");
    dumb.refused(78, ["error: the secret \"prod/db\" has no key"])
        .says_nothing_of("\x1b");
    let narrow = on("2x40", "NO_COLOR", "1");
    narrow.refused(78, []).says_nothing_of("\x1b");
    assert_eq!(narrow.stderr().lines().count(), 3, "{narrow}");
    launch().run().refused(78, []).says_nothing_of("\x1b");
}
