//! Failures to lines on standard error, with what to do about them, and to an exit status; the only place that punctuates.

use std::io::Write;

/// Writes lines to standard error, each with our name before it. A write that fails is ignored.
///
/// Control characters, and those that change the direction of text or have no width, are escaped: a name, a path or a server's
/// message can neither end the line nor disguise it.
pub fn say(lines: impl IntoIterator<Item = String>) {
    let mut text = String::new();
    for line in lines {
        text.push_str("secrets-exec: ");
        line.chars().for_each(|c| match c {
            // Printable, though `escape_debug` escapes them.
            '\'' | '"' | '\\' => text.push(c),
            // Letters without any ink (Default_Ignorable_Code_Point of Unicode), and the empty pattern of Braille.
            '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}' => {
                text.extend(c.escape_unicode());
            }
            c => text.extend(c.escape_debug()),
        });
        text.push('\n');
    }
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Writes a text to standard output.
pub fn print(text: &str) {
    let mut stdout = std::io::stdout();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}
