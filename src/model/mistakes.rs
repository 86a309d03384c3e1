//! Mistakes in text that the user wrote, and their remedies: misspelled names, characters that
//! people don't see, and the syntax of other tools.

use percent_encoding::percent_decode_str;
use regex_lite::Regex;

use super::environment::assigned_name;
use super::shown::{is_plain_ascii, is_visible, reads_like_a_name};

/// A mistake in a text that the user wrote, such as a reference, a template or an argument. A fault
/// implements `Error`, so that MiniJinja can pass it on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
#[must_use]
pub struct Fault {
    /// The message: a whole sentence, or the predicate of a sentence about the user's text, such as
    /// `is an incomplete ARN`.
    ///
    /// A reference may be a misplaced password. Unless the reference reads like a name, the message
    /// quotes only a single character and the names of variables from it.
    pub text: String,
    pub help: Option<String>,
}

/// The remedy for text that is probably a value. It applies wherever a reference can be written.
pub const VALUE_REMEDY: &str = "use a secret's name or, for plain text, { value: … } under \"env\"";

/// The remedy for text of several lines on the command line or in a variable.
pub const NAME_REMEDY: &str = "use the name of the secret or the path of the file instead";

impl Fault {
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { text, help: None }
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Puts the subject of the sentence before the predicate: `the reference is an incomplete ARN`.
    pub fn about(mut self, subject: &str) -> Self {
        self.text = format!("{subject} {}", self.text);
        self
    }
}

impl<T: Into<String>> From<T> for Fault {
    fn from(text: T) -> Self {
        Self::new(text)
    }
}

/// The maximum number of misspelled names, such as aliases, that get a suggestion. Each suggestion
/// compares all candidates, so thousands of suggestions would take minutes.
pub const MOST_SUGGESTIONS: usize = 20;

/// Returns the most similar candidate, if there is a similar one. Case doesn't matter.
///
/// Two names are similar if their optimal string alignment distance is less than the length of the
/// shorter name, and at most a third (rounded) of the length of the longer one.
pub fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower_name = name.to_lowercase();
    let length = lower_name.chars().count();
    let mut similar = Vec::new();
    for candidate in candidates {
        let lower = candidate.to_lowercase();
        let other_length = lower.chars().count();
        let (shorter, longer) = (length.min(other_length), length.max(other_length));
        let limit = shorter.saturating_sub(1).min((longer + 1) / 3);
        // Nothing is similar to an empty name. The distance is at least the difference of the
        // lengths, so a candidate of a very different length isn't similar, either.
        if shorter == 0 || longer - shorter > limit {
            continue;
        }
        let distance = strsim::osa_distance(&lower_name, &lower);
        if distance <= limit {
            similar.push((distance, candidate));
        }
    }
    similar.into_iter().min().map(|(_, candidate)| candidate)
}

/// Returns the first candidate that becomes the name if one letter is changed, added or removed, or
/// if two neighboring letters are swapped. Names such as `prod/web1` and `prod/web2` differ on
/// purpose, so the digits must be the same.
pub fn one_letter_away<'a>(
    name: &str,
    mut candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let digits = |text: &str| text.replace(|c: char| !c.is_ascii_digit(), "");
    candidates.find(|candidate| {
        strsim::osa_distance(name, candidate) == 1 && digits(name) == digits(candidate)
    })
}

pub fn did_you_mean(nearest: &str) -> String {
    format!("did you mean {nearest:?}?")
}

/// Returns the hint for a misspelled name: `did you mean "prod/db"? Write prod/db:password`.
pub fn did_you_mean_to_write(nearest: &str, write: Option<String>) -> String {
    match write {
        Some(write) if write != nearest => format!("{} Write {write}", did_you_mean(nearest)),
        Some(_) | None => did_you_mean(nearest),
    }
}

/// Returns the fault of a text that is empty or has a character that people overlook, such as a
/// space at its end or a curly quote.
pub fn overlooked(text: &str) -> Option<Fault> {
    let (Some(first), Some(last)) = (text.chars().next(), text.chars().next_back()) else {
        let help = "if it comes from a variable in quotes, that variable isn't set";
        return Some(Fault::new("is empty").help(help));
    };
    // Plain ASCII doesn't need the checks below.
    if is_plain_ascii(text) {
        return None;
    }
    // Usually, the text is a single character, so only its last one is named.
    if text.trim().is_empty() {
        let name = character_name(last);
        return Some(Fault::new(format!("is only a {name}")).help(format!("remove the {name}")));
    }
    if last == '\r' {
        let predicate = "ends with a carriage return (a Windows line ending)";
        let help = "convert the file to Unix line endings: sed -i 's/\\r$//' FILE";
        return Some(Fault::new(predicate).help(help));
    }
    for (character, verb, end) in [(first, "begins", "beginning"), (last, "ends", "end")] {
        if is_unseen(character) {
            let name = character_name(character);
            let help = format!("remove the {name} at the {end}");
            return Some(Fault::new(format!("{verb} with a {name}")).help(help));
        }
    }
    if text.contains(['“', '”', '„', '‘', '’', '‚']) {
        return Some(Fault::new("contains curly quotes").help("remove the curly quotes"));
    }
    // People see a space between other characters.
    let unseen = text.chars().find(|c| *c != ' ' && is_unseen(*c))?;
    let name = character_name(unseen);
    let help = match unseen {
        NO_BREAK_SPACE => "use ordinary spaces".to_owned(),
        _ => format!("remove the {name}"),
    };
    Some(Fault::new(format!("contains a {name}")).help(help))
}

pub fn overlooked_unless_empty(text: &str) -> Option<Fault> {
    overlooked(text).filter(|_| !text.is_empty())
}

/// Returns the fault of a text that has several lines where one is expected, such as a private key.
pub fn several_lines(text: &str, remedy: &str) -> Option<Fault> {
    let is_multiline = text.trim().contains('\n');
    is_multiline.then(|| Fault::new("has several lines").help(remedy))
}

/// Returns the fault of a text that is a URL or the content of a file, although a path is expected.
/// Both may contain a password, so the fault doesn't quote the text.
pub fn not_a_path(text: &str) -> Option<Fault> {
    // The marks of a URL, a key or certificate, YAML, and JSON. `NAME=VALUE` is from a .env file.
    let marks = ["://", "-----BEGIN ", ": ", "\":"];
    let predicate = "must be a file path, not a URL or the contents of a file";
    let has_mark = assigned_name(text).is_some() || marks.iter().any(|mark| text.contains(mark));
    has_mark.then(|| Fault::new(predicate).help("save the file, and pass its path"))
}

/// Returns the fault of a command-line argument that has several lines, is empty, or has a
/// character that people overlook ([`overlooked`]).
pub fn overlooked_in_argument(text: &str) -> Option<Fault> {
    let found = several_lines(text, NAME_REMEDY).or_else(|| overlooked(text))?;
    // A space or carriage return that follows the backslash of a continued line becomes an
    // argument.
    if !text.is_empty() && text.trim().is_empty() {
        let help = "remove what follows the backslash at the end of the line";
        return Some(found.help(help));
    }
    Some(found)
}

/// Returns the fault of the first field of a reference with a character that people overlook
/// ([`overlooked`]).
pub fn overlooked_in_fields(fields: [&str; 4]) -> Option<Fault> {
    let names = ["name", "key", "stage", "version id"];
    names.into_iter().zip(fields).find_map(|(name, text)| {
        Some(overlooked_unless_empty(text)?.about(&format!("has a {name} that")))
    })
}

/// Returns the fault of a line of YAML whose indentation, or gap after the colon, has a character
/// that only looks like a space. In the gap, YAML allows a tab.
pub fn overlooked_in_line(line: &str) -> Option<Fault> {
    if line.trim().is_empty() {
        return None;
    }
    let (key, value) = line.split_once(':').unwrap_or((line, ""));
    let mut indentation = key.chars().take_while(|c| is_unseen(*c));
    let mut gap = value.chars().take_while(|c| is_unseen(*c));
    let predicate = match indentation.find(|c| *c != ' ') {
        Some(unseen) => format!("is indented with a {}", character_name(unseen)),
        None => {
            let unseen = gap.find(|c| !matches!(c, ' ' | '\t'))?;
            format!("has a {} after its colon", character_name(unseen))
        }
    };
    Some(Fault::new(predicate).help("use ordinary spaces"))
}

/// True for text in UTF-16, which some editors on Windows write. It begins with a byte order mark,
/// or with two ASCII characters, each with a zero byte.
pub fn is_utf16(bytes: &[u8]) -> bool {
    let is_little_endian = matches!(bytes, [0xff, 0xfe, ..] | [_, 0, _, 0, ..]);
    is_little_endian || matches!(bytes, [0xfe, 0xff, ..] | [0, _, 0, ..])
}

const NO_BREAK_SPACE: char = '\u{a0}';

/// Returns a character in quotes. Outside of ASCII, many characters look like others, so the
/// character's code follows: `"р" (U+0440)`.
pub fn quoted_character(c: char) -> String {
    let code = (!c.is_ascii()).then(|| format!(" (U+{:04X})", c as u32));
    format!("\"{c}\"{}", code.unwrap_or_default())
}

fn is_unseen(c: char) -> bool {
    c.is_whitespace() || !is_visible(c)
}

fn character_name(c: char) -> String {
    match c {
        ' ' => "space".to_owned(),
        '\t' => "tab".to_owned(),
        '\n' => "line break".to_owned(),
        '\r' => "carriage return".to_owned(),
        NO_BREAK_SPACE => "no-break space".to_owned(),
        '\u{feff}' => "byte order mark".to_owned(),
        c => format!("hidden character (U+{:04X})", c as u32),
    }
}

/// The subcommands and options of other tools. Each line has words, ` = `, and what to write
/// instead of them. The caller replaces `…` with the value of the option, and `PREFIX_` with a
/// value that can be a prefix.
const COMMAND_LINE: &str = include_str!("mistakes/command-line.txt");

/// Keys that other tools use. Each line has some of these keys, ` = `, and our own keys. The first
/// of our keys is what to write. The line applies only in a place where all of our keys on the line
/// are allowed.
const KEYS: &str = include_str!("mistakes/keys.txt");

/// The keys of the top level of a declaration. `$schema` is for editors.
pub const TOP_KEYS: &str = "defaults secrets env env-from files credentials $schema";

/// Files that aren't declarations. Each line has keys that only such a file has, what the file is,
/// and the help. The AWS CLI prints a task definition below `taskDefinition`.
const FILES: &str = "\
containerDefinitions taskDefinition valueFrom = an ECS task definition = see \"Write a declaration from your task definition\" in docs/ecs.md
services = a Compose file = see \"Docker Compose\" in docs/local.md
apiVersion = a Kubernetes manifest = see docs/kubernetes.md and, for an ExternalSecret, docs/migrating.md";

/// The YAML tags of other tools, in lower case, and what to write instead of a tag and its value.
/// If there isn't any text after ` = `, the remedy is to remove the tag and keep the value.
const TAGS: &str = "\
findinmap getatt importvalue join ref select = the name of the secret, as in prod/db:password
file secret str sub var = ";

/// The beginnings of references in the syntax of other tools, and what to write instead. If there
/// is nothing to write, the secret isn't in AWS, and a slash must follow the beginning, because
/// `vault:token` may be the key `token` of a secret "vault".
const PREFIXES: &str = "\
{{resolve:secretsmanager: aws:secretsmanager: secretsmanager: aws-secretsmanager: optional:aws-secretsmanager: aws-sm: awssm: sm:// {aws-sm} ref+awssecrets: secretref+awssecrets: awssecrets:// = secretsmanager:
ssm:// ssm-secure:// aws-ssm:// awsssm:// parameter:/ SSM:/ ${ssm:/ ref+awsssm: secretref+awsssm: awsparamstore:/ = ssm:/
{{resolve:ssm: {{resolve:ssm-secure: ssm-secure: aws-ssm: awsssm: aws-parameterstore: optional:aws-parameterstore: {aws-ssm} = ssm:
$${ = ${
op:// vault: ref+ secretref+ <path: = ";

/// More beginnings of references in the syntax of other tools. They are ordinary words, so they are
/// only searched for where a reference is expected. A slash must follow, because `secret:token` may
/// be the key `token` of a secret "secret".
const WORDS_BEFORE_NAMES: &str = "\
asm: aws: aws-secrets-manager: aws_secrets_manager: aws_secretsmanager: awssecret: awssecretsmanager: secret: secretManager: secrets-manager: secrets_manager: secretsManager: SecretsManager: sm: = secretsmanager:
aws-parameter-store: aws_parameter_store: awsparameterstore: awsps: param: parameter-store: parameter_store: parameterStore: parameterstore: ParameterStore: = ssm:";

/// The beginnings of expressions that another tool should have replaced. Each row has beginnings, `
/// = ` and the tool. Spaces in the text are ignored, as in `${{ secrets.DB }}`.
const EXPRESSIONS: &str = "\
${AWS:: = CloudFormation
${aws_ ${data. ${local. ${module. ${random_ ${var. = Terraform
${{github. ${{inputs. ${{matrix. ${{needs. ${{secrets. ${{steps. ${{vars. = GitHub Actions";

/// Texts in the addresses of AWS's console. Each address, in any partition, has one of them.
const CONSOLES: [&str; 2] = ["console.aws.amazon.com/", "console.amazonaws"];

/// Patterns for console pages about a parameter or a secret, each with the reference, in rows for
/// [`hint_of_rows`]. A tab of the page, such as `/description`, may follow a parameter's name.
const CONSOLE_PAGES: &str = r"/parameters/+([^?#]+/[^?#]+)/[a-z]+ => ssm:/$1
/parameters/([^?#/]+) => ssm:$1
[?&]name=([^&#]+) => $1";

/// Returns each word of a table with the text that follows ` = ` in its line.
fn rows(table: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = table.lines().filter_map(|line| line.split_once(" = "));
    lines.flat_map(|(words, text)| words.split(' ').map(move |word| (word, text)))
}

/// Returns what to write instead of another tool's subcommand or option: `--pristine` →
/// `--clean-env`.
pub fn replacement(word: &str) -> Option<&'static str> {
    let (_, ours) = rows(COMMAND_LINE).find(|(other, _)| *other == word)?;
    Some(ours)
}

/// Returns our key for a key of another tool: `exclude` → `except`. It is the first of our keys in
/// a row of [`KEYS`]. A row applies only if all of our keys in it are `known`.
pub fn own_key(key: &str, known: &[&str]) -> Option<&'static str> {
    let are_known = |ours: &str| ours.split(' ').all(|own| known.contains(&own));
    let (_, ours) = rows(KEYS).find(|(other, ours)| *other == key && are_known(ours))?;
    ours.split(' ').next()
}

/// If a file has a key in [`FILES`], returns what the file is, and the help.
pub fn foreign_file(has_key: impl Fn(&str) -> bool) -> Option<(&'static str, String)> {
    let (_, file) = rows(FILES).find(|(key, _)| has_key(key))?;
    let (what, help) = file.split_once(" = ")?;
    Some((what, help.to_owned()))
}

/// Returns the remedy for a value with a YAML tag, such as `!var` or `!var:file`. `tag` is the text
/// after the exclamation mark. The result is `None` for an unknown tag, and for a tag without a
/// value, because a password can begin with `!`.
pub fn tag_remedy(tag: &str, value: &str) -> Option<String> {
    let word = tag.split(':').next().unwrap_or_default().to_lowercase();
    let (_, ours) = rows(TAGS).find(|(other, _)| *other == word && !value.is_empty())?;
    // A tag such as `!getatt` has its own row with what to write instead.
    if !ours.is_empty() {
        return Some(format!("use {ours}"));
    }
    // The value of any other tag is a reference, as in `!var prod/db#password`.
    let reference = value.replace('#', ":");
    Some(match reads_like_a_name(&reference) {
        true => format!("write {reference}, without \"!{tag}\""),
        // The value may be a password.
        false => format!("remove \"!{tag}\""),
    })
}

/// If `text` is a reference in the syntax of another tool, returns its prefix, and what to write
/// instead of the prefix: for `awssm:prod/db`, `awssm:` and `secretsmanager:`. If the secret isn't
/// in AWS, the text to write is empty, and `text` must have a slash (see [`PREFIXES`]).
pub fn foreign_prefix(text: &str) -> Option<(&'static str, &'static str)> {
    // No prefix has a slash before its first colon (or `}`), but most references do, so the table
    // is rarely searched.
    if text.split([':', '}']).next()?.contains('/') {
        return None;
    }
    rows(PREFIXES)
        .find(|(prefix, ours)| text.starts_with(prefix) && (!ours.is_empty() || text.contains('/')))
}

/// For a reference in the syntax of another tool, a damaged ARN or the address of a page in AWS's
/// console, returns what is wrong, as a predicate, and our reference, such as `prod/db:password`.
/// The reference is empty if the secret isn't in AWS, or if the page isn't about one secret.
pub fn foreign_reference(text: &str) -> Option<(String, String)> {
    if text.contains("://") && CONSOLES.iter().any(|host| text.contains(host)) {
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        // The name of a parameter is encoded twice.
        let address = decoded(&decoded(text));
        let reference = hint_of_rows(CONSOLE_PAGES, &address).unwrap_or_default();
        let predicate = "is the address of a page in AWS's console";
        return Some((predicate.to_owned(), reference));
    }

    // An ARN that was copied without its beginning, such as `rn:aws:secretsmanager:…`, still has at
    // least five fields.
    let has_resource = text.contains(":secret:") || text.contains(":parameter/");
    if has_resource && !text.contains("arn:") && text.split(':').count() > 4 {
        // The colon in front makes the first field begin like the others. Because of this colon,
        // the index of `:aws` is also the index of `aws` in `text`.
        let partition_start = format!(":{text}").find(":aws")?;
        let arn = format!("arn:{}", &text[partition_start..]);
        return Some(("is an incomplete ARN".to_owned(), arn));
    }

    let parts = text.split_once(":parameter:");
    if let Some((before, name)) = parts.filter(|(before, _)| before.contains(":ssm:")) {
        let arn = format!("{before}:parameter/{}", name.trim_start_matches('/'));
        return Some(("is an ARN with a colon after \"parameter\"".to_owned(), arn));
    }

    let (prefix, ours) = foreign_prefix(text).or_else(|| {
        rows(WORDS_BEFORE_NAMES).find(|(word, _)| text.starts_with(word) && text.contains('/'))
    })?;
    let predicate = format!("begins with \"{prefix}\", which is another tool's syntax");
    let reference = match ours {
        "" => String::new(),
        ours => own_reference(prefix, ours, &text[prefix.len()..])?,
    };
    Some((predicate, reference))
}

/// Returns our reference for one in the syntax of another tool. `prefix` is its beginning, `ours`
/// is what to write instead of the prefix, and `rest` is the text after the prefix: `awssm:`,
/// `secretsmanager:` and `prod/db#password` → `prod/db:password`.
fn own_reference(prefix: &str, ours: &str, rest: &str) -> Option<String> {
    // Some tools write two slashes before the name, as in `secretsmanager://prod/db`. A single
    // slash belongs to a parameter's name, so it is removed only if `ours` already ends with one.
    let slashes = if ours.ends_with('/') { "/" } else { "//" };
    let rest = rest.trim_start_matches(slashes);
    // An expression ends with a brace or two: `${ssm:/prod/level}`, `{{resolve:ssm:/prod/level}}`.
    let closing = if prefix.starts_with("${") { "}" } else { "}}" };
    // CloudFormation writes prod/db:SecretString:password, and others prod/db#password,
    // prod/db?key=password or prod/db?region=us-east-1#/password. Any other query is dropped. The
    // pattern is valid.
    let separator = Regex::new(r":SecretString:?|\?key=|(\?[^#]*)?#/?|\?.*").ok()?;
    let fields = separator.replace_all(rest.trim_end_matches(closing), ":");
    // In our references, only parameters have a prefix.
    Some(ours.replace("secretsmanager:", "") + fields.trim_end_matches(':'))
}

/// Returns the hint of the first row whose pattern matches `text`. A row has a pattern, ` => ` and
/// the hint.
pub fn hint_of_rows(table: &str, text: &str) -> Option<String> {
    table.lines().find_map(|row| {
        let (pattern, hint) = row.split_once(" => ")?;
        // All patterns are valid.
        let captures = Regex::new(pattern).ok()?.captures(text)?;
        let mut expanded = String::new();
        captures.expand(hint, &mut expanded);
        Some(expanded)
    })
}

/// Returns the fault for an expression in the text that another tool should have replaced, such as
/// Terraform's `${var.db}`.
pub fn unrendered_expression(text: &str) -> Option<Fault> {
    let compact = text.replace(' ', "");
    let (beginning, tool) = rows(EXPRESSIONS).find(|(start, _)| compact.contains(start))?;
    let predicate = format!("contains \"{beginning}\", which only {tool} expands");
    let is_whole = compact.starts_with(beginning) && compact.find("}}") == Some(compact.len() - 2);
    let help = match beginning {
        // GitHub replaces the whole reference with the value of a secret, not with its name.
        "${{secrets." if is_whole => {
            "remove the entry, and set the variable under \"env:\" in the step".to_owned()
        }
        _ => format!("in {tool}, set NAME to this expression, and write ${{NAME}} here"),
    };
    Some(Fault::new(predicate).help(help))
}

pub fn helm_fault(text: &str) -> Option<Fault> {
    let words = [".Values.", ".Release.", ".Chart.", "toYaml ", "include \""];
    let is_unrendered = text.contains("{{") && words.iter().any(|word| text.contains(word));
    is_unrendered.then(|| {
        Fault::new("is a Helm template that hasn't been rendered")
            .help("in the chart, render the file with tpl, as in {{ tpl (.Files.Get \"secrets-exec.yaml\") . }}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelled_name_gets_the_most_similar_one_as_a_suggestion_and_an_unrelated_name_gets_none()
    {
        let keys = || ["host", "password", "port"].into_iter();
        assert_eq!(nearest("PORT", keys()), Some("port"));
        assert_eq!(nearest("api_token", keys()), None);
        assert_eq!(nearest("t", ["s", "to"].into_iter()), None);
        assert_eq!(nearest("", [""].into_iter()), None);
        assert_eq!(nearest("a", ["A"].into_iter()), Some("A"));
        assert_eq!(
            nearest(
                "password2",
                ["p", "password", "password_of_somebody_else"].into_iter()
            ),
            Some("password")
        );
        assert_eq!(
            nearest("host3", ["host2", "host1"].into_iter()),
            Some("host1")
        );
    }

    #[test]
    fn what_people_do_not_see_is_named_with_its_place_and_its_remedy() {
        for (text, predicate, help) in [
            ("", "is empty", "that variable isn't set"),
            (" ", "is only a space", "remove the space"),
            ("\r", "is only a carriage return", "remove"),
            ("\u{a0}\u{a0}", "is only a no-break space", "remove"),
            (
                "us-east-1\r",
                "ends with a carriage return",
                "sed -i 's/\\r$//' FILE",
            ),
            ("true\r\n", "ends with a line break", "at the end"),
            (
                "us-east-1 ",
                "ends with a space",
                "remove the space at the end",
            ),
            ("key\t", "ends with a tab", "remove the tab"),
            (" prod/db", "begins with a space", "at the beginning"),
            ("\u{a0}prod/db", "begins with a no-break space", "remove"),
            ("\u{feff}prod/db", "begins with a byte order mark", "remove"),
            (
                "\u{3000}prod/db",
                "begins with a hidden character (U+3000)",
                "remove",
            ),
            (
                "“prod/db”",
                "contains curly quotes",
                "remove the curly quotes",
            ),
            (
                "prod/db:it’s",
                "contains curly quotes",
                "remove the curly quotes",
            ),
            (
                "a\u{a0}b",
                "contains a no-break space",
                "use ordinary spaces",
            ),
            (
                "prod\u{200b}/db",
                "contains a hidden character (U+200B)",
                "remove",
            ),
            ("a\u{1b}b", "contains a hidden character (U+001B)", "remove"),
            (
                "a\rb",
                "contains a carriage return",
                "remove the carriage return",
            ),
        ] {
            let found = overlooked(text).unwrap();
            assert!(found.text.starts_with(predicate), "{text:?}: {found:?}");
            assert!(
                found.help.as_ref().unwrap().contains(help),
                "{text:?}: {found:?}"
            );
        }
    }

    #[test]
    fn in_a_line_of_yaml_only_the_spaces_around_the_name_matter() {
        for (line, predicate) in [
            ("\u{a0}\u{a0}A: b", "is indented with a no-break space"),
            (" \u{a0}A: b", "is indented with a no-break space"),
            ("\tA: b", "is indented with a tab"),
            ("A:\u{a0}b", "has a no-break space after its colon"),
        ] {
            assert_eq!(
                overlooked_in_line(line).unwrap().text,
                predicate,
                "{line:?}"
            );
        }
        for line in [
            "",
            "  ",
            "\t",
            "  A: b",
            "A:\tb",
            "A: b\u{a0}",
            "A: “b”",
            "- a",
        ] {
            assert_eq!(overlooked_in_line(line), None, "{line:?}");
        }
    }

    #[test]
    fn a_text_without_anything_hidden_is_left_to_other_checks() {
        for text in [
            "a", "prod/db", "a b", "\"a\"", "'a'", "*", "größe", "日本", "🔑", "\\",
        ] {
            assert_eq!(overlooked(text), None, "{text:?}");
        }
    }

    #[test]
    fn utf_16_is_recognized_with_and_without_a_byte_order_mark() {
        for bytes in [&b"\xff\xfee\0"[..], b"\xfe\xff\0e", b"e\0n\0v\0", b"\0e\0n"] {
            assert!(is_utf16(bytes), "{bytes:?}");
        }
        for bytes in [
            &b""[..],
            b"e",
            b"env: {}",
            b"\xef\xbb\xbfenv",
            b"\0GITCRYPT\0",
        ] {
            assert!(!is_utf16(bytes), "{bytes:?}");
        }
    }

    #[test]
    fn a_reference_of_another_tool_is_translated() {
        for (text, ours) in [
            ("aws-sm:prod/db:password", "prod/db:password"),
            ("parameterstore:/prod/app", "ssm:/prod/app"),
            ("awssm://prod/db#password", "prod/db:password"),
            ("ref+awssecrets://prod/db#/password", "prod/db:password"),
            (
                "secretref+awssecrets://a/b?region=x#/password",
                "a/b:password",
            ),
            ("secretsmanager://prod/db?key=password", "prod/db:password"),
            ("ref+awsssm://prod/app?region=eu-west-1", "ssm:/prod/app"),
            ("awsparamstore:///prod/app", "ssm:/prod/app"),
            ("{aws-ssm}/prod/app", "ssm:/prod/app"),
            ("ssm://prod/app", "ssm:/prod/app"),
            ("ssm:///prod/app", "ssm:/prod/app"),
            ("ssm-secure:/prod/app", "ssm:/prod/app"),
            ("ssm-secure:app", "ssm:app"),
            ("parameter:/prod/app", "ssm:/prod/app"),
            ("${ssm:/prod/app}", "ssm:/prod/app"),
            ("aws-secretsmanager:prod/db", "prod/db"),
            ("aws-parameterstore:/prod/app", "ssm:/prod/app"),
            ("ref+vault://secret/db#/password", ""),
            ("{{resolve:ssm:/prod/app}}", "ssm:/prod/app"),
            ("op://vault/item/field", ""),
            ("vault:secret/data/db#password", ""),
            (
                "https://us-east-1.console.aws.amazon.com/secretsmanager/secret?name=prod%2Fdb&region=us-east-1",
                "prod/db",
            ),
            (
                "https://console.amazonaws.cn/secretsmanager/home?region=cn-north-1#!/secret?name=prod%2Fdb",
                "prod/db",
            ),
            (
                "https://console.aws.amazon.com/secretsmanager/listsecrets",
                "",
            ),
        ] {
            assert_eq!(
                foreign_reference(text).map(|(_, ours)| ours).as_deref(),
                Some(ours),
                "{text}"
            );
        }
        for text in [
            "vault:token",
            "parameter:key",
            "${ssm:-prod/db}",
            "ssm:/prod/app",
            "prod/db",
            "sm:key",
            "op:x",
            "postgres://console.acme.com/app",
        ] {
            assert_eq!(foreign_reference(text), None, "{text}");
        }
    }
}
