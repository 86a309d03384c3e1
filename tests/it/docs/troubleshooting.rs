//! docs/troubleshooting.md: the messages in its headings and tables are those of the pages of
//! mistakes.

use super::page::Page;
use super::samples::shows;
use crate::support::console::{outputs, pages_in};

/// Messages that can't be on a page of mistakes: about a rotation, TLS, DNS, a network that drops
/// packets, and the credentials of EKS. Those about values are tested by the rows of `values`.
const OTHERS: [&str; 9] = [
    "a poll failed, so … keeps its values: …",
    "the certificate of … isn't trusted: …",
    "… can't be reached, because its name doesn't resolve …",
    "… doesn't answer, although its name resolves …",
    "no entry uses the alias …",
    "… didn't answer the first message of TLS …",
    "… gets the whole JSON object of …",
    "--unset … doesn't match any variable, although … is set",
    "the value isn't UTF-8 text after \"decode\": …",
];

#[test]
fn every_message_in_docs_troubleshooting_md_is_printed() {
    let page = Page::read("docs/troubleshooting.md");
    let outputs: Vec<String> = pages_in("mistakes").into_iter().flat_map(outputs).collect();
    let printed = Vec::from_iter(outputs.iter().flat_map(|output| output.lines()));
    let lines = [page.section("Errors"), page.section("Warnings")].concat();
    let starts = |line: &str| -> Option<String> {
        let line = line.strip_prefix("### ").or(line.strip_prefix("| "))?;
        let (message, _) = line.strip_prefix('`')?.split_once('`')?;
        message.contains('…').then(|| message.to_owned())
    };
    let mut messages = Vec::from_iter(lines.lines().filter_map(starts));
    messages.retain(|message| !OTHERS.contains(&&**message) && !message.contains("OpenID"));
    assert!(messages.len() > 5, "{messages:?}");
    for message in messages {
        let is_printed = printed.iter().any(|line| shows(&message, line));
        assert!(is_printed, "no mistake prints: {message}");
    }
}
