//! Pages of a console: each command comes after `$ `, and what it prints comes below it.
//!
//! A page `*.console` is a topic, and a paragraph is a situation:
//!
//! ```text
//! # A key that is mistyped.
//! $ cat >secrets-exec.yaml <<EOF
//! > env:
//! >   DB_HOST: prod/db:hots
//! > EOF
//! $ secrets-exec -- app
//! secrets-exec: error: the secret "prod/db" has no key "hots"
//! [78]
//! ```
//!
//! - Every paragraph is a separate shell in `/home/dev/app`, an empty directory. `app` is a program
//!   that does nothing.
//! - Standard output and standard error appear in the order in which they come, without blank
//!   lines. Below them comes the exit status in brackets, unless it is 0.
//! - A directory of the test is written as `/home/dev`, the port of the fake as `PORT`, the time
//!   that attempts took as `TIME`, and the age of whatever the fake has given a date as `Ny`.
//!
//! `UPDATE=1 cargo test --test it PAGE` writes what the commands print into the page. Then read the
//! diff. If CI is set, the page is compared and never written.

use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::{env, fs};

use super::sandbox::Sandbox;

/// A byte that no output contains.
const SEPARATOR: char = '\u{1}';

/// The date of every version of the fake, and the length of a year, in seconds.
const CREATED: u64 = 1_523_477_145;
const YEAR: u64 = 365 * 24 * 60 * 60;

/// Makes a test for each page in the folder of this module. The test has the name that comes after
/// the name of the page, and is in a module with the name of the page. It calls the function
/// `$test` with the path of the page. Another test asserts that every page has a test.
macro_rules! pages {
    ($folder:literal, $test:ident: $($page:ident: $name:ident)*) => {
        $(
            mod $page {
                #[test]
                fn $name() {
                    super::$test(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/", $folder, "/", stringify!($page), ".console"));
                }
            }
        )*

        #[test]
        fn every_console_file_in_this_folder_is_compared_with_the_output_of_the_program() {
            let pages = crate::support::console::pages_in($folder);
            assert_eq!(pages.iter().map(|page| page.file_stem().unwrap()).collect::<Vec<_>>(), [$(stringify!($page)),*]);
        }
    };
}
pub(crate) use pages;

/// The pages in a folder of `tests/it`, sorted by name.
pub fn pages_in(folder: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/it")
            .join(folder),
    )
    .unwrap();
    let mut pages: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    pages.retain(|page| page.extension().is_some_and(|end| end == "console"));
    pages.sort();
    pages
}

/// The paragraphs of a page.
pub fn paragraphs(page: impl AsRef<Path>) -> Vec<Console> {
    fs::read_to_string(page)
        .unwrap()
        .split("\n\n")
        .map(Console::parse)
        .collect()
}

/// What the commands of a page print.
pub fn outputs(page: impl AsRef<Path>) -> impl Iterator<Item = String> {
    paragraphs(page)
        .into_iter()
        .flat_map(|paragraph| paragraph.commands)
        .map(|(_, output)| output)
}

/// Asserts that each command of a page prints what the page shows. The shells get the environment
/// of the sandbox, which may have an endpoint on a port of this machine.
pub fn assert_printed(page: &str, sandbox: Sandbox, port: u16) {
    let shown = paragraphs(page);
    let printed = printed(&shown, sandbox, port);
    if env::var_os("UPDATE").is_some() && env::var_os("CI").is_none() {
        let text: Vec<String> = printed.iter().map(Console::text).collect();
        fs::write(page, text.join("\n")).unwrap();
    }
    let mut differences = String::new();
    for (paragraph, printed) in paragraphs(page).iter().zip(&printed) {
        for ((command, shown), (_, printed)) in paragraph.commands.iter().zip(&printed.commands) {
            if shown.trim_end() != printed.trim_end() {
                differences += &format!(
                    "\n{}$ {command}\n{}",
                    paragraph.prose,
                    difference(shown, printed)
                );
            }
        }
    }
    assert!(
        differences.is_empty(),
        "{page}: - is what the page says, + what is printed now\n{differences}"
    );
}

/// Runs the commands of a page, and returns its paragraphs with what the commands print now.
fn printed(paragraphs: &[Console], sandbox: Sandbox, port: u16) -> Vec<Console> {
    let sandbox = sandbox.env("PATH", "/usr/bin:/bin").bare();
    let directory = sandbox.path("");
    let run = sandbox.prepared_by(&script(&in_shells(paragraphs))).run();
    let stdout = run.launched().stdout();
    let mut outputs = stdout.split(SEPARATOR);
    let mut printed = Vec::new();
    for (number, paragraph) in paragraphs.iter().enumerate() {
        let home = directory.join(number.to_string());
        let mut commands = Vec::new();
        for (command, _) in &paragraph.commands {
            let [output, status] = [outputs.next().unwrap(), outputs.next().unwrap()];
            let output = output
                .replace(home.to_str().unwrap(), "/home/dev")
                .replace(directory.join("bin").to_str().unwrap(), "/usr/local/bin")
                .replace(&format!(":{port}"), ":PORT");
            let output: String = without_time(output)
                .lines()
                .filter(|line| !line.is_empty())
                .map(|line| line.to_owned() + "\n")
                .collect();
            let status = if status == "0" {
                String::new()
            } else {
                format!("[{status}]\n")
            };
            commands.push((command.clone(), output + &status));
        }
        printed.push(Console {
            prose: paragraph.prose.clone(),
            commands,
        });
    }
    printed
}

/// A script that runs each command in the shell of its paragraph, and prints its exit status
/// between two [`SEPARATOR`]s.
fn in_shells(paragraphs: &[Console]) -> String {
    let mut lines = "umask 022\nprintf '#!/bin/sh\\n' >bin/app && chmod +x bin/app\n".to_owned();
    for (number, paragraph) in paragraphs.iter().enumerate() {
        lines +=
            &format!("(\nmkdir -p {number}/app && export HOME=$PWD/{number} && cd {number}/app\n");
        for (command, _) in &paragraph.commands {
            lines += &format!("{{ {command}\n}} 2>&1\nprintf '\\001%s\\001' $?\n");
        }
        lines += ")\n";
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
    output.replace(
        &format!("{:<5}", format!("{}y", (now - CREATED) / YEAR)),
        "Ny   ",
    )
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

/// A block of a console.
pub struct Console {
    /// The lines that begin with `#`, before the first command.
    pub prose: String,
    /// Each command, and what it prints.
    pub commands: Vec<(String, String)>,
}

impl Console {
    /// Reads a block. A command continues after a `\`, and on lines that begin with `>`, as a shell
    /// shows them.
    pub fn parse(block: &str) -> Self {
        let (mut prose, mut commands) = (String::new(), Vec::<(String, String)>::new());
        for line in block.lines() {
            if let Some(command) = line.strip_prefix("$ ") {
                commands.push((command.to_owned(), String::new()));
                continue;
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
        Self { prose, commands }
    }

    /// The text of the block as a page contains it.
    fn text(&self) -> String {
        let mut text = self.prose.clone();
        for (command, output) in &self.commands {
            text += &format!("$ {}\n{output}", command.replace('\n', "\n> "));
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
