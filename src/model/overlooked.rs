//! Finds what people don't see in a text that secrets-exec interprets: a carriage return from a
//! script with Windows line endings, a space at an end, a no-break space, curly quotes.
//!
//! Arguments, settings, fields of references and keys of a declaration are looked at here before
//! anything else judges them. Otherwise, a message would show two names that look equal, and say
//! that they are different. Values aren't looked at, and neither are the arguments of the command.

use super::quoting::escaped;

/// What is wrong with a text although it looks right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlooked {
    /// Completes a sentence that begins with the place of the text: `ends with a carriage return`.
    pub predicate: String,
    pub help: String,
}

impl Overlooked {
    fn new(predicate: impl Into<String>, help: impl Into<String>) -> Option<Self> {
        Some(Self {
            predicate: predicate.into(),
            help: help.into(),
        })
    }
}

/// Returns the first thing in a text that people overlook. If a text may be empty, the caller has
/// to check that before.
pub fn overlooked(text: &str) -> Option<Overlooked> {
    let (Some(first), Some(last)) = (text.chars().next(), text.chars().next_back()) else {
        let help = "if it comes from a variable in quotes, that variable isn't set";
        return Overlooked::new("is empty", help);
    };
    if text.trim().is_empty() {
        let predicate = format!("is only a {}", name(last));
        let help = "remove what follows the backslash at the end of the line before";
        return Overlooked::new(predicate, help);
    }
    if last == '\r' {
        let help =
            "convert the file with Windows line endings in which it is: sed -i 's/\\r$//' FILE";
        return Overlooked::new("ends with a carriage return", help);
    }
    if is_unseen(first) {
        let name = name(first);
        let help = format!("remove the {name} at the beginning");
        return Overlooked::new(format!("begins with a {name}"), help);
    }
    if is_unseen(last) {
        let name = name(last);
        let help = format!("remove the {name} at the end");
        return Overlooked::new(format!("ends with a {name}"), help);
    }
    if text.contains(['“', '”', '„', '‘', '’', '‚']) {
        return Overlooked::new("has curly quotes", "remove the curly quotes");
    }
    let unseen = text.chars().find(|c| *c != ' ' && is_unseen(*c))?;
    let help = match unseen {
        '\u{a0}' => "use ordinary spaces".to_owned(),
        c => format!("remove the {}", name(c)),
    };
    Overlooked::new(format!("has a {}", name(unseen)), help)
}

/// True for a space, and for a character that a terminal or an editor doesn't show.
fn is_unseen(c: char) -> bool {
    c.is_whitespace() || escaped(&c.to_string()) != c.to_string()
}

/// Returns the name of a character that isn't seen.
fn name(c: char) -> String {
    match c {
        ' ' => "space".to_owned(),
        '\t' => "tab".to_owned(),
        '\n' => "line break".to_owned(),
        '\r' => "carriage return".to_owned(),
        '\u{a0}' => "no-break space".to_owned(),
        '\u{feff}' => "byte order mark".to_owned(),
        c => format!("hidden character (U+{:04X})", c as u32),
    }
}
