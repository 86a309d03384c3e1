//! The launches of a file of rows, whose grammar CONTRIBUTING.md has; and the rows of a table at the same time.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::aws::secret::{CURRENT_ID, PREVIOUS_ID, Secret};
use super::aws::{Aws, CONTAINER_KEY, Call, INSTANCE_KEY, INSTANCE_REGION, ROLE_KEY, Version, fault};
use super::identity::{KEY, ROLE};
use super::outcome::{Outcome, Status};
use super::sandbox::{ACCESS_SECRET, CANARY, Sandbox};
use super::watch;

/// What separates the parts of a list.
const ALSO: &str = " … ";

/// The commands of ours that a row may begin with.
const COMMANDS: [&str; 6] = ["check", "export", "get", "migrate", "policy", "credential"];

struct Row {
    line: String,
    seen: String,
    /// The fixtures above the row and its further columns, in the order of the file.
    columns: Vec<(String, String)>,
    words: BTreeMap<String, String>,
}

impl Row {
    fn read(text: &str, number: usize, aws: &Aws) -> Self {
        let mut row = Self { line: String::new(), seen: String::new(), columns: Vec::new(), words: words_of(aws) };
        for (at, line) in text.lines().enumerate().take(number + 1) {
            let name = line.split(" | ").next().unwrap();
            if at == number {
                let mut columns = line.split(" | ").skip(1);
                row.line = row.filled(columns.next().expect("a launch"));
                row.seen = row.filled(columns.next().expect("what is seen"));
                columns.for_each(|column| row.add(column));
            } else if let Some((word, value)) = line.split_once(" = ").filter(|(word, _)| !word.contains([' ', '#'])) {
                row.words.insert(word.to_owned(), row.filled(value));
            } else if name.contains(": ") && !name.starts_with('#') {
                row.add(line);
            }
        }
        row
    }

    /// Adds a fixture or a column, in the place of an earlier one.
    fn add(&mut self, column: &str) {
        let (name, value) = column.split_once(": ").unwrap_or_else(|| panic!("no column: {column:?}"));
        let (name, value) = (self.filled(name), self.filled(value).replace('⏎', "\n"));
        self.columns.retain(|(earlier, _)| *earlier != name);
        self.columns.push((name, value));
    }

    /// The text with the values of its words: `$word` in lower case, and `$$` for a dollar.
    fn filled(&self, text: &str) -> String {
        let mut parts = text.split('$');
        let mut filled = parts.next().unwrap().to_owned();
        while let Some(part) = parts.next() {
            let end =
                part.find(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit() && c != '_').unwrap_or(part.len());
            match (part, self.words.get(&part[..end])) {
                ("", _) => filled.extend(["$", parts.next().unwrap_or_default()]),
                (_, Some(value)) => filled.extend([value, &part[end..]]),
                (_, None) => filled.extend(["$", part]),
            }
        }
        filled
    }

    fn column(&self, name: &str) -> Option<&str> {
        self.columns.iter().find(|(column, _)| column == name).map(|(_, value)| &**value)
    }

    fn parts(&self, name: &str) -> impl Iterator<Item = &str> {
        self.column(name).into_iter().flat_map(|list| list.split(ALSO))
    }

    /// The command of ours that the line has after its variables.
    fn command(&self) -> Option<&str> {
        self.line.split(' ').find(|word| !word.contains('=')).filter(|word| COMMANDS.contains(word))
    }
}

/// The words that every file has.
fn words_of(aws: &Aws) -> BTreeMap<String, String> {
    let words = [
        ("endpoint", aws.endpoint()),
        ("url", aws.agent()),
        ("canary", CANARY.to_owned()),
        ("access_secret", ACCESS_SECRET.to_owned()),
        ("current", CURRENT_ID.to_owned()),
        ("previous", PREVIOUS_ID.to_owned()),
        ("key", KEY.to_owned()),
        ("role", ROLE.to_owned()),
        ("role_key", ROLE_KEY.to_owned()),
        ("container_key", CONTAINER_KEY.to_owned()),
        ("instance_key", INSTANCE_KEY.to_owned()),
        ("instance_region", INSTANCE_REGION.to_owned()),
    ];
    words.map(|(word, value)| (word.to_owned(), value)).into()
}

/// Launches a row, and compares what is seen.
pub fn launch(file: &str, text: &str, number: usize) {
    let aws = Aws::start();
    let row = Row::read(text, number, &aws);
    let aws = row.columns.iter().fold(aws, |aws, (name, value)| serve(aws, name, value));
    let sandbox = prepare(&row, &aws).case(format!("{file}:{}: {}", number + 1, text.lines().nth(number).unwrap()));
    let run = sandbox.run();
    let said = row.column("says").is_some() || row.seen.starts_with(|c: char| c.is_ascii_digit());
    if let Some(text) = row.seen.strip_prefix("prints ") {
        run.launched().printed(text.replace('⏎', "\n"));
    } else if said_status(&row).is_none() {
        gets(&run, &row, sandbox.environment());
    }
    if let Some((status, parts)) = said_status(&row) {
        run.ended(Status::Exit(status));
        let may_print = status < 64 || row.command() == Some("check");
        assert!(may_print || run.stdout.is_empty(), "the command has started: {run}");
        let seen = run.stdout() + &run.stderr();
        for part in parts.split(ALSO) {
            assert!(seen.contains(&part.replace('⏎', "\n")), "{part:?} is not said: {run}");
        }
    }
    if !said {
        run.complained("");
    }
    run.says(row.parts("says"));
    for text in row.parts("never") {
        run.says_nothing_of(text);
    }
    asked(&run, &row, &aws.calls());
}

/// The status that is seen, and the parts of what is printed.
fn said_status(row: &Row) -> Option<(i32, &str)> {
    let (status, parts) = row.seen.split_once(' ').unwrap_or((&row.seen, ""));
    Some((status.parse().ok()?, parts))
}

/// Adds what a column has for the fake.
fn serve(aws: Aws, name: &str, value: &str) -> Aws {
    let Some((kind, id)) = name.split_once(' ') else { return aws };
    let fault = |name: &str| match name {
        "denied" => fault::denied(id),
        "unavailable" => fault::unavailable(),
        "deleted" => fault::marked_for_deletion(),
        "absent" => fault::not_found(),
        "expired" => fault::expired_token(),
        "hangs" => fault::Fault::Hang,
        _ => panic!("{name} is no fault"),
    };
    let content = |text: &str| match text.split_once(' ') {
        Some(("base64", bytes)) => Secret::binary(STANDARD.decode(bytes).unwrap()),
        Some(("fails", name)) => Secret::failing(fault(name)),
        _ if text == "empty" => Secret::empty(),
        _ => Secret::text(text),
    };
    match kind {
        "secret" => {
            let mut versions = value.split(ALSO).map(content);
            let current = versions.next().unwrap();
            aws.secret(id, versions.fold(current, Secret::previous))
        }
        "parameter" => aws.parameter(id, &value.split(ALSO).map(Version::text).collect::<Vec<_>>()),
        "fails" if value == "denied" && id == "AssumeRole" => aws.denies_roles(),
        "fails" if value != "nothing" => aws.fails(id, fault(value)),
        _ => aws,
    }
}

/// The sandbox of a row.
fn prepare(row: &Row, aws: &Aws) -> Sandbox {
    let sandbox = Sandbox::new().endpoint(&aws.endpoint()).region("us-east-1");
    let mut sandbox = match row.column("keys").unwrap_or("shell") {
        "shell" => sandbox.keys(),
        "none" => sandbox,
        "container" => sandbox.in_container(aws),
        "instance" => sandbox.on_instance(aws),
        "web identity" => sandbox.web_identity(),
        keys => panic!("{keys:?} are no keys"),
    };
    for (name, value) in &row.columns {
        sandbox = match name.split_once(' ').unwrap_or((name, "")) {
            ("file", "") => sandbox.declaration(value),
            ("file", name) => sandbox.file(name, value),
            ("executable", name) => sandbox.executable(name, value),
            ("home", name) => sandbox.home_file(name, value),
            ("local", "") => sandbox.local(value).arg("-q"),
            ("stdin", "") => sandbox.stdin(value.as_str()),
            ("through", "") => sandbox.through(split(value)),
            ("without", "") => value.split(' ').fold(sandbox, Sandbox::env_remove),
            ("secret" | "parameter" | "fails" | "keys" | "says" | "never" | "asks", _) => sandbox,
            _ => panic!("{name:?} is no column"),
        };
    }
    // A dash is a launch by the declaration alone.
    let line = if row.line == "-" { "" } else { &row.line };
    let mut words = split(line).into_iter().map(|word| word.replace('⏎', "\n")).peekable();
    while let Some(variable) = words.next_if(|word| word.contains('=') && !word.starts_with('-')) {
        let (name, value) = variable.split_once('=').unwrap();
        sandbox = sandbox.env(name, value);
    }
    let options: Vec<String> = words.by_ref().take_while(|word| word != "--").collect();
    // A command of ours comes before the options of the columns.
    let sandbox = if row.command().is_some() { sandbox.options_first(options).bare() } else { sandbox.args(options) };
    let command: Vec<String> = words.collect();
    let sandbox = if command.is_empty() { sandbox } else { sandbox.command(command) };
    if matches!(row.command(), Some("check" | "policy")) { sandbox } else { sandbox.prints_values() }
}

/// Asserts the whole environment of the command: what the launch has inherited, but for `-NAME`, and the variables that are seen.
#[track_caller]
fn gets(run: &Outcome, row: &Row, given: &BTreeMap<OsString, OsString>) {
    let inherited = given.iter().map(|(name, value)| (name.to_string_lossy(), value.to_string_lossy()));
    let inherited = inherited.filter(|(name, _)| !name.starts_with("SECRETS_EXEC_"));
    let mut expected: BTreeMap<String, String> =
        inherited.map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    for variable in row.seen.split(ALSO) {
        match variable.split_once('=') {
            Some((name, value)) => drop(expected.insert(name.to_owned(), value.replace('⏎', "\n"))),
            None => drop(expected.remove(variable.strip_prefix('-').expect("NAME=VALUE or -NAME"))),
        }
    }
    let expected: BTreeSet<String> = expected.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    let printed = run.launched().stdout();
    let entries: Vec<&str> = printed.split_terminator('\0').collect();
    let seen: BTreeSet<String> = entries.iter().map(|entry| (*entry).to_owned()).collect();
    let missing: Vec<_> = expected.difference(&seen).collect();
    let more: Vec<_> = seen.difference(&expected).collect();
    assert!(missing.is_empty() && more.is_empty(), "expected: {missing:?}\nseen:     {more:?}\n{run}");
    assert_eq!(entries.len(), seen.len(), "an entry is there twice: {run}");
}

/// Asserts the requests: those of the column `asks`, or else none where the arguments are wrong, and none twice.
#[track_caller]
fn asked(run: &Outcome, row: &Row, calls: &[Call]) {
    let mut seen: Vec<String> = calls.iter().map(request).collect();
    seen.sort_unstable();
    let mut expected: Vec<&str> = row.parts("asks").filter(|part| *part != "nothing").collect();
    expected.sort_unstable();
    if row.column("asks").is_some() || row.seen.starts_with("64") {
        assert!(seen == expected, "requests\nexpected: {expected:?}\nseen:     {seen:?}\n{run}");
    }
    assert!(row.column("asks").is_some() || seen.windows(2).all(|two| two[0] != two[1]), "twice: {seen:?}\n{run}");
}

/// A request as a row writes it: a reference without its key, or an operation; `@` and its region, unless that is us-east-1; and its
/// access key, unless that is the shell's.
fn request(call: &Call) -> String {
    let operation = call.operation();
    let mut text = match &*operation {
        "GetSecretValue" => match (call.stage(), call.version_id()) {
            (Some(stage), None) if stage == "AWSCURRENT" => call.secret_id(),
            (stage, None) => format!("{}::{}", call.secret_id(), stage.unwrap_or_default()),
            (stage, Some(version)) => format!("{}::{}:{version}", call.secret_id(), stage.unwrap_or_default()),
        },
        "GetParameters" => format!("ssm:{}", call.names().join(",")),
        "GetParametersByPath" => format!("ssm:{}", call.parameter_path()),
        "AssumeRole" | "AssumeRoleWithWebIdentity" => assumption(&operation, &call.form()),
        _ => operation,
    };
    if let Some(region) = call.signed_region() {
        if region != "us-east-1" {
            text.extend(["@", &region]);
        }
        if call.access_key() != KEY {
            text.extend([" by ", &call.access_key()]);
        }
    }
    text
}

/// A request for a role, with its optional fields; a session's name, which it always has, unless it is the program's own.
fn assumption(operation: &str, form: &BTreeMap<String, String>) -> String {
    let fields = ["ExternalId", "DurationSeconds", "RoleSessionName", "WebIdentityToken"];
    let fields = fields.iter().filter_map(|name| Some((name, form.get(*name)?)));
    let fields = fields.filter(|(_, value)| *value != "secrets-exec");
    let fields: String = fields.map(|(name, value)| format!(" {name}={value}")).collect();
    assert!(form.contains_key("RoleSessionName"), "{form:?}");
    format!("{operation} {}{fields}", form["RoleArn"])
}

/// The words of a line, as a shell splits them: `'…'` is literal, in `"…"` and outside of quotes `\` takes the next character as it is.
fn split(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        match (quote, c) {
            (None, ' ') => words.extend(word.take()),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (Some(end), c) if c == end => quote = None,
            (None | Some('"'), '\\') => word.get_or_insert_default().extend(characters.next()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.into_iter().chain(word).collect()
}

/// Tests every row at the same time.
pub fn side_by_side<T: Send>(rows: impl IntoIterator<Item = T>, test: impl Fn(T) + Sync) {
    thread::scope(|scope| {
        for row in rows {
            let named = thread::Builder::new().name(watch::test());
            named.spawn_scoped(scope, || test(row)).unwrap();
        }
    });
}
