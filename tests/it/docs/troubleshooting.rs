//! The messages that docs/troubleshooting.md explains are printed with the exit status of their section: by a mistake of `tests/it/mistakes`.

use super::page::Page;
use crate::mistakes::{mistakes, pages};

/// Messages that no mistake prints: they need a server with TLS, a filter of system calls, and rotation.
const ELSEWHERE: [&str; 3] = [
    "the server's certificate is not trusted: …",
    "files in memory are not allowed here (…, perhaps by a seccomp profile); give the entry a …",
    "… was stopped for new values, and secrets-exec exits with status …",
];

/// The messages in the first column of the tables of a text, each with the status in parentheses after it.
fn messages(text: &str) -> Vec<(&str, Option<&str>)> {
    let cells = text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    cells.map(|(message, rest)| (message, rest.strip_prefix(" (").and_then(|rest| rest.split(')').next()))).collect()
}

/// True if a line has the parts of a message, between `…`, in their order.
fn fits(message: &str, line: &str) -> bool {
    let mut rest = line;
    message.split('…').map(str::trim).all(|part| match rest.split_once(part) {
        Some((_, after)) => {
            rest = after;
            true
        }
        None => false,
    })
}

#[test]
fn each_message_is_printed_with_the_status_of_its_section() {
    let page = Page::read("docs/troubleshooting.md");
    let outputs: Vec<String> = pages()
        .iter()
        .flat_map(|page| mistakes(page))
        .flat_map(|mistake| mistake.commands)
        .map(|(_, output)| output)
        .collect();
    for (section, status) in [("64", "64"), ("75", "75"), ("77", "77"), ("78", "78"), ("126", "126")] {
        let messages = messages(page.section(section));
        assert!(!messages.is_empty());
        for (message, own) in messages {
            let end = format!("[{}]\n", own.unwrap_or(status));
            let mut lines = outputs.iter().filter(|output| output.ends_with(&end)).flat_map(|output| output.lines());
            let is_printed = lines.any(|line| fits(message, line));
            assert_ne!(is_printed, ELSEWHERE.contains(&message), "{message}, with the status {end}");
        }
    }
}
