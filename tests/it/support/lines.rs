//! The lines that the program prints on standard error, in both formats of `--log-format`.

use crate::support::outcome::Outcome;

/// The beginning of each line of the program.
pub const PREFIX: &str = "secrets-exec: ";

/// The events of `--log-format json`, each with the fields that it can have besides time, logger,
/// level, event and message. CHANGELOG.md promises that they stay the same within a minor version.
pub const EVENTS: [(&str, &str); 28] = [
    ("error", "status variables secret entries notes help"),
    ("summary", "status"),
    ("warning", "variables entries notes help"),
    ("local", ""),
    ("note", ""),
    ("waiting", ""),
    ("signal", "signal"),
    ("bug", ""),
    ("resolved", "row"),
    (
        "resolution",
        "values secrets milliseconds requests from_cache",
    ),
    ("trace", ""),
    ("started", "pid"),
    ("changed", "variables secrets"),
    (
        "poll_failed",
        "variables secret errors entries notes help since",
    ),
    ("poll_recovered", ""),
    ("stopping", "variables"),
    ("also_stopping", "pid"),
    ("restarted", "pid variables"),
    ("signalled", "signal variables"),
    ("exiting", "status variables"),
    ("ended", "pid status signal help"),
    ("killed", "signal"),
    ("fixed", "variables"),
    ("not_changed", "variables help"),
    ("not_passed_on", "help"),
    ("not_stopped", "pid help"),
    ("not_restarted", "variables"),
    ("cancelled", "signal"),
];

impl Outcome {
    /// The lines of `--log-format json`. Asserts that no line has a field that [`EVENTS`] doesn't
    /// list for its event.
    #[track_caller]
    pub fn events(&self) -> Vec<serde_json::Value> {
        let event = |line: &str| {
            let event: serde_json::Value =
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {self}"));
            let name = event["event"].as_str().unwrap();
            let (_, fields) = EVENTS
                .iter()
                .find(|(listed, _)| *listed == name)
                .unwrap_or_else(|| panic!("no event {name}"));
            for member in event.as_object().unwrap().keys() {
                let is_general =
                    ["time", "logger", "level", "event", "message"].contains(&member.as_str());
                assert!(
                    is_general || fields.split(' ').any(|field| field == member),
                    "{member} isn't listed: {self}"
                );
            }
            event
        };
        self.stderr().lines().map(event).collect()
    }
}

/// The beginning of the note about a wait.
const WAIT: &str = "secrets-exec: note: waiting ";

/// The messages of a run: each error, warning and note, with the indented lines below it. The
/// summary of several errors belongs to the last of them. The note about a wait of more than three
/// seconds is left out, because it also appears on a busy machine.
pub fn messages(stderr: &str) -> Vec<String> {
    let mut messages = Vec::<String>::new();
    for line in stderr.lines() {
        let text = line.strip_prefix(PREFIX).unwrap_or_default();
        match messages.last_mut() {
            Some(message) if text.starts_with("  ") || is_summary(text) => {
                message.extend([line, "\n"]);
            }
            _ => messages.push(format!("{line}\n")),
        }
    }
    messages.retain(|message| !message.starts_with(WAIT));
    messages
}

/// The beginning and the end of the lines after several errors, without [`PREFIX`].
const SUMMARIES: [(&str, &str); 6] = [
    ("the command", "was not started"),
    ("the command", "wouldn't be started"),
    ("your program wouldn't start", ""),
    ("nothing was exported", ""),
    ("nothing was printed", ""),
    ("no policy was printed", ""),
];

/// True for the line after several errors, without [`PREFIX`]. It doesn't have a label.
fn is_summary(text: &str) -> bool {
    SUMMARIES
        .iter()
        .any(|(start, end)| text.starts_with(start) && text.ends_with(end))
}

/// True for a line in either format of `--log-format`. In text it begins with the program's name.
/// Then comes a label, which may be coloured; an indented label, entry or message of AWS; or the
/// summary of several errors; or an indented line of a table.
pub fn is_message(line: &str) -> bool {
    if line.starts_with('{') {
        return is_event(line);
    }
    let Some(text) = line.strip_prefix(PREFIX) else {
        return false;
    };
    let uncoloured = text
        .strip_prefix("\x1b[1;")
        .and_then(|text| text.split_once('m'))
        .map_or(text, |(_, text)| text);
    let starts = [
        "error:",
        "warning:",
        "note:",
        "  note:",
        "  help:",
        "  for ",
        "  and ",
        "  AWS says: ",
    ];
    let is_row = text.starts_with("  ") && text.trim().contains("  ");
    starts.iter().any(|start| uncoloured.starts_with(start)) || is_summary(text) || is_row
}

fn is_event(line: &str) -> bool {
    let object: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
    ["time", "level", "event", "message"]
        .iter()
        .all(|member| object[member].is_string())
}
