//! docs/migrating.md: its declarations resolve, and its script and its declaration set the same
//! variables.

use serde_json::Value;

use super::page::Page;
use crate::support::*;

/// The secrets of the page, for `--local`.
pub const SECRETS: &str = r#"
prod/db: { $stages: { AWSCURRENT: { host: db.example.com, password: p@ss/word }, AWSPREVIOUS: { password: x-4c7a1e } } }
prod/api-token: not-a-real-token
ssm:/prod/api-token: not-a-real-token
prod/tls: "key material"
prod/app: { DB_HOST: db.example.com, DB_PASSWORD: p@ss/word }
"#;

/// A fake AWS CLI for the calls of the script.
const CLI: &str = r#"#!/bin/sh
case "$*" in
*prod/db*) echo '{"host":"db.example.com","password":"p@ss/word"}' ;;
*api-token*) echo TOKEN ;;
*prod/tls*) echo 'key material' ;;
*) exit 1 ;;
esac
"#;

/// Returns whether jq is installed. If not, reports the calling test as skipped.
pub fn has_jq() -> bool {
    skip::can(&["jq", "--version"], "docs/migrating.md")
}

/// Prints the variables that both the script and the declaration set, in this order.
const SHOW: &str = "printf '%s\\n' \"$DB_HOST\" \"$DB_PORT\" \"$DB_PASSWORD\" \"$API_TOKEN\" \"$DATABASE_URL\"; cat \"$TLS_KEY_FILE\"";

#[test]
fn the_old_script_and_the_declaration_of_docs_migrating_md_give_the_same_values() {
    if !has_jq() {
        return;
    }
    let page = Page::read("docs/migrating.md");
    let sandbox = || {
        let sandbox = Sandbox::new()
            .prints_values()
            .executable("bin/aws", CLI.replace("TOKEN", CANARY))
            .executable("bin/node", format!("#!/bin/sh\n{SHOW}\n"))
            .file("local.yaml", SECRETS.replace("not-a-real-token", CANARY))
            .declaration(page.blocks("yaml")[0]);
        let search_path = format!("{}:/usr/bin:/bin", sandbox.path("bin").display());
        sandbox.env("PATH", search_path)
    };
    let script = page.blocks("sh")[0].replace("/tmp/tls.key", "tls.key");
    let before = sandbox().script(&script).control();
    let after = sandbox().args(["--local", "local.yaml"]).command(["node"]);
    // The CLI ends each value with a line feed.
    let before = before.launched().stdout();
    assert_eq!(before.trim_end(), after.run().launched().stdout());
}

/// The declaration that the jq command of docs/ecs.md makes from a task definition.
pub fn declaration_of(task_definition: &str) -> Value {
    let page = Page::read("docs/ecs.md");
    let consoles = page.consoles().into_iter();
    let mut commands = consoles.flat_map(|console| console.commands);
    let jq = commands.find(|(command, _)| command.starts_with("jq "));
    let program = jq.unwrap().0.split('\'').nth(1).unwrap().to_owned();
    let sandbox = Sandbox::new().file("task.json", task_definition);
    let sandbox = sandbox.script(&format!("jq '{program}' task.json"));
    sandbox.control().launched().document()
}
