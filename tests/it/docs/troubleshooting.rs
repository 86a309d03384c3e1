//! docs/troubleshooting.md: the messages that it explains are those of the pages of mistakes, under
//! the exit status of their section.

use super::page::Page;
use crate::support::console::{outputs, pages_in};

/// Messages that can't be on a page of mistakes: about a rotation, TLS, DNS, a network that drops
/// packets, a proxy, and a system without files in memory. Those about values and variables are
/// tested by the rows of `values` instead.
const OTHERS: [&str; 16] = [
    "a poll failed, so … keeps its values: …",
    "… was stopped, because … changed (…); secrets-exec exits with status …",
    "the certificate of … isn't trusted, …",
    "… can't be reached, because its name doesn't resolve …",
    "the proxy … requires a user name and a password (…)",
    "the value doesn't match the pattern …",
    "… doesn't answer, although its name resolves …",
    "… didn't answer the first message of TLS …",
    "files in memory aren't allowed here, perhaps by a seccomp profile (…)",
    "a key or certificate without line breaks was read for …",
    "an OpenSSH key without its final line feed was read for …",
    "JSON text in quotes was read for …",
    "a reference that nothing resolves was read for …",
    "… uses the inherited …, not the one that … sets",
    "a value before the \"@\" of a URL has a character … that must be percent-encoded: …",
    "the value begins with …, which is another tool's syntax",
];

/// The sections of the page, and their statuses.
const SECTIONS: [(&str, &[i32]); 5] = [
    ("64", &[64]),
    ("75", &[75]),
    ("77", &[77]),
    ("78", &[78]),
    ("126", &[126, 127]),
];

/// True if a line has all parts of a message, which are separated by `…`, in the same order.
fn fits(message: &str, mut rest: &str) -> bool {
    message.split('…').map(str::trim).all(|part| {
        let found = rest.split_once(part);
        rest = found.map_or("", |(_, after)| after);
        found.is_some()
    })
}

#[test]
fn every_message_in_docs_troubleshooting_md_is_printed_with_the_exit_status_of_its_section() {
    let page = Page::read("docs/troubleshooting.md");
    let outputs: Vec<String> = pages_in("mistakes").into_iter().flat_map(outputs).collect();
    for (section, statuses) in SECTIONS {
        let ends: Vec<_> = statuses
            .iter()
            .map(|status| format!("\n[{status}]\n"))
            .collect();
        let has_status = |output: &&String| ends.iter().any(|end| output.ends_with(end));
        let printed = outputs.iter().filter(has_status);
        let printed: Vec<&str> = printed.flat_map(|output| output.lines()).collect();
        let headings = page.section(section).lines();
        let headings = headings.filter_map(|line| line.strip_prefix("### `")?.split_once('`'));
        let mut messages: Vec<&str> = headings.map(|(message, _)| message).collect();
        messages.retain(|message| !OTHERS.contains(message));
        assert!(messages.len() > 3, "{section}: {messages:?}");
        for message in messages {
            let is_printed = printed.iter().any(|line| fits(message, line));
            assert!(
                is_printed,
                "no mistake of status {section} prints: {message}"
            );
        }
    }

    let warnings = outputs.iter().flat_map(|output| output.lines());
    let warnings = warnings.filter_map(|line| line.strip_prefix("secrets-exec: warning: "));
    let warnings = Vec::from_iter(warnings);
    let headings = page.section("Warnings").lines();
    let headings = headings.filter_map(|line| line.strip_prefix("### `")?.split_once('`'));
    let mut messages = Vec::from_iter(headings.map(|(message, _)| message));
    messages.retain(|message| !OTHERS.contains(message));
    assert!(messages.len() > 5, "{messages:?}");
    for message in messages {
        let is_printed = warnings.iter().any(|line| fits(message, line));
        assert!(is_printed, "no launch warns: {message}");
    }
}
