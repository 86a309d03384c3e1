//! A page of `docs/`: its tables, and its console blocks, which run.

use crate::support::sandbox::{CANARY, Sandbox, repository_file};

pub struct Page {
    text: String,
}

impl Page {
    pub fn read(name: &str) -> Self {
        Self { text: repository_file(&format!("docs/{name}")) }
    }

    /// The blocks of this language, in the order of the page.
    pub fn blocks(&self, language: &str) -> Vec<&str> {
        let fence = format!("```{language}\n");
        let parts = self.text.split(&fence).skip(1);
        parts.map(|part| part.split_once("```").unwrap().0).collect()
    }

    /// The section whose heading begins so, without the heading.
    pub fn section(&self, heading: &str) -> &str {
        let (_, rest) = self.text.split_once(&format!("\n## {heading}")).unwrap_or_else(|| panic!("no {heading:?}"));
        rest.split_once("\n## ").map_or(rest, |(section, _)| section)
    }

    /// Runs every console block, and asserts that its commands print what it shows.
    ///
    /// The working directory has `app.sh` of the examples and every block of the page that begins with `# ` and a file's name.
    /// A block with a line `# needs AWS` is not run.
    pub fn runs(&self, secrets: &str) {
        let blocks: Vec<_> =
            self.blocks("console").into_iter().filter(|block| !block.contains("# needs AWS\n")).collect();
        assert!(!blocks.is_empty());
        for block in blocks {
            let mut sandbox = Sandbox::new()
                .file("app.sh", repository_file("examples/app.sh"))
                .file("local.yaml", secrets.replace("not-a-real-token", CANARY))
                .env("SECRETS_EXEC_LOCAL", "local.yaml");
            // A policy is AWS's.
            if block.contains("secrets-exec policy ") {
                sandbox = sandbox.env_remove("SECRETS_EXEC_LOCAL");
            }
            for (name, content) in self.files() {
                sandbox = sandbox.file(name, content);
            }
            // The shell's $0 is the program.
            let script = format!(
                "exec 2>&1; mkdir bin; ln -s \"$0\" bin/secrets-exec; PATH=$PWD/bin:$PATH\n{}",
                commands(block)
            );
            let run = sandbox.through(["/bin/sh", "-c", &script]).bare().target_writes_stderr().run();
            let printed = run.stdout();
            let lines = printed.lines().filter(|line| !line.ends_with("not from AWS (--local)"));
            assert_eq!(lines.collect::<Vec<_>>(), output(block), "{block}\n{run}");
        }
    }

    /// The files that the page shows: blocks whose first line is a comment with a file's name and nothing else.
    fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        let blocks = ["yaml", "sh", "ini"].into_iter().flat_map(|language| self.blocks(language));
        blocks.filter_map(|block| {
            let name = block.lines().next()?.strip_prefix("# ")?;
            (name.contains('.') && !name.contains([' ', '/'])).then_some((name, block))
        })
    }
}

/// The lines of a block that are commands, and the lines that continue them.
fn commands(block: &str) -> String {
    let mut continues = false;
    let mut script = String::new();
    for line in block.lines() {
        let command = line.strip_prefix("$ ").or_else(|| continues.then_some(line));
        if let Some(command) = command {
            script.push_str(command);
            script.push('\n');
        }
        continues = command.is_some_and(|command| command.ends_with('\\'));
    }
    script
}

/// The lines of a block that are output.
fn output(block: &str) -> Vec<&str> {
    let mut continues = false;
    let mut lines = Vec::new();
    for line in block.lines() {
        let is_command = continues || line.starts_with("$ ");
        continues = is_command && line.ends_with('\\');
        if !is_command {
            lines.push(line);
        }
    }
    lines
}
