//! Standard error and standard output: the only place that prints.

use std::io::{IsTerminal, Write};

/// Prints lines on standard error, each after `secrets-exec: `. A failing write is ignored.
///
/// Control characters, and those that change the direction of text or have no width, are escaped: a name, a path or a
/// server's message can neither end the line nor disguise it.
pub fn print_lines(lines: impl IntoIterator<Item = String>) {
    let mut text = String::new();
    for line in lines {
        text.push_str("secrets-exec: ");
        line.chars().for_each(|c| match c {
            // Quotes and backslashes, which `escape_debug` would escape, are harmless.
            '\'' | '"' | '\\' => text.push(c),
            // Letters that are rendered as nothing: some of Default_Ignorable_Code_Point, and the blank Braille
            // pattern.
            '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}' => {
                text.extend(c.escape_unicode());
            }
            c => text.extend(c.escape_debug()),
        });
        text.push('\n');
    }
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// True if standard error is a terminal.
pub fn is_watched() -> bool {
    std::io::stderr().is_terminal()
}

/// Prints a text on standard output.
pub fn print(text: &str) {
    let mut stdout = std::io::stdout();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}
