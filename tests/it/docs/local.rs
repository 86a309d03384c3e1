//! `docs/local.md`.

use super::page::Page;
use crate::support::*;

/// A fake `docker`, which complains unless it would start the services with their variables.
pub const DOCKER: &str = "#!/bin/sh\n[ \"$*\" = 'compose up' ] && [ -n \"$DB_HOST\" ] && [ -n \"$DB_PASSWORD\" ] || echo not so\n";

#[test]
fn the_envrc_of_docs_local_md_loads_the_values_for_direnv() {
    let script = script("watch_file() { :; }\n. ./.envrc && echo \"$DB_HOST $CACHE_URL\"");
    let run = Page::read("docs/local.md")
        .sandbox()
        .prints_values()
        .prepared_by(&script)
        .run();
    run.launched_silently()
        .printed("localhost redis://localhost\n");
}

#[test]
fn the_envrc_of_docs_local_md_fails_with_78_if_a_value_is_missing() {
    let script = script("watch_file() { :; }\n. ./.envrc; echo loaded");
    let run = Page::read("docs/local.md")
        .sandbox()
        .file("secrets.local.yaml", "{}")
        .prepared_by(&script)
        .run();
    run.refused(78).says(["prod/db"]);
}
