//! The man page in roff, in the order of sections of man-pages(7). Its options, commands and examples are those of `--help`.

use clap::{Arg, ArgAction, Command};
use roff::{Inline, Roff, bold, italic, roman};

use super::man_text::{DATE, DECLARATION, DESCRIPTION, ENVIRONMENT, FILES, REFERENCE_PARTS, REFERENCES, SEE_ALSO};
use crate::input::cli::help_text::{Example, HelpText};
use crate::model::options::OPTIONS;

/// Returns the page. `whole` has all commands; `others` has the prose of each command beside a launch.
pub fn man_page(whole: &Command, launch: &HelpText, others: &[(&str, &HelpText)]) -> String {
    let mut roff = Roff::new();
    let source = format!("secrets-exec {}", whole.get_version().unwrap_or_default());
    roff.control("TH", ["SECRETS-EXEC", "1", DATE, &source, "User Commands"]);
    // Blanks are not stretched.
    roff.control("ad", ["l"]);
    let texts = || std::iter::once(launch).chain(others.iter().map(|(_, text)| *text));
    section(&mut roff, "NAME").text([roman(format!("secrets-exec - {}", lower_first(launch.about)))]);
    section(&mut roff, "SYNOPSIS");
    for (number, text) in texts().enumerate() {
        if number > 0 {
            roff.control("br", []);
        }
        roff.text(usage(text.usage));
    }
    description(&mut roff);
    section(&mut roff, "OPTIONS").text(prose(launch.details));
    shared_options(&mut roff, whole);
    commands(&mut roff, whole, others);
    exit_statuses(&mut roff, launch, others);
    environment(&mut roff);
    section(&mut roff, "FILES");
    items(&mut roff, FILES);
    examples(&mut roff, texts().flat_map(|text| text.examples));
    section(&mut roff, "SEE ALSO").text(prose(SEE_ALSO));
    // groff prints other characters for these unless they are named.
    let page = roff.render().replace('~', r"\(ti").replace('^', r"\(ha").replace('`', r"\(ga");
    filled(&page)
}

/// Breaks text at blanks to at most 80 bytes a line, as troff's input should be, except code and tags of paragraphs.
fn filled(page: &str) -> String {
    let mut filled = String::new();
    let mut is_kept = false;
    let mut before = "";
    for line in page.lines() {
        is_kept = (is_kept || before == ".EX") && line != ".EE";
        filled += &if is_kept || line.starts_with('.') {
            line.to_owned()
        } else if before == ".TP" {
            line.split(' ').map(unhyphenated).collect::<Vec<_>>().join(" ")
        } else {
            broken(line)
        };
        filled.push('\n');
        before = line;
    }
    filled
}

/// Returns a word that is not hyphenated if it is a name.
fn unhyphenated(word: &str) -> String {
    let is_name = ["_", ":", r"secrets\-exec"].iter().any(|part| word.contains(part));
    if is_name { format!(r"\%{word}") } else { word.to_owned() }
}

/// Returns a line broken at blanks. A word that begins with a dot or an apostrophe would be a request at the beginning of a line.
fn broken(line: &str) -> String {
    let mut broken = String::new();
    let mut length = 0;
    for word in line.split(' ') {
        let word = unhyphenated(word);
        let has_room = length + word.len() < 80 || word.starts_with(['.', '\'']);
        let blank = match (broken.is_empty(), has_room) {
            (true, _) => "",
            (false, true) => " ",
            (false, false) => "\n",
        };
        length = if blank == "\n" { word.len() } else { length + blank.len() + word.len() };
        broken += blank;
        broken += &word;
    }
    broken
}

fn description(roff: &mut Roff) {
    section(roff, "DESCRIPTION");
    for (number, paragraph) in DESCRIPTION.iter().enumerate() {
        if number > 0 {
            roff.control("PP", []);
        }
        roff.text(prose(paragraph));
    }
    roff.control("SS", ["References"]).text(prose(REFERENCES));
    items(roff, REFERENCE_PARTS);
    roff.control("SS", ["Declarations"]).text(prose(DECLARATION.0));
    code(roff, DECLARATION.1);
}

/// Writes the commands beside a launch, each with its own options.
fn commands(roff: &mut Roff, whole: &Command, others: &[(&str, &HelpText)]) {
    section(roff, "COMMANDS");
    roff.text(prose("The name of a command comes first, before all options."));
    for (name, text) in others {
        roff.control("SS", [*name]);
        roff.text(usage(text.usage)).control("PP", []);
        let details = if text.details.is_empty() { format!("{}.", text.about) } else { text.details.to_owned() };
        roff.text(prose(&details));
        own_options(roff, whole, name);
    }
}

fn exit_statuses(roff: &mut Roff, launch: &HelpText, others: &[(&str, &HelpText)]) {
    section(roff, "EXIT STATUS").text(prose("The status of a launch is the command's own. Before that:"));
    for (status, meaning) in launch.exit_statuses() {
        item(roff, vec![bold(status.to_string())], meaning);
    }
    for (name, text) in others {
        let statuses = text.statuses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let statuses = if statuses.is_empty() { statuses } else { format!(" {statuses}.") };
        item(roff, vec![bold(*name)], &format!("{}{statuses}", text.status_intro));
    }
}

fn examples<'e>(roff: &mut Roff, examples: impl Iterator<Item = &'e Example>) {
    section(roff, "EXAMPLES");
    for (number, example) in examples.enumerate() {
        if number > 0 {
            roff.control("PP", []);
        }
        roff.text(prose(&format!("{}:", example.purpose)));
        code(roff, example.line);
    }
}

/// Writes the options of a launch under their headings.
fn shared_options(roff: &mut Roff, whole: &Command) {
    let mut headings: Vec<&str> = Vec::new();
    for heading in whole.get_arguments().filter_map(Arg::get_help_heading) {
        if !headings.contains(&heading) {
            headings.push(heading);
        }
    }
    for heading in headings {
        roff.control("SS", [heading]);
        whole.get_arguments().filter(|arg| arg.get_help_heading() == Some(heading)).for_each(|arg| option(roff, arg));
    }
}

/// Writes the options of a command that a launch does not have.
fn own_options(roff: &mut Roff, whole: &Command, name: &str) {
    let shared: Vec<&str> = whole.get_arguments().filter_map(Arg::get_long).collect();
    let is_own = |arg: &&Arg| arg.get_long().is_none_or(|long| !shared.contains(&long));
    let arguments = whole.find_subcommand(name).into_iter().flat_map(Command::get_arguments);
    arguments.filter(is_own).for_each(|arg| option(roff, arg));
}

fn option(roff: &mut Roff, arg: &Arg) {
    let mut tag: Vec<Inline> = Vec::new();
    if let Some(letter) = arg.get_short() {
        tag.extend([bold(format!("-{letter}")), roman(", ")]);
    }
    tag.extend(arg.get_long().map(|long| bold(format!("--{long}"))));
    let takes_value = arg.get_action().takes_values();
    let name = arg.get_value_names().and_then(|names| names.first()).filter(|_| takes_value);
    match name {
        Some(name) if arg.get_long().is_none() => tag.push(italic(name.to_string())),
        Some(name) if arg.is_require_equals_set() => tag.extend([roman("[="), italic(name.to_string()), roman("]")]),
        Some(name) => tag.extend([roman(" "), italic(name.to_string())]),
        None => {}
    }
    let mut help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    if matches!(arg.get_action(), ArgAction::Count) {
        help += " (repeatable)";
    }
    item(roff, tag, &format!("{help}."));
}

fn environment(roff: &mut Roff) {
    section(roff, "ENVIRONMENT");
    let variables: Vec<String> = OPTIONS.iter().map(|option| format!("`{}`", option.variable())).collect();
    items(roff, ENVIRONMENT);
    let text = format!(
        "The option of the same name: {}. A flag is `1` or `0`, values of a repeatable option are separated by commas, and an \
         empty variable counts as not set.",
        variables.join(", ")
    );
    item(roff, vec![bold("SECRETS_EXEC_"), italic("NAME")], &text);
}

fn section<'r>(roff: &'r mut Roff, name: &str) -> &'r mut Roff {
    roff.control("SH", [name])
}

/// Writes paragraphs, each with a tag.
fn items(roff: &mut Roff, items: &[(&str, &str)]) {
    for (tag, text) in items {
        item(roff, prose(tag), text);
    }
}

fn item(roff: &mut Roff, tag: Vec<Inline>, text: &str) {
    roff.control("TP", []).text(tag).text(prose(text));
}

/// Writes lines as they are, indented.
fn code(roff: &mut Roff, text: &str) {
    roff.control("RS", ["4"]).control("EX", []);
    text.lines().for_each(|line| {
        roff.text([roman(line)]);
    });
    roff.control("EE", []).control("RE", []);
}

/// Returns a text whose parts between backquotes are bold.
fn prose(text: &str) -> Vec<Inline> {
    let parts = text.split('`').enumerate().filter(|(_, part)| !part.is_empty());
    parts.map(|(number, part)| if number % 2 == 1 { bold(part) } else { roman(part) }).collect()
}

/// Returns a command line in which names of arguments, in upper case, are italic, and other words bold.
fn usage(line: &str) -> Vec<Inline> {
    let is_name = |word: &str| word.chars().all(|c| !c.is_lowercase()) && word.chars().any(char::is_uppercase);
    let words = line.split_inclusive(' ').map(|word| if is_name(word) { italic(word) } else { bold(word) });
    words.collect()
}

/// Returns the text with a small first letter, as in the line that whatis(1) prints.
fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(chars).collect()
}
