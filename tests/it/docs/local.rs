//! `docs/local.md`.

use super::session;
use crate::support::outcome::Status;
use crate::support::skip;

const PAGE: &str = "docs/local.md";

/// Stands in for Docker: complains unless it would start the services with their variables.
const DOCKER: &str =
    "#!/bin/sh\n[ \"$*\" = 'compose up' ] && [ -n \"$DB_HOST\" ] && [ -n \"$DB_PASSWORD\" ] || echo not so\n";

#[test]
fn the_commands_for_local_development_print_what_the_page_says() {
    if !skip::can(&["node", "--version"], "the commands of docs/local.md") {
        return;
    }
    let sandbox = session::sandbox(PAGE).executable("bin/docker", DOCKER).executable("app", "#!/bin/sh\n");
    session::runs(PAGE, sandbox);
}

#[test]
fn the_envrc_for_direnv_loads_the_values() {
    let script = session::script("watch_file() { :; }\n. ./.envrc && echo \"$DB_HOST $LOG_LEVEL\"");
    session::sandbox(PAGE).prepared_by(&script).run().launched_silently().printed("localhost debug\n");
}

#[test]
fn the_envrc_for_direnv_fails_if_a_value_is_missing() {
    let script = session::script("watch_file() { :; }\n. ./.envrc; echo loaded");
    let run = session::sandbox(PAGE).file("secrets.local.yaml", "{}").prepared_by(&script).run();
    run.refused(78).says(["prod/db"]);
    assert_eq!(run.status, Status::Exit(78));
}
