//! A page of the documentation: its sections, and its blocks of code, whose commands can run.
//!
//! - A block whose first line is `# NAME` is the file NAME, if the name has a dot.
//! - A `bash` block has commands to type. If a `text` block follows it directly, that is what the
//!   last command prints. A command continues on a line that is indented, or after `\` or `|`.
//! - In a `console` block, each command comes after `$ `, and what it prints comes below it.
//! - A block of ```` ```bash aws ````, or a `console` block with `# needs AWS credentials`, doesn't
//!   run. Neither does a block of docker, which `tests/hosts` runs.
//! - Any other `text` block is a sample, which `samples.rs` compares. In it, `…` stands for
//!   whatever the page leaves out. Text that isn't output is in a block without a language.

use std::fs;

use regex_lite::Regex;
use serde_json::Value;

use crate::support::console::Console;
use crate::support::*;

const NEEDS_AWS: &str = "# needs AWS credentials\n";

/// The line that each launch with [`Page::with_secrets`] prints, and that the pages leave out.
const LOCAL: &str =
    "secrets-exec: warning: secrets are read from local.yaml, not from AWS (SECRETS_EXEC_LOCAL)\n";

/// A byte that no output contains.
const END_OF_BLOCK: char = '\u{1}';

pub struct Page {
    pub path: String,
    text: String,
    blocks: Vec<Block>,
}

struct Block {
    language: String,
    /// The word after the language.
    note: String,
    text: String,
    /// True if there are only blank lines between the previous block and this one.
    follows_a_block: bool,
}

impl Block {
    /// The commands of a `bash` or `console` block, without the output that another block shows.
    fn console(&self) -> Option<Console> {
        match self.language.as_str() {
            "console" => Some(Console::parse(&self.text)),
            "bash" => Some(Console {
                prose: NEEDS_AWS.repeat(usize::from(self.note == "aws")),
                commands: typed_commands(&self.text),
            }),
            _ => None,
        }
    }
}

/// The commands of a `bash` block, each without output.
fn typed_commands(text: &str) -> Vec<(String, String)> {
    let mut commands = Vec::<(String, String)>::new();
    for line in text.lines() {
        match commands.last_mut() {
            Some((command, _)) if line.starts_with(' ') || command.ends_with(['\\', '|']) => {
                command.extend(["\n", line]);
            }
            _ => commands.push((line.to_owned(), String::new())),
        }
    }
    commands
}

impl Page {
    pub fn read(path: &str) -> Self {
        let text = repository_file(path);
        let mut blocks = Vec::new();
        let mut lines = text.lines();
        let mut follows_a_block = false;
        while let Some(line) = lines.next() {
            let Some(info) = line.trim_start().strip_prefix("```") else {
                follows_a_block &= line.trim().is_empty();
                continue;
            };
            let (language, note) = info.split_once(' ').unwrap_or((info, ""));
            let indent = line.len() - line.trim_start().len();
            let body = lines.by_ref().take_while(|line| line.trim_start() != "```");
            let text = body
                .map(|line| line.get(indent..).unwrap_or_default().to_owned() + "\n")
                .collect();
            blocks.push(Block {
                language: language.to_owned(),
                note: note.to_owned(),
                text,
                follows_a_block,
            });
            follows_a_block = true;
        }
        Self {
            path: path.to_owned(),
            text,
            blocks,
        }
    }

    /// The section whose heading begins with this text, without the heading.
    pub fn section(&self, heading: &str) -> &str {
        let mut sections = self.text.split("\n## ");
        let section = sections.find_map(|section| section.strip_prefix(heading));
        section.unwrap_or_else(|| panic!("no {heading:?}"))
    }

    /// The page without its blocks of code.
    pub fn prose(&self) -> String {
        self.text.split("```").step_by(2).collect()
    }

    /// The blocks in this language, in the order of the page.
    pub fn blocks(&self, language: &str) -> Vec<&str> {
        let blocks = self.blocks.iter();
        let blocks = blocks.filter(|block| block.language == language);
        blocks.map(|block| block.text.as_str()).collect()
    }

    /// The first block in this language that begins with this text.
    pub fn block_from(&self, language: &str, start: &str) -> &str {
        let mut blocks = self.blocks(language).into_iter();
        let block = blocks.find(|block| block.starts_with(start));
        block.unwrap_or_else(|| panic!("{}: no block from {start}", self.path))
    }

    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.blocks.iter().filter_map(|block| {
            let name = block.text.lines().next()?.strip_prefix("# ")?;
            (name.contains('.') && !name.contains(' ')).then_some((name, block.text.as_str()))
        })
    }

    /// The blocks of output that neither [`Self::runs`] nor `tests/hosts` compares.
    pub fn samples(&self) -> Vec<&str> {
        let mut samples = Vec::new();
        let mut above_is_run = false;
        for block in &self.blocks {
            let is_compared = above_is_run && block.follows_a_block;
            if block.language == "text" && !is_compared {
                samples.push(block.text.as_str());
            }
            let console = block.console();
            above_is_run = console.is_some_and(|console| console.prose != NEEDS_AWS);
        }
        samples
    }

    pub fn consoles(&self) -> Vec<Console> {
        let mut consoles = Vec::new();
        for (number, block) in self.blocks.iter().enumerate() {
            let Some(mut console) = block.console() else {
                continue;
            };
            let output = self
                .blocks
                .get(number + 1)
                .filter(|next| next.language == "text" && next.follows_a_block);
            if let (Some(output), Some((_, printed))) = (output, console.commands.last_mut()) {
                printed.push_str(&output.text);
            }
            consoles.push(console);
        }
        consoles
    }

    /// A sandbox with the examples and the files of the page, for [`Self::runs`] or a [`script`].
    pub fn sandbox(&self) -> Sandbox {
        let mut sandbox = Sandbox::new().bare();
        for name in [
            "examples/secrets-exec.yaml",
            "examples/secrets.local.yaml",
            "examples/task-definition.json",
            "examples/app.sh",
        ] {
            sandbox = sandbox.file(name, repository_file(name));
        }
        let files = self.files();
        files.fold(sandbox, |sandbox, (name, text)| sandbox.file(name, text))
    }

    /// The sandbox of the page, in which launches read these secrets.
    pub fn with_secrets(&self, secrets: &str) -> Sandbox {
        self.sandbox()
            .file("local.yaml", secrets)
            .env("SECRETS_EXEC_LOCAL", "local.yaml")
    }

    /// The sandbox of the page, in which launches read the secrets of the examples.
    pub fn with_examples(&self) -> Sandbox {
        self.with_secrets(&repository_file("examples/secrets.local.yaml"))
    }

    /// Runs the blocks of commands in one directory, each in its own shell, and asserts that they
    /// print what the page shows.
    pub fn runs(&self, sandbox: Sandbox) -> Sandbox {
        let mut own = self.consoles();
        own.retain(|console| console.prose != NEEDS_AWS && !console.is_of("docker"));
        let commands: String = own.iter().map(in_a_shell).collect();
        let sandbox = sandbox.prepared_by(&script(&commands));
        let sandbox = sandbox.prints_values();
        let run = sandbox.run();
        let printed = run.launched().stdout().replace(LOCAL, "");
        let mut printed = printed.split(END_OF_BLOCK);
        for Console { commands, .. } in own {
            let shown: String = commands.iter().map(|(_, output)| output.as_str()).collect();
            assert_eq!(
                printed.next(),
                Some(&*shown),
                "{}: {commands:#?}",
                self.path
            );
        }
        sandbox
    }
}

/// A line without version ids, ages and times, which are different in each run, and with single
/// spaces.
pub fn stable(line: &str) -> String {
    let varying = r"\b([0-9a-f]{8}(-[0-9a-f-]{27})?|[0-9]+( ms|[smhdy]))\b";
    let line = Regex::new(varying).unwrap().replace_all(line, "");
    Vec::from_iter(line.split_whitespace()).join(" ")
}

/// A script of the commands of a block. [`END_OF_BLOCK`] comes after their output.
fn in_a_shell(console: &Console) -> String {
    let commands = console.commands.iter();
    let mut commands: String = commands
        .map(|(command, _)| command.clone() + "\n")
        .collect();
    // `policy` doesn't read secrets, and refuses a local file.
    if commands.contains("secrets-exec policy ") {
        commands.insert_str(0, "unset SECRETS_EXEC_LOCAL\n");
    }
    format!("(\n{commands}) 2>&1\nprintf '\\001'\n")
}

/// Asserts that the commands have written `policy.json`, and that this policy allows reading the
/// secrets of these names.
pub fn wrote_policy(sandbox: &Sandbox, names: &[&str]) {
    let policy = fs::read_to_string(sandbox.path("policy.json")).unwrap();
    let policy: Value = serde_json::from_str(&policy).unwrap();
    let statement = &policy["Statement"][0];
    let action = "secretsmanager:GetSecretValue";
    assert_eq!(statement["Action"][0], action, "{policy}");
    let allowed = statement["Resource"].to_string();
    for name in names {
        let arn = format!("arn:aws:secretsmanager:us-east-1:123456789012:secret:{name}-");
        assert!(allowed.contains(&arn), "{policy}");
    }
}
