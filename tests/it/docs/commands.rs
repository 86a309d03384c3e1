//! The commands of README.md and docs/reference.md, and `make demo`.

use super::links::pages;
use super::page::Page;
use crate::support::*;

/// The paragraphs that are indented as code and launch something.
fn launches(page: &str) -> Vec<String> {
    let text = repository_file(page);
    let paragraphs = text
        .split("\n\n")
        .filter(|paragraph| paragraph.lines().all(|line| line.starts_with("    ")));
    let launch = |paragraph: &&str| {
        paragraph.lines().any(|line| {
            line.trim() == "secrets-exec \\" || line.trim().starts_with("secrets-exec -")
        })
    };
    paragraphs.filter(launch).map(str::to_owned).collect()
}

/// Runs a command of a page with the secrets of a local file. `node` and `app` are programs that
/// print their names.
fn run(command: &str) -> String {
    let secrets = format!(
        r#"{{
          "prod/db": {{ "$stages": {{
            "AWSCURRENT": {{ "host": "db.example.com", "username": "user-4c7a1e", "password": "{CANARY}" }},
            "AWSPREVIOUS": {{ "password": "{CANARY}" }}
          }} }},
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
    sandbox
        .prepared_by(&script(command))
        .run()
        .launched()
        .stdout()
}

#[test]
fn the_launches_in_the_readme_and_the_reference_start_their_commands() {
    let launches: Vec<String> = ["README.md", "docs/reference.md"]
        .into_iter()
        .flat_map(launches)
        .collect();
    assert!(launches.len() >= 4, "{launches:#?}");
    for launch in launches {
        let printed = run(&launch);
        assert!(
            printed == "node app.js\n" || printed == "app --tls-key-file\n",
            "{launch}: {printed}"
        );
    }
}

#[test]
fn the_export_of_docs_reference_md_sets_the_variable_in_a_shell() {
    let reference = repository_file("docs/reference.md");
    let export: Vec<&str> = reference
        .lines()
        .skip_while(|line| !line.starts_with("    vars=$(secrets-exec export "))
        .take(2)
        .collect();
    assert_eq!(
        run(&format!("{}\necho ${{#DB_PASSWORD}}", export.join("\n"))),
        format!("{}\n", CANARY.len())
    );
}

/// Each line of a help or a page in which a shell uses the output of `get` or `export`, together
/// with the line after it.
fn substitutions(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let commands = ["$(secrets-exec get ", "$(secrets-exec export "];
    lines
        .windows(2)
        .filter(|pair| {
            !pair[0].contains('`') && commands.iter().any(|command| pair[0].contains(command))
        })
        .map(|pair| pair.join("\n"))
        .collect()
}

#[test]
fn a_script_with_a_documented_line_of_get_or_export_stops_there_if_the_value_is_missing() {
    let helps = [&["get", "--help"][..], &["export", "--help"], &["man"]].map(|arguments| {
        let run = Sandbox::new().args(arguments).bare().run();
        run.launched_silently().stdout().replace("\\-", "-")
    });
    let pages = pages().into_iter().map(|page| repository_file(&page));
    let examples: Vec<String> = helps
        .into_iter()
        .chain(pages)
        .flat_map(|text| substitutions(&text))
        .collect();
    assert!(examples.len() >= 5, "{examples:#?}");
    for example in examples {
        let run = Sandbox::new()
            .declaration("env: { A: prod/gone }")
            .file("local.json", "{}")
            .env("SECRETS_EXEC_LOCAL", "local.json")
            .executable("bin/psql", "#!/bin/sh\necho psql was started\n")
            .prepared_by(&script(&format!("{example}\necho the script went on")))
            .run();
        run.refused(78);
        assert_eq!(run.stdout(), "", "{example}");
    }
}

#[test]
fn make_demo_prints_the_variables_and_files_of_the_example() {
    let makefile = repository_file("Makefile");
    let options = makefile
        .lines()
        .find_map(|line| line.strip_prefix("EXAMPLE = "))
        .unwrap();
    assert!(makefile.contains("$(EXAMPLE) -- sh examples/app.sh"));
    let sandbox: Sandbox = Page::read("README.md").sandbox().prints_values();
    let printed = sandbox
        .prepared_by(&script(&format!(
            "secrets-exec {options} -- sh examples/app.sh"
        )))
        .run();
    let printed = printed.launched().stdout();
    assert!(
        printed.contains("\n  DB_HOST=db.example.com\n")
            && printed.contains("\n  STRIPE_API_KEY=(14 characters)\n")
    );
    assert!(
        printed.ends_with(" (17 bytes)\n  DB_CONFIG_FILE=/proc/self/fd/101 (43 bytes)\n"),
        "{printed}"
    );
    assert_eq!(printed.matches("(not set)").count(), 1, "{printed}");
}
