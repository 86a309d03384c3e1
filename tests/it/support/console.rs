//! A block of a console: commands, each after `$ `, and below each what it prints.

pub struct Console {
    /// The lines that begin with `#`, before the first command.
    pub prose: String,
    /// Each command, and what it prints.
    pub commands: Vec<(String, String)>,
}

impl Console {
    /// Reads a block. A command goes on after `\`, and on the lines that begin with `>`, as a shell shows them.
    pub fn parse(block: &str) -> Self {
        let (mut prose, mut commands) = (String::new(), Vec::<(String, String)>::new());
        for line in block.lines() {
            if let Some(command) = line.strip_prefix("$ ") {
                commands.push((command.to_owned(), String::new()));
                continue;
            }
            let Some((command, output)) = commands.last_mut() else {
                assert!(line.starts_with('#'), "output without a command: {block}");
                prose.extend([line, "\n"]);
                continue;
            };
            if let (Some(more), true) = (line.strip_prefix('>'), output.is_empty()) {
                command.extend(["\n", more.strip_prefix(' ').unwrap_or(more)]);
            } else if command.ends_with('\\') {
                command.extend(["\n", line]);
            } else {
                output.extend([line, "\n"]);
            }
        }
        Self { prose, commands }
    }

    /// True if all commands are of this program.
    pub fn is_of(&self, program: &str) -> bool {
        self.commands.iter().all(|(command, _)| command.split(' ').next() == Some(program))
    }
}

/// A script for [`Sandbox::prepared_by`](super::sandbox::Sandbox::prepared_by), in which `secrets-exec` is the program, before all other
/// programs.
pub fn script(commands: &str) -> String {
    format!("mkdir -p bin && ln -sf \"$1\" bin/secrets-exec && PATH=$PWD/bin:$PATH\n{commands}")
}
