//! `docs/local.md`.

use super::page::Page;
use crate::support::*;

/// A fake `docker`, which complains unless it would start the services with their variables.
pub const DOCKER: &str = "#!/bin/sh\n[ \"$*\" = 'compose up' ] && [ -n \"$DB_HOST\" ] && [ -n \"$DB_PASSWORD\" ] || echo not so\n";

/// Loads the `.envrc` of the page, with these secrets, and runs a command.
fn with_envrc(secrets: Option<&str>, command: &str) -> Outcome {
    let sandbox = Page::read("docs/local.md").sandbox().prints_values();
    let sandbox = secrets.into_iter().fold(sandbox, |sandbox, secrets| {
        sandbox.file("secrets.local.yaml", secrets)
    });
    let script = script(&format!("watch_file() {{ :; }}\n. ./.envrc{command}"));
    sandbox.prepared_by(&script).run()
}

#[test]
fn the_envrc_of_docs_local_md_loads_the_values_for_direnv() {
    let run = with_envrc(None, " && echo \"$DB_HOST $CACHE_URL\"");
    run.launched_silently()
        .printed("localhost redis://localhost\n");
}

#[test]
fn the_envrc_of_docs_local_md_fails_with_78_if_a_value_is_missing() {
    let run = with_envrc(Some("{}"), "; echo loaded");
    run.refused(78, ["prod/db"]);
}
