//! Splits a template into tags (`{{ … }}` and `{% … %}`) and their words, without comments and raw blocks.
//!
//! MiniJinja's `undeclared_variables` overlooks a name that is sliced (`db.host[:3]`), assigned to itself
//! (`{% set db = db.x %}`) or an argument of `{% filter %}`, and returns neither filters nor keys in brackets.

pub struct Tag {
    /// The line of its first character, counted from 1.
    pub line: usize,
    /// The text between the delimiters, with empty string literals.
    pub code: String,
}

/// A word of a tag, with the code before and after it.
pub struct Word<'a> {
    pub text: &'a str,
    before: &'a str,
    after: &'a str,
}

/// Returns the tags of a template. For a template with syntax errors the result is unspecified.
pub fn tags(text: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('{') {
        let line = text[..text.len() - after.len()].matches('\n').count() + 1;
        rest = after;
        if let Some(comment) = after.strip_prefix('#') {
            rest = comment.split_once("#}").map_or("", |(_, after)| after);
        } else if let Some(inside) = after.strip_prefix(['{', '%']) {
            let (code, after) = code(inside);
            let tag = Tag { line, code };
            rest = match tag.keyword() {
                "raw" => after.split_once("endraw").map_or("", |(_, after)| after),
                _ => after,
            };
            tags.push(tag);
        }
    }
    tags
}

/// Splits the text after an opening delimiter into the tag's code, with empty string literals, and the text after the
/// tag.
fn code(text: &str) -> (String, &str) {
    let mut code = String::new();
    let (mut quote, mut is_escaped, mut braces) = (None, false, 0_usize);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(_), _) if is_escaped => is_escaped = false,
            (Some(_), '\\') => is_escaped = true,
            (Some(open), _) if c != open => {}
            (Some(_), _) => {
                quote = None;
                code.push(c);
            }
            (None, _) if braces == 0 && (text[at..].starts_with("}}") || text[at..].starts_with("%}")) => {
                return (code, &text[at + 2..]);
            }
            (None, _) => {
                match c {
                    '\'' | '"' => quote = Some(c),
                    '{' => braces += 1,
                    '}' => braces = braces.saturating_sub(1),
                    _ => {}
                }
                code.push(c);
            }
        }
    }
    (code, "")
}

impl Tag {
    /// Returns the first word, which is the keyword of a statement.
    pub fn keyword(&self) -> &str {
        self.words().next().map_or("", |word| word.text)
    }

    pub fn words(&self) -> impl Iterator<Item = Word<'_>> {
        let code = self.code.as_str();
        let mut from = 0;
        std::iter::from_fn(move || {
            let start = from + code[from..].find(is_in_word)?;
            let end = code[start..].find(|c| !is_in_word(c)).map_or(code.len(), |length| start + length);
            from = end;
            Some(Word { text: &code[start..end], before: code[..start].trim_end(), after: code[end..].trim_start() })
        })
    }

    /// Returns the names that the tag assigns.
    pub fn targets(&self) -> Vec<&str> {
        let end = match self.keyword() {
            "set" => self.code.find(['=', '|']).unwrap_or(self.code.len()),
            "for" => self.words().find(|word| word.text == "in").map_or(0, |word| word.before.len()),
            "with" => return self.words().filter(Word::is_argument).map(|word| word.text).collect(),
            _ => 0,
        };
        let is_target = |word: &Word<'_>| word.before.len() < end && !word.before.is_empty();
        self.words().skip(1).filter(is_target).map(|word| word.text).collect()
    }
}

impl Word<'_> {
    /// True for the name of a filter, after `|` or in `{% filter … %}`.
    pub fn is_filter(&self) -> bool {
        self.before.ends_with('|') || self.before.trim_start_matches(['-', '+', ' ']) == "filter"
    }

    /// True for the name of a test, after `is` or `is not`.
    pub fn is_test(&self) -> bool {
        let mut words = self.before.rsplit(|c| !is_in_word(c)).filter(|word| !word.is_empty());
        let is_adjacent = self.before.ends_with(is_in_word);
        is_adjacent && matches!((words.next(), words.next()), (Some("is"), _) | (Some("not"), Some("is")))
    }

    /// True for the name of a function or a method that is called.
    pub fn is_called(&self) -> bool {
        self.after.starts_with('(') && !self.is_filter() && !self.is_test()
    }

    /// True for the name of an argument, `word=…`.
    fn is_argument(&self) -> bool {
        self.after.starts_with('=') && !self.after.starts_with("==")
    }

    /// True for the name of a variable: not a number, a key after a dot, a filter, a test or an argument.
    pub fn is_name(&self) -> bool {
        let is_number = self.text.starts_with(|c: char| c.is_ascii_digit());
        !(is_number || self.before.ends_with('.') || self.is_filter() || self.is_test() || self.is_argument())
    }
}

pub fn is_in_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
