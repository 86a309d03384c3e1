//! A page of the documentation, and its blocks of code.
//!
//! - A block whose first line is `# NAME` is the file NAME, if the name has a dot.
//! - A `console` block has commands, each after `$ `, and below them what they print.
//! - A block with the line `# needs AWS` is not run.

use std::fmt::Write;

use crate::support::sandbox::{Sandbox, repository_file};

const NEEDS_AWS: &str = "# needs AWS";

/// A byte that no output holds.
const END_OF_BLOCK: char = '\u{1}';

pub struct Block {
    language: String,
    pub text: String,
}

impl Block {
    /// The file that the block shows.
    pub fn file(&self) -> Option<&str> {
        let name = self.text.lines().next()?.strip_prefix("# ")?;
        (name.contains('.') && !name.contains(' ')).then_some(name)
    }

    fn needs_aws(&self) -> bool {
        self.text.lines().any(|line| line == NEEDS_AWS)
    }

    /// The lines of a workflow's steps that are commands.
    pub fn steps(&self) -> String {
        let lines = self.text.lines().map(str::trim).filter_map(|line| {
            let step = line.strip_prefix("- ")?;
            let step = step.strip_prefix("run: ").unwrap_or(step);
            ["printf ", "secrets-exec "].iter().any(|command| step.starts_with(command)).then_some(step)
        });
        lines.fold(String::new(), |script, line| script + line + "\n")
    }

    /// The commands of a `console` block, and what they print.
    fn session(&self) -> (String, String) {
        let (mut commands, mut output) = (String::new(), String::new());
        let mut continues = false;
        for line in self.text.lines() {
            let command = if continues { Some(line) } else { line.strip_prefix("$ ") };
            continues = command.is_some_and(|command| command.ends_with('\\'));
            match command {
                Some(command) => writeln!(commands, "{command}").unwrap(),
                None => writeln!(output, "{line}").unwrap(),
            }
        }
        (commands, output)
    }
}

/// The blocks of a page.
pub fn blocks(page: &str) -> Vec<Block> {
    let text = repository_file(page);
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(language) = line.trim_start().strip_prefix("```") else { continue };
        let indent = line.len() - line.trim_start().len();
        let body = lines.by_ref().take_while(|line| line.trim_start() != "```");
        let text = body.map(|line| line.get(indent..).unwrap_or_default().to_owned() + "\n").collect();
        blocks.push(Block { language: language.to_owned(), text });
    }
    blocks
}

/// A sandbox with the examples, the files of a page, and shell scripts in which `secrets-exec` is the program.
pub fn sandbox(page: &str) -> Sandbox {
    let mut sandbox = Sandbox::new().bare().prints_values().target_writes_stderr();
    for example in ["secrets-exec.yaml", "secrets.local.yaml", "task-definition.json", "app.sh"] {
        let example = format!("examples/{example}");
        sandbox = sandbox.file(&example, repository_file(&example));
    }
    blocks(page)
        .iter()
        .filter_map(|block| Some((block.file()?, block)))
        .fold(sandbox, |sandbox, (name, block)| sandbox.file(name, &block.text))
}

/// A script for [`Sandbox::prepared_by`], in which `secrets-exec` is the program, before all other programs.
pub fn script(commands: &str) -> String {
    format!("mkdir -p bin && ln -sf \"$1\" bin/secrets-exec && PATH=$PWD/bin:$PATH\n{commands}")
}

/// Runs the `console` blocks of a page, in one directory, and asserts that each prints what the page says.
pub fn runs(page: &str, sandbox: Sandbox) {
    let blocks = blocks(page);
    let consoles = blocks.iter().filter(|block| block.language == "console");
    let sessions: Vec<_> = consoles.filter(|block| !block.needs_aws()).map(Block::session).collect();
    assert!(!sessions.is_empty(), "{page} has no commands");
    let commands = sessions
        .iter()
        .fold(String::new(), |script, (commands, _)| script + "(\n" + commands + ") 2>&1\nprintf '\\001'\n");
    let run = sandbox.prepared_by(&script(&commands)).run();
    let printed = run.launched().stdout();
    let mut printed = printed.split(END_OF_BLOCK);
    for (commands, output) in &sessions {
        assert_eq!(printed.next(), Some(output.as_str()), "{page}:\n{commands}");
    }
}
