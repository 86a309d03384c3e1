//! Pages of a console: each command comes after `$ `, and what it prints comes below it.
//!
//! A page `*.console` is a topic. Its first line says what a user loses if its tests fail. Each
//! paragraph is a situation and a test. The first sentence of its comment is the name of the test,
//! so it says what happens:
//!
//! ```text
//! # A wrong reference is reported with the right way to write it.
//! # The exit status after an error is 78 if none is shown.
//!
//! # A mistyped key is reported with the key that resembles it.
//! | env: { DB_HOST: "prod/db:hots" }
//! secrets-exec: error: the secret "prod/db" has no key "hots"
//! $ secrets-exec get prod/db:hots
//! secrets-exec: error: the secret "prod/db" has no key "hots"
//! = secrets-exec get prod/db:hots::
//! ```
//!
//! CONTRIBUTING.md explains lines that begin with `|` and `=`, and exit statuses. Moreover:
//!
//! - Every paragraph is a separate shell in `/home/dev/app`, an empty directory. `app` is a program
//!   that does nothing.
//! - Standard output and standard error appear in the order in which they come, without blank
//!   lines. A JSON document has several members in a line.
//! - `json_fields 'NAME|NAME' …` runs `secrets-exec check --json …`, writes the document to the
//!   file `doc`, and prints only these members of it, those of each entry on a line. It doesn't
//!   print messages.
//! - A directory of the test is written as `/home/dev`, the port of the fake as `PORT`, the time
//!   that attempts took as `TIME`, and the age of whatever the fake has given a date as `Ny`.
//!
//! `cargo test --test it a_mistyped_key` runs this paragraph, and
//! `cargo test --test it mistakes::references` the page. With `UPDATE=1`, what the commands print
//! is written into the page. Then read the diff. If CI is set, the page is compared and never
//! written.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::SystemTime;
use std::{env, fs};

use regex::Regex;

use super::sandbox::{Sandbox, program};

/// A byte that no output contains.
const SEPARATOR: char = '\u{1}';

/// The date of every version of the fake, and the length of a year, in seconds.
const CREATED: u64 = 1_523_477_145;
const YEAR: u64 = 365 * 24 * 60 * 60;

/// The pages in a folder of `tests/it`, sorted by name.
pub fn pages_in(folder: &str) -> Vec<PathBuf> {
    let root = env!("CARGO_MANIFEST_DIR");
    let pages = glob::glob(&format!("{root}/tests/it/{folder}/*.console")).unwrap();
    pages.map(Result::unwrap).collect()
}

/// The paragraphs of a page. Each output ends with its exit status, unless that is 0.
pub fn paragraphs(page: impl AsRef<Path>) -> Vec<Console> {
    let page = fs::read_to_string(page).unwrap();
    let mut paragraphs: Vec<_> = page.split("\n\n").map(Console::parse).collect();
    if let Some(usual) = usual_status(&page) {
        let commands = paragraphs.iter_mut().flat_map(|shown| &mut shown.commands);
        for (_, output) in commands.filter(|(_, output)| has_error(output)) {
            match status_of(output) {
                Some("[0]") => output.truncate(output.len() - "[0]\n".len()),
                Some(_) => {}
                None => *output += &format!("[{usual}]\n"),
            }
        }
    }
    paragraphs
}

/// What the commands of a page print.
pub fn outputs(page: impl AsRef<Path>) -> impl Iterator<Item = String> {
    paragraphs(page)
        .into_iter()
        .flat_map(|paragraph| paragraph.commands)
        .map(|(_, output)| output)
}

/// A paragraph of a page. `rows::pages!` makes a test of each.
pub struct Situation {
    /// The path of the page.
    pub page: &'static str,
    /// The number of paragraphs above this one.
    pub number: usize,
}

/// Held while a page is read or written. Its situations run at the same time.
static WRITING: Mutex<()> = Mutex::new(());

impl Situation {
    /// The name of the page, without its folder and its ending.
    pub fn page_name(&self) -> &str {
        let name = Path::new(self.page).file_stem().unwrap();
        name.to_str().unwrap()
    }

    /// Everything that the page says its commands print.
    pub fn outputs(&self) -> String {
        let commands = self.shown().commands.into_iter();
        commands.map(|(_, output)| output).collect()
    }

    /// The paragraph as the page has it.
    fn shown(&self) -> Console {
        let _unwritten = WRITING.lock().unwrap();
        paragraphs(self.page).remove(self.number)
    }

    /// Asserts that each command prints what the page shows. The shell gets the environment of the
    /// sandbox, which may have an endpoint on a port of this machine.
    pub fn assert_printed(&self, sandbox: Sandbox, port: u16) {
        let shown = self.shown();
        let printed = printed(&shown, sandbox, port);
        if env::var_os("UPDATE").is_some() && env::var_os("CI").is_none() {
            return self.write(&printed);
        }

        let mut differences = String::new();
        for ((command, shown), (_, printed)) in shown.commands.iter().zip(&printed.commands) {
            if shown.trim_end() != printed.trim_end() {
                differences += &format!("\n$ {command}\n{}", difference(shown, printed));
            }
        }
        let (page, prose) = (self.page, &shown.prose);
        assert!(
            differences.is_empty(),
            "{page}: - is what the page says, + is what is printed now\n{prose}{differences}"
        );
    }

    /// Replaces the paragraph in the file of the page.
    fn write(&self, printed: &Console) {
        let _writing = WRITING.lock().unwrap();
        let page = fs::read_to_string(self.page).unwrap();
        let mut texts: Vec<String> = page.split("\n\n").map(str::to_owned).collect();
        texts[self.number] = printed.text(usual_status(&page)).trim_end().to_owned();
        fs::write(self.page, texts.join("\n\n").trim_end().to_owned() + "\n").unwrap();
    }
}

/// The exit status after an error, if a page begins with it. Without one, each is shown.
fn usual_status(page: &str) -> Option<&str> {
    let (_, rest) = page.split_once("The exit status after an error is ")?;
    rest.split(' ').next()
}

/// The exit status at the end of an output, in brackets.
fn status_of(output: &str) -> Option<&str> {
    let line = output.lines().last()?;
    let digits = line.strip_prefix('[')?.strip_suffix(']')?;
    digits.parse::<u8>().is_ok().then_some(line)
}

/// True for an output with an error. A page doesn't show its exit status if it is the usual one.
fn has_error(output: &str) -> bool {
    output.contains("secrets-exec: error: ")
}

/// Runs the commands of a paragraph, and returns it with what the commands print now.
fn printed(paragraph: &Console, sandbox: Sandbox, port: u16) -> Console {
    let sandbox = sandbox.env("PATH", "/usr/bin:/bin").bare();
    let home = sandbox.path("home/dev");
    let bin = sandbox.path("bin");
    fs::create_dir_all(home.join("app")).unwrap();
    fs::create_dir(&bin).unwrap();
    symlink(program(), bin.join("secrets-exec")).unwrap();
    symlink("/usr/bin/true", bin.join("app")).unwrap();
    let run = sandbox.prepared_by(&in_a_shell(paragraph)).run();
    let stdout = run.launched().stdout();
    let mut outputs = stdout.split(SEPARATOR);
    let mut commands = Vec::new();
    for (command, _) in &paragraph.commands {
        let [output, status] = [outputs.next().unwrap(), outputs.next().unwrap()];
        let output = output
            .replace(home.to_str().unwrap(), "/home/dev")
            .replace(bin.to_str().unwrap(), "/usr/local/bin")
            .replace(&format!(":{port}"), ":PORT");
        let output = without_time(output);
        let output = folded(output.lines().filter(|line| !line.is_empty()));
        let status = if status == "0" {
            String::new()
        } else {
            format!("[{status}]\n")
        };
        commands.push((command.clone(), output + &status));
    }
    Console {
        prose: paragraph.prose.clone(),
        commands,
    }
}

/// The function `json_fields` of a page.
const FIELDS: &str = r#"json_fields() {
    names=$1; shift
    secrets-exec check --json "$@" >doc 2>/dev/null; status=$?
    grep -oE "\"($names)\": (\"[^\"]*\"|[a-z0-9]+|\[\])" doc | paste -sd' ' | sed 's/ "label"/\n"label"/g'
    return $status
}"#;

/// A script that runs each command of a paragraph, and prints its exit status between two
/// [`SEPARATOR`]s.
fn in_a_shell(paragraph: &Console) -> String {
    let mut lines = format!(
        "umask 022; PATH=$PWD/bin:$PATH; export HOME=$PWD/home/dev; cd home/dev/app\n{FIELDS}\n"
    );
    for (command, _) in &paragraph.commands {
        lines += &format!("{{ {command}\n}} 2>&1\nprintf '\\001%s\\001' $?\n");
    }
    lines
}

/// Replaces the time in `(after 1 attempt in 1.0s: …)` and in the last line of `-v`, and the age of
/// whatever the fake has given a date.
fn without_time(mut output: String) -> String {
    for (before, after) in [
        (" attempt in ", ")"),
        ("secrets in ", ", "),
        ("secret in ", ", "),
    ] {
        if let Some((beginning, rest)) = output.split_once(before) {
            let (_, end) = rest.split_once(after).unwrap();
            output = format!("{beginning}{before}TIME{after}{end}");
        }
    }
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let age = format!("{}y", (now - CREATED) / YEAR);
    // A column is as wide with `Ny` as with `10y`.
    let output = output.replace(&format!("{age:<5}"), "Ny   ");
    let word = Regex::new(&format!(r"\b{age}\b")).unwrap();
    word.replace_all(&output, "Ny").into_owned()
}

/// The width up to which the members of a JSON document share a line.
const JSON_WIDTH: usize = 150;

/// Writes the JSON documents in these lines with several members in a line. An object or an array
/// that fits in a line has one. Other lines aren't changed.
fn folded<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let is_end = |line: &str| line.trim_start().starts_with(['}', ']']);
    let is_start = |line: &str| line.ends_with(['{', '[']);
    let joined = |lines: &[String], last: &str| {
        let rest = lines.iter().skip(1).map(|line| line.trim_start());
        rest.chain([last.trim_start()])
            .fold(lines[0].clone(), |whole, line| whole + " " + line)
    };

    let mut folded: Vec<String> = Vec::new();
    // The places of the objects and arrays that aren't closed yet.
    let mut open: Vec<usize> = Vec::new();
    for line in lines {
        let mut line = line.to_owned();
        if is_start(&line) && (!open.is_empty() || line.len() == 1) {
            open.push(folded.len());
            folded.push(line);
            continue;
        }
        let ended = if is_end(&line) { open.pop() } else { None };
        if let Some(start) = ended {
            let whole = joined(&folded[start..], &line);
            if whole.len() <= JSON_WIDTH {
                folded.truncate(start);
                line = whole;
            }
        }
        if let (Some(last), false) = (folded.last(), open.is_empty()) {
            let whole = joined(std::slice::from_ref(last), &line);
            let are_members = ![last, &line]
                .iter()
                .any(|line| is_start(line) || is_end(line));
            if are_members && whole.len() <= JSON_WIDTH {
                folded.pop();
                line = whole;
            }
        }
        folded.push(line);
    }
    folded.iter().map(|line| format!("{line}\n")).collect()
}

/// Returns the lines that both outputs have at the beginning, and then the lines in which they
/// differ: those of the page after `-`, and those that are printed now after `+`. The lines that
/// both have at the end are left out.
fn difference(shown: &str, printed: &str) -> String {
    let (mut shown, mut printed): (Vec<_>, Vec<_>) =
        (shown.lines().collect(), printed.lines().collect());
    let mut difference = String::new();
    while let (Some(first), true) = (shown.first(), shown.first() == printed.first()) {
        difference += &format!("  {first}\n");
        shown.remove(0);
        printed.remove(0);
    }
    while !shown.is_empty() && shown.last() == printed.last() {
        shown.pop();
        printed.pop();
    }
    difference.extend(shown.iter().map(|line| format!("- {line}\n")));
    difference.extend(printed.iter().map(|line| format!("+ {line}\n")));
    difference
}

/// The command that writes a declaration, before and after the content.
const DECLARATION: [&str; 2] = ["cat >secrets-exec.yaml <<'EOF'", "\nEOF"];

/// The command below a declaration, if a page doesn't have one there.
const LAUNCH: &str = "secrets-exec -- app";

/// A block of a console.
pub struct Console {
    /// The lines that begin with `#`, before the first command.
    pub prose: String,
    /// Each command, and what it prints.
    pub commands: Vec<(String, String)>,
}

impl Console {
    /// Reads a block. A command continues after a `\`, and on lines that begin with `>`, as a shell
    /// shows them. Lines that begin with `|` are a command of their own, which writes the
    /// declaration, and the launch below them may be left out.
    pub fn parse(block: &str) -> Self {
        let (mut prose, mut commands) = (String::new(), Vec::<(String, String)>::new());
        let is_declared = |commands: &[(String, String)]| {
            commands
                .last()
                .is_some_and(|(command, _)| command.starts_with(DECLARATION[0]))
        };
        for line in block.lines() {
            if let Some(command) = line.strip_prefix("$ ") {
                commands.push((command.to_owned(), String::new()));
                continue;
            }
            if let Some(command) = line.strip_prefix("= ") {
                let output = commands.iter().rfind(|(_, output)| !output.is_empty());
                let (_, output) = output.expect("an output that is the same").clone();
                commands.push((command.to_owned(), output));
                continue;
            }
            if let Some(line) = line.strip_prefix('|') {
                let [start, end] = DECLARATION;
                match commands.last_mut() {
                    Some((command, _)) if command.starts_with(start) => {
                        command.truncate(command.len() - end.len());
                    }
                    _ => commands.push((start.to_owned(), String::new())),
                }
                let (command, _) = commands.last_mut().unwrap();
                command.extend(["\n", line.strip_prefix(' ').unwrap_or(line), end]);
                continue;
            }
            if is_declared(&commands) {
                commands.push((LAUNCH.to_owned(), String::new()));
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
        if is_declared(&commands) {
            commands.push((LAUNCH.to_owned(), String::new()));
        }
        Self { prose, commands }
    }

    /// The text of the block, as a page with this usual exit status contains it.
    fn text(&self, usual: Option<&str>) -> String {
        let mut text = self.prose.clone();
        let (mut is_declared, mut last_output) = (false, "");
        for (command, output) in &self.commands {
            let [start, end] = DECLARATION;
            let content = command.strip_prefix(start);
            if let Some(content) = content.and_then(|content| content.strip_suffix(end)) {
                text += &(content.replace('\n', "\n| ").trim_start().to_owned() + "\n");
                is_declared = true;
                continue;
            }

            let shown = match (usual, status_of(output)) {
                (Some(_), None) if has_error(output) => format!("{output}[0]\n"),
                (Some(usual), Some(status))
                    if has_error(output) && status == format!("[{usual}]") =>
                {
                    output.trim_end().strip_suffix(status).unwrap().to_owned()
                }
                _ => output.clone(),
            };
            let has_output = !output.is_empty();
            if is_declared && command == LAUNCH && has_output {
                text += &shown;
            } else if has_output && output == last_output && !command.contains('\n') {
                text += &format!("= {command}\n");
            } else {
                text += &format!("$ {}\n{shown}", command.replace('\n', "\n> "));
            }
            is_declared = false;
            if has_output {
                last_output = output;
            }
        }
        text
    }

    /// True if all commands run this program.
    pub fn is_of(&self, program: &str) -> bool {
        self.commands
            .iter()
            .all(|(command, _)| command.split(' ').next() == Some(program))
    }
}

/// A script for [`Sandbox::prepared_by`](super::sandbox::Sandbox::prepared_by). In it,
/// `secrets-exec` is the program under test, even if another program has this name.
pub fn script(commands: &str) -> String {
    format!("mkdir -p bin && ln -sf \"$1\" bin/secrets-exec && PATH=$PWD/bin:$PATH\n{commands}")
}
