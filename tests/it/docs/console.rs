//! The blocks of a page, and the commands of its console blocks.

use crate::support::outcome::Outcome;
use crate::support::sandbox::{CANARY, Sandbox, repository_file};

/// The blocks of a language in the order of the page, without the indentation of a list.
pub fn blocks(page: &str, language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let indentation = line.len() - line.trim_start().len();
        if line.trim_start().strip_prefix("```") == Some(language) {
            let block = lines.by_ref().take_while(|line| line.trim_start() != "```");
            blocks.push(block.map(|line| format!("{}\n", line.get(indentation..).unwrap_or_default())).collect());
        } else if line.trim_start().starts_with("```") {
            lines.by_ref().find(|line| line.trim_start() == "```");
        }
    }
    blocks
}

/// A console block: each command, with its output.
pub struct Console {
    pub needs_aws: bool,
    pub commands: Vec<(String, String)>,
}

impl Console {
    pub fn all(page: &str) -> Vec<Self> {
        blocks(page, "console").iter().map(|block| Self::parse(block)).collect()
    }

    fn parse(block: &str) -> Self {
        let mut commands: Vec<(String, String)> = Vec::new();
        for line in block.lines().filter(|line| *line != "# needs AWS") {
            if let Some(command) = line.strip_prefix("$ ") {
                commands.push((command.to_owned(), String::new()));
                continue;
            }
            let (command, output) = commands.last_mut().unwrap_or_else(|| panic!("{block}"));
            let text = if command.ends_with('\\') { command } else { output };
            text.push_str(&format!("{}{line}", if text.is_empty() { "" } else { "\n" }));
        }
        Self { needs_aws: block.lines().any(|line| line == "# needs AWS"), commands }
    }

    /// True if all commands are of this program.
    pub fn is_of(&self, program: &str) -> bool {
        self.commands.iter().all(|(command, _)| command.split(' ').next() == Some(program))
    }
}

/// The commands that this machine can run, with their outputs. The others need AWS, which their block says, or are docker's, and
/// `tests/hosts` runs them.
pub fn runnable(page: &str) -> Vec<(String, String)> {
    let (foreign, own): (Vec<_>, Vec<_>) = Console::all(page).into_iter().partition(|block| block.needs_aws);
    for block in &foreign {
        let tools = ["aws", "kubectl", "zip"];
        let of_tools = |command: &str| tools.iter().any(|tool| command.starts_with(&format!("{tool} ")));
        assert!(block.commands.iter().all(|(command, _)| of_tools(command)), "{:?}", block.commands);
    }
    own.into_iter().filter(|block| !block.is_of("docker")).flat_map(|block| block.commands).collect()
}

/// Runs a command in a shell, with the examples' secrets and these files in the working directory.
pub fn run(command: &str, files: &[(&str, String)]) -> Outcome {
    let secrets = repository_file("examples/secrets.local.yaml").replace("not-a-real-secret", CANARY);
    let sandbox = files.iter().fold(Sandbox::new(), |sandbox, (name, content)| sandbox.file(name, content));
    // The shell's $0 is the program.
    let script = format!("mkdir bin; ln -s \"$0\" bin/secrets-exec; PATH=$PWD/bin:$PATH\n{command}");
    let sandbox = sandbox.file("local.yaml", secrets).env("SECRETS_EXEC_LOCAL", "local.yaml");
    // `policy` takes no local file: it reads nothing.
    let sandbox = if command.contains(" policy ") { sandbox.env_remove("SECRETS_EXEC_LOCAL") } else { sandbox };
    sandbox.through(["/bin/sh", "-c", &script]).bare().run()
}

/// Asserts that the command prints a policy which allows to read the secrets of these names.
pub fn prints_policy(command: &str, files: &[(&str, String)], names: &[&str]) {
    let run = run(command, files);
    let policy = run.launched_silently().document();
    let allowed = policy["Statement"][0]["Resource"].to_string();
    assert_eq!(policy["Statement"][0]["Action"][0], "secretsmanager:GetSecretValue", "{run}");
    for name in names {
        assert!(allowed.contains(&format!("arn:aws:secretsmanager:us-east-1:123456789012:secret:{name}-")), "{run}");
    }
}
