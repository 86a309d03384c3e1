//! Rewrites a configuration file from the dialect of botocore, which is Python's `configparser`, to the stricter one of the SDK.
//!
//! Only botocore reads `key: value`, an indented first key, an indented comment, and a section's name in quotes. The SDK's parser also
//! takes fewer characters in a name, so names are percent-encoded.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// The two files. In the credentials file, the name of a section is the name of a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    Config,
    Credentials,
}

/// A line that is neither a section nor a setting.
#[derive(Debug, PartialEq, Eq)]
pub struct IniError {
    /// From 1.
    pub line: usize,
    pub expected: &'static str,
}

/// The characters of a name that the SDK accepts, without the percent sign.
const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'_').remove(b'-').remove(b'/').remove(b'.').remove(b'@').remove(b':').remove(b'+');

/// A section that the SDK ignores in the configuration file.
const IGNORED: &str = "[ignored]";

/// Returns the name of a profile, an SSO session or a `services` section as a rewritten file has it.
pub fn encode_name(name: &str) -> String {
    utf8_percent_encode(name, ENCODED).to_string()
}

/// Returns the name that [`encode_name`] encoded.
pub fn decode_name(encoded: &str) -> String {
    percent_decode_str(encoded).decode_utf8_lossy().into_owned()
}

/// Rewrites a file. Each line stays in its place.
///
/// # Errors
/// For the first line that botocore would not accept.
pub fn rewrite(text: &str, kind: FileKind) -> Result<String, IniError> {
    let mut rewriter = Rewriter { kind, has_section: false, setting: None, indent: 0 };
    let mut rewritten = String::with_capacity(text.len());
    for (index, line) in text.lines().enumerate() {
        let line = rewriter.line(line).map_err(|expected| IniError { line: index + 1, expected })?;
        rewritten.push_str(&line);
        rewritten.push('\n');
    }
    Ok(rewritten)
}

/// Returns the names of the sections of the configuration file that would be profiles in the credentials file.
pub fn bare_sections(text: &str) -> Vec<String> {
    let names = text.lines().filter_map(|line| line.trim().strip_prefix('[')?.rsplit_once(']'));
    names.map(|(name, _)| name.trim().to_owned()).collect()
}

/// The state of `configparser` between two lines.
struct Rewriter {
    kind: FileKind,
    has_section: bool,
    /// The last setting of the section.
    setting: Option<Setting>,
    /// The indentation of the last section or setting. A line with more continues the value.
    indent: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Setting {
    WithValue,
    /// A setting without a value on its own line, such as `s3 =`, which settings below may continue.
    Empty,
}

impl Rewriter {
    fn line(&mut self, line: &str) -> Result<String, &'static str> {
        let content = line.trim();
        if content.is_empty() || content.starts_with(['#', ';']) {
            return Ok(String::new());
        }
        let indent = line.chars().take_while(|c| c.is_whitespace()).count();
        match self.setting {
            Some(setting) if indent > self.indent => return continuation(setting, content),
            Some(_) | None => self.indent = indent,
        }
        match content.strip_prefix('[').map(|rest| rest.rsplit_once(']')) {
            Some(Some((name, _))) => {
                (self.has_section, self.setting) = (true, None);
                Ok(section(name, self.kind))
            }
            Some(None) => Err("a closing bracket, as in [profile NAME]"),
            None => self.setting(content),
        }
    }

    fn setting(&mut self, content: &str) -> Result<String, &'static str> {
        if !self.has_section {
            return Err("a section before the first setting, as in [default]");
        }
        let (key, value) = content.split_once(['=', ':']).ok_or("KEY = VALUE")?;
        let (key, value) = (key.trim(), value.trim());
        if key.is_empty() {
            return Err("KEY = VALUE");
        }
        self.setting = Some(if value.is_empty() { Setting::Empty } else { Setting::WithValue });
        Ok(format!("{key} = {value}"))
    }
}

/// A line of a longer value, which the SDK recognizes by a blank.
fn continuation(setting: Setting, content: &str) -> Result<String, &'static str> {
    if setting == Setting::Empty && !content.contains('=') {
        return Err("KEY = VALUE, since it is indented below a setting without a value");
    }
    Ok(format!(" {content}"))
}

fn section(name: &str, kind: FileKind) -> String {
    let name = name.trim();
    if kind == FileKind::Credentials {
        return format!("[{}]", encode_name(name));
    }
    if name == "default" {
        return "[default]".to_owned();
    }
    match split_words(name).as_deref() {
        Some([prefix, name]) => {
            let known = ["profile", "sso-session", "services"].into_iter().find(|known| prefix.starts_with(known));
            known.map_or_else(|| IGNORED.to_owned(), |known| format!("[{known} {}]", encode_name(name)))
        }
        Some(_) | None => IGNORED.to_owned(),
    }
}

/// Splits a section's name into words as a POSIX shell does, like Python's `shlex.split`; `None` if a quote is not closed.
fn split_words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, '\\') => word.get_or_insert_default().push(characters.next()?),
            (Some('"'), '\\') => {
                let escaped = characters.next()?;
                let word = word.get_or_insert_default();
                if !matches!(escaped, '"' | '\\') {
                    word.push('\\');
                }
                word.push(escaped);
            }
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> String {
        rewrite(text, FileKind::Config).unwrap()
    }

    #[test]
    fn a_colon_separates_like_an_equals_sign_whichever_comes_first() {
        let text = "[default]\nregion: eu-west-1\nrole_arn: arn:aws:iam::1:role/r\nendpoint_url = http://x:1\na:b=c\n";
        let rewritten =
            "[default]\nregion = eu-west-1\nrole_arn = arn:aws:iam::1:role/r\nendpoint_url = http://x:1\na = b=c\n";
        assert_eq!(config(text), rewritten);
    }

    #[test]
    fn a_line_continues_a_value_if_it_is_indented_more_than_the_key() {
        let text = "[default]\n  a = 1\n  b =\n    c = 2\n\n    # no line\n    d = 3\n \te = 4\n  f = 5\n";
        assert_eq!(
            config(text),
            "[default]\na = 1\nb =\n c = 2\n\n\n d = 3\ne = 4\nf = 5\n".replace("b =\n", "b = \n")
        );
        assert_eq!(config(" [default]\n a = 1\n"), "[default]\na = 1\n");
    }

    #[test]
    fn a_name_may_be_quoted_and_hold_blanks() {
        for (written, rewritten) in [
            ("[profile \"my dev\"]", "[profile my%20dev]"),
            ("[profile 'dev']  # x", "[profile dev]"),
            ("[profile my\\ dev]", "[profile my%20dev]"),
            ("[sso-session \"a\\\"b\"]", "[sso-session a%22b]"),
            ("[profile 50%]", "[profile 50%25]"),
            ("[profile my dev]", IGNORED),
            ("[profile \"my dev]", IGNORED),
            ("[dev]", IGNORED),
            ("[ default ]", "[default]"),
        ] {
            assert_eq!(config(written), format!("{rewritten}\n"), "{written}");
        }
        let credentials = rewrite("[my dev]\n[\"dev\"]\n", FileKind::Credentials).unwrap();
        assert_eq!(credentials, "[my%20dev]\n[%22dev%22]\n");
    }

    #[test]
    fn an_encoded_name_is_decoded_to_itself() {
        for name in ["default", "my dev", "50%", "50%25", "é", "a/b.c@d:e+f_g-h", "#;[]"] {
            assert_eq!(decode_name(&encode_name(name)), name);
        }
    }

    #[test]
    fn a_line_of_no_kind_is_an_error_with_its_number() {
        for (text, line) in [
            ("a = 1", 1),
            ("# x\n[default]\nregion eu-west-1", 3),
            ("[default", 1),
            ("[default]\n= 1", 2),
            ("[default]\ns3 =\n  yes", 3),
        ] {
            assert_eq!(rewrite(text, FileKind::Config).map_err(|error| error.line), Err(line), "{text}");
        }
    }
}
