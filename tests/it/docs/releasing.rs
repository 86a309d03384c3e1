//! `RELEASING.md`: the commands for an AWS account, and the command that replaces a placeholder
//! with the account that hosts the repository. Without it, the workflow refuses a release.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::links::pages;
use crate::support::*;

/// The name that the command replaces. It is in two parts, so that the command doesn't change it
/// here.
const PLACEHOLDER: &str = concat!("OW", "NER");

const WORKFLOW: &str = ".github/workflows/release.yml";

/// Runs a script in a folder, without the variables of a git that may have started the tests, and
/// returns whether it succeeds.
fn in_shell(folder: &Path, script: &str) -> bool {
    let mut shell = Command::new("bash");
    shell.args(["-euo", "pipefail", "-c", script]);
    shell.current_dir(folder).env_clear();
    shell.env("PATH", std::env::var_os("PATH").unwrap());
    shell.output().unwrap().status.success()
}

/// The command of RELEASING.md, which has two lines.
fn replacement() -> String {
    let releasing = repository_file("RELEASING.md");
    let lines = releasing.lines();
    let command = lines.skip_while(|line| !line.contains("git grep -lw "));
    let command: Vec<&str> = command.take(2).collect();
    command.join("\n").replace("ACCOUNT", "acme")
}

/// The step of the workflow that looks for the name.
fn release_check() -> String {
    let workflow = repository_file(WORKFLOW);
    let mut steps = workflow
        .lines()
        .filter_map(|line| line.trim().strip_prefix("run: "));
    steps
        .find(|step| step.contains("git grep "))
        .unwrap()
        .trim_matches('"')
        .to_owned()
}

#[test]
fn a_release_is_refused_until_the_command_of_releasing_md_has_replaced_the_owner_on_every_page() {
    if !skip::can(&["git", "--version"], "the owner's name") {
        return;
    }
    let directory = Directory::new();
    let folder = directory.path();
    fs::create_dir_all(folder.join("docs")).unwrap();
    fs::create_dir_all(folder.join(WORKFLOW).parent().unwrap()).unwrap();
    let files = [WORKFLOW.to_owned(), "Cargo.toml".to_owned()];
    for file in pages().into_iter().chain(files) {
        fs::write(folder.join(&file), repository_file(&file)).unwrap();
    }
    let page = folder.join("page.md");
    let sentence =
        format!("Replace {PLACEHOLDER} with the GitHub account that hosts the repository.");
    let text = format!("gh:{PLACEHOLDER}/x, CAP_F{PLACEHOLDER}\n\n{sentence}\n\nThe end.\n");
    fs::write(&page, text).unwrap();
    assert!(in_shell(folder, "git init --quiet && git add ."));

    let check = release_check();
    assert!(!in_shell(folder, &check), "{check}");
    let command = replacement();
    assert!(in_shell(folder, &command), "{command}");
    assert!(in_shell(folder, &check), "{check}");

    let text = fs::read_to_string(page).unwrap();
    let expected = format!("gh:acme/x, CAP_F{PLACEHOLDER}\n\nThe end.\n");
    assert_eq!(text, expected);
    for page in pages() {
        let text = fs::read_to_string(folder.join(&page)).unwrap();
        let explains = text.to_lowercase().contains("replace acme");
        assert!(
            !explains,
            "{page} explains the name in a paragraph of several lines"
        );
    }
}

#[test]
fn the_help_and_the_man_page_name_pages_that_exist_instead_of_an_address() {
    let short = Sandbox::new().arg("-h").bare().run();
    let short = short.launched_silently().stdout();
    assert!(
        short.ends_with("\nDocumentation: man secrets-exec\n"),
        "{short}"
    );
    let manifest = repository_file("Cargo.toml");
    let installed = "usr/share/doc/secrets-exec";
    assert!(manifest.contains(&format!("\"{installed}/docs/\"")));
    for argument in ["--help", "man"] {
        let run = Sandbox::new().arg(argument).bare().run();
        let printed = run.launched_silently().stdout().replace("\\-", "-");
        let (_, named) = printed.rsplit_once("\nDocumentation: ").unwrap();
        assert!(named.contains(&format!("/{installed}")), "{named}");
        let words = named.split([' ', ',', '\n']);
        let pages: Vec<&str> = words.filter(|word| word.starts_with("docs/")).collect();
        assert!(!pages.is_empty(), "{named}");
        for page in pages {
            repository_file(page);
        }
        assert!(!printed.contains("github.com"), "{argument}");
    }
}

#[test]
fn the_five_commands_for_an_aws_account_name_targets_options_and_files_that_exist() {
    let page = repository_file("RELEASING.md");
    let (_, section) = page.split_once("\n## Run it in an AWS account").unwrap();
    let mut paragraphs = section.split("\n\n");
    let commands = paragraphs.find(|paragraph| paragraph.starts_with("    "));
    let commands = commands.unwrap().replace("\\\n", "");
    assert_eq!(commands.lines().count(), 5, "{commands}");
    let readme = repository_file("README.md").replace('\n', " ");
    assert!(readme.contains("[five commands](RELEASING.md#"));

    let makefile = repository_file("Makefile");
    let after = |text: &'static str| {
        let rests = commands.split(text).skip(1);
        rests.filter_map(|rest| rest.split([' ', '"', '\n']).next())
    };
    let targets: Vec<&str> = after("make ").collect();
    assert_eq!(targets, ["release", "test-aws", "test"]);
    for target in targets {
        assert!(makefile.contains(&format!("\n{target}:")), "{target}");
    }
    assert_eq!(after("file://").map(repository_file).count(), 1);
    assert!(repository_file("tests/aws/run").contains("\"--record\""));
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in after("--record ").chain(after("git add ")) {
        assert!(root.join(folder).is_dir(), "{folder}");
    }
}
