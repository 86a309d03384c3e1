//! The commands of README.md and of the pages to look something up, and `make demo`.

use super::links::pages;
use super::page::Page;
use crate::support::*;

/// The directory in which the commands of README.md run. It has the declaration that the first
/// command shows, and its secret. `node` prints the line that the page shows if it gets the values,
/// and otherwise its environment.
pub fn first_screen(readme: &Page) -> Sandbox {
    let consoles = readme.consoles();
    let (command, declaration) = &consoles[0].commands[0];
    assert_eq!(command, "cat secrets-exec.yaml");
    let node = "#!/bin/sh\n[ -n \"$DB_HOST\" ] && [ -n \"$DB_PASSWORD\" ] && [ \"$*\" = app.js ] && echo listening on port 8080 || env\n";
    readme
        .with_secrets("prod/db: { host: host-4c7a1e, password: password-4c7a1e }\n")
        .file("secrets-exec.yaml", declaration)
        .executable("bin/node", node)
}

/// The `sh` blocks, and the paragraphs that are indented as code, that launch something.
fn launches(page: &str) -> Vec<String> {
    let text = repository_file(page);
    let page = Page::read(page);
    let is_code = |paragraph: &&str| paragraph.lines().all(|line| line.starts_with("    "));
    let starts = ["secrets-exec \\", "secrets-exec -"];
    let is_start = |line: &str| starts.iter().any(|start| line.trim().starts_with(start));
    let is_launch = |paragraph: &&str| paragraph.lines().any(is_start);
    let paragraphs = text.split("\n\n").filter(is_code);
    let code = paragraphs.chain(page.blocks("sh"));
    code.filter(is_launch).map(str::to_owned).collect()
}

/// Runs a command of a page with the secrets of a local file. `node` and `app` are programs that
/// print their names.
fn run(command: &str) -> String {
    let secrets = format!(
        r#"{{
          "prod/db": {{ "host": "db.example.com", "username": "user-4c7a1e", "password": "{CANARY}" }},
          "prod/app": {{ "key": "value-4c7a1e" }}, "prod/stripe": {{ "api_key": "value-4c7a1e" }},
          "prod/tls": {{ "key": "value-4c7a1e" }}, "ssm:/prod/app/db/host": "db.example.com",
          "prod/api-token": "value-4c7a1e"
        }}"#
    );
    let sandbox = Page::read("README.md")
        .sandbox()
        .file("secrets-exec.yaml", "env: {}\n")
        .file("local.json", secrets)
        .env("SECRETS_EXEC_LOCAL", "local.json")
        .executable("bin/node", "#!/bin/sh\necho node \"$@\"\n")
        .executable("bin/app", "#!/bin/sh\n[ -s \"$2\" ] && echo app \"$1\"\n");
    let run = sandbox.prepared_by(&script(command)).run();
    run.launched().stdout()
}

#[test]
fn the_launches_in_the_readme_and_on_the_pages_to_look_up_start_their_commands() {
    let pages = ["README.md", "docs/declaration.md", "docs/options.md"];
    let launches = pages.map(launches).concat();
    assert!(launches.len() >= 4, "{launches:#?}");
    for launch in launches {
        let printed = run(&launch);
        let is_started = ["node app.js\n", "app --tls-key-file\n"].contains(&&*printed);
        assert!(is_started, "{launch}: {printed}");
    }
}

#[test]
fn the_export_of_docs_output_md_sets_the_variable_in_a_shell() {
    let page = repository_file("docs/output.md");
    let (_, export) = page
        .split_once("\n    vars=$(secrets-exec export ")
        .unwrap();
    let export: Vec<&str> = export.lines().take(2).collect();
    let script = format!(
        "vars=$(secrets-exec export {}\necho ${{#DB_PASSWORD}}",
        export.join("\n")
    );
    assert_eq!(run(&script), format!("{}\n", CANARY.len()));
}

/// Each line of a help or a page in which a shell uses the output of `get` or `export`, together
/// with the line after it.
fn substitutions(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let commands = ["$(secrets-exec get ", "$(secrets-exec export "];
    let has_command = |line: &str| commands.iter().any(|command| line.contains(command));
    let pairs = lines.windows(2).map(|pair| (pair[0], pair.join("\n")));
    let pairs = pairs.filter(|(first, _)| !first.contains('`') && has_command(first));
    pairs.map(|(_, both)| both).collect()
}

#[test]
fn a_script_with_a_documented_get_or_export_stops_there_if_the_value_is_missing() {
    let helps = [&["get", "--help"][..], &["export", "--help"], &["man"]].map(|arguments| {
        let run = Sandbox::new().args(arguments).bare().run();
        run.launched_silently().stdout().replace("\\-", "-")
    });
    let pages = pages().into_iter().map(|page| repository_file(&page));
    let texts = helps.into_iter().chain(pages);
    let examples: Vec<String> = texts.flat_map(|text| substitutions(&text)).collect();
    assert!(examples.len() >= 5, "{examples:#?}");
    for example in examples {
        let run = Sandbox::new()
            .declaration("env: { A: prod/gone }")
            .file("local.json", "{}")
            .env("SECRETS_EXEC_LOCAL", "local.json")
            .executable("bin/psql", "#!/bin/sh\necho psql was started\n")
            .prepared_by(&script(&format!("{example}\necho the script went on")))
            .run();
        run.refused(78, []);
        assert_eq!(run.stdout(), "", "{example}");
    }
}

#[test]
fn make_demo_prints_the_variables_and_files_of_the_example() {
    let makefile = repository_file("Makefile");
    let mut lines = makefile.lines();
    let options = lines.find_map(|line| line.strip_prefix("EXAMPLE = "));
    assert!(makefile.contains("$(EXAMPLE) -- sh examples/app.sh"));
    let launch = format!("secrets-exec {} -- sh examples/app.sh", options.unwrap());
    let sandbox = Page::read("README.md").sandbox().prints_values();
    let run = sandbox.prepared_by(&script(&launch)).run();
    let printed = run.launched().stdout();
    assert!(printed.contains("\n  DB_HOST=db.example.com\n"));
    assert!(printed.contains("\n  STRIPE_API_KEY=(14 characters)\n"));
    let files = " (17 bytes)\n  DB_CONFIG_FILE=/proc/self/fd/101 (43 bytes)\n";
    assert!(printed.ends_with(files), "{printed}");
    assert_eq!(printed.matches("(not set)").count(), 1, "{printed}");
}

#[test]
fn the_help_and_the_man_page_name_pages_that_exist() {
    for argument in ["--help", "man"] {
        let run = Sandbox::new().arg(argument).bare().run();
        let printed = run.launched_silently().stdout().replace("\\-", "-");
        let (_, named) = printed.rsplit_once("\nDocumentation: ").unwrap();
        let words = named.split([' ', ',', '\n']);
        let pages: Vec<&str> = words.filter(|word| word.starts_with("docs/")).collect();
        assert!(!pages.is_empty(), "{named}");
        for page in pages {
            repository_file(page);
        }
    }
}
