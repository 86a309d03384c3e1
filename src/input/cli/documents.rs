//! The completions of a shell and the man page, from the same tables as `--help`.

use clap_complete::Shell;
use clap_mangen::Man;

use super::subcommand::{Subcommand, whole_command};

/// Returns the script that a shell reads. The name is one of those that clap accepts.
pub fn completions(shell: &str) -> String {
    let shell = match shell {
        "zsh" => Shell::Zsh,
        "fish" => Shell::Fish,
        _ => Shell::Bash,
    };
    text(|buffer| {
        clap_complete::generate(shell, &mut whole_command(), "secrets-exec", buffer);
        Ok(())
    })
}

/// Returns the man page in roff, with a section for each command.
pub fn man_page() -> String {
    text(|buffer| {
        Man::new(whole_command()).render(buffer)?;
        Subcommand::ALL
            .into_iter()
            .try_for_each(|subcommand| Man::new(subcommand.command()).render_options_section(buffer))
    })
}

/// Collects what `write` writes, which is UTF-8. Writing to memory does not fail.
fn text(write: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>) -> String {
    let mut buffer = Vec::new();
    let _ = write(&mut buffer);
    String::from_utf8_lossy(&buffer).into_owned()
}
