//! docs/migrating.md: its declarations resolve, and its script and its declaration set the same
//! variables.

use serde_json::Value;

use super::page::Page;
use crate::support::*;

/// The secrets of the page, for `--local`.
pub const SECRETS: &str = r#"
prod/db: { host: db.example.com, password: p@ss/word }
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

/// A sandbox with the declaration of the page and with the programs that its script starts.
fn with_programs(page: &Page) -> Sandbox {
    let sandbox = Sandbox::new()
        .prints_values()
        .executable("bin/aws", CLI.replace("TOKEN", CANARY))
        .executable("bin/node", format!("#!/bin/sh\n{SHOW}\n"))
        .file("local.yaml", SECRETS.replace("not-a-real-token", CANARY))
        .declaration(page.block_from("yaml", "# secrets-exec.yaml\n"));
    let search_path = format!("{}:/usr/bin:/bin", sandbox.path("bin").display());
    sandbox.env("PATH", search_path)
}

/// The script of the page, which writes its file to the working directory.
fn start_script(page: &Page) -> String {
    page.block_from("sh", "# start.sh\n")
        .replace("/tmp/tls.key", "tls.key")
}

#[test]
fn the_old_script_and_the_declaration_of_docs_migrating_md_give_the_same_values() {
    if !has_jq() {
        return;
    }
    let page = Page::read("docs/migrating.md");
    let before = with_programs(&page).script(&start_script(&page)).control();
    let after = with_programs(&page)
        .args(["--local", "local.yaml"])
        .command(["node"]);
    // The CLI ends each value with a line feed.
    let before = before.launched().stdout();
    assert_eq!(before.trim_end(), after.run().launched().stdout());
}

#[test]
fn the_diff_of_docs_migrating_md_shows_only_paths_of_files_for_a_script_of_bash() {
    if !has_jq() {
        return;
    }
    let page = Page::read("docs/migrating.md");
    let script = start_script(&page).replace("exec node", "[[ $DB_HOST ]] || exit\nexec node");
    let mut commands = page
        .consoles()
        .into_iter()
        .flat_map(|console| console.commands);
    let diff = commands.find(|(command, _)| command.starts_with("diff "));
    let launcher = format!(
        "#!/bin/sh\nexec '{}' -q --local local.yaml \"$@\"\n",
        program().display()
    );
    let sandbox = with_programs(&page)
        .file("start.sh", script)
        .executable("bin/secrets-exec", launcher)
        .command(["bash", "-c", &diff.unwrap().0]);
    let run = sandbox.control();
    let mut differences = Vec::from_iter(run.stdout().lines().map(str::to_owned));
    differences.retain(|line| line.starts_with(['<', '>']));
    assert!(!differences.is_empty(), "{run}");
    for line in differences {
        let is_path = line[2..].starts_with("TLS_KEY_FILE=") || line[2..].starts_with("_=");
        assert!(is_path, "{line}\n{run}");
    }
}

#[test]
fn the_declarations_of_docs_migrating_md_are_valid() {
    let page = Page::read("docs/migrating.md");
    let blocks = page.blocks("yaml");
    assert!(blocks.len() >= 2, "{blocks:?}");
    for block in blocks {
        let sandbox = Sandbox::new()
            .file("alias.yaml", "secrets: { app: prod/app }\n")
            .file("block.yaml", block);
        let options = "check --offline -f alias.yaml -f block.yaml";
        sandbox.args(options.split(' ')).bare().run().launched();
    }
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
