//! The tags of a template, word by word: `{{ … }}` and `{% … %}` without comments and raw blocks.

/// A piece of a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A name, a keyword or the digits of a number.
    Word(&'a str),
    /// A string literal, without its quotes and with its escapes.
    Text(&'a str),
    /// Any other character.
    Sign(char),
}

/// One tag.
pub(super) struct Tag<'a> {
    /// The line that it starts on, counted from 1.
    pub(super) line: usize,
    pub(super) tokens: Vec<Token<'a>>,
}

impl<'a> Tag<'a> {
    /// The first word: of a statement, its keyword.
    pub(super) fn keyword(&self) -> Option<&'a str> {
        self.tokens.iter().find_map(|token| match token {
            Token::Word(word) => Some(*word),
            Token::Text(_) | Token::Sign(_) => None,
        })
    }
}

/// Splits `text` as far as MiniJinja would; a template with an error of syntax gives anything.
pub(super) fn tags(text: &str) -> Vec<Tag<'_>> {
    let mut tags = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let line = text[..text.len() - rest.len() + before.len()].matches('\n').count() + 1;
        rest = after;
        if let Some(comment) = after.strip_prefix('#') {
            rest = comment.split_once("#}").map_or("", |(_, after)| after);
        } else if let Some(inside) = after.strip_prefix(['{', '%']) {
            let (tokens, after) = tokens(inside);
            let tag = Tag { line, tokens };
            rest = match tag.keyword() {
                Some("raw") => after.split_once("endraw").map_or("", |(_, after)| after),
                _ => after,
            };
            tags.push(tag);
        }
    }
    tags
}

/// The tokens up to the end of the tag, and what follows it.
fn tokens(mut rest: &str) -> (Vec<Token<'_>>, &str) {
    let mut tokens = Vec::new();
    let mut braces = 0_usize;
    loop {
        rest = rest.trim_start();
        let Some(first) = rest.chars().next() else { return (tokens, rest) };
        if braces == 0
            && let Some(after) = rest.strip_prefix("}}").or_else(|| rest.strip_prefix("%}"))
        {
            return (tokens, after);
        }
        let is_inside = |c: char| c.is_alphanumeric() || c == '_';
        let (token, length) = if matches!(first, '\'' | '"') {
            let end = closing_quote(rest, first);
            (Token::Text(&rest[1..end]), (end + 1).min(rest.len()))
        } else if is_inside(first) {
            let end = rest.find(|c| !is_inside(c)).unwrap_or(rest.len());
            (Token::Word(&rest[..end]), end)
        } else {
            match first {
                '{' => braces += 1,
                '}' => braces = braces.saturating_sub(1),
                _ => {}
            }
            (Token::Sign(first), first.len_utf8())
        };
        tokens.push(token);
        rest = &rest[length..];
    }
}

/// The place of the quote that closes the literal at the start of `text`, or the end of `text`.
fn closing_quote(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    let close = text.char_indices().skip(1).find(|(_, c)| {
        let closes = *c == quote && !is_escaped;
        is_escaped = *c == '\\' && !is_escaped;
        closes
    });
    close.map_or(text.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Token::{Sign, Text, Word};
    use super::*;

    #[test]
    fn a_tag_is_split_into_words_texts_and_signs() {
        let tags = tags("a\n{{ db['x}}']|d(\"\\\"\") }}{%- if {'a': {}} %}");
        let expected = [
            vec![
                Word("db"),
                Sign('['),
                Text("x}}"),
                Sign(']'),
                Sign('|'),
                Word("d"),
                Sign('('),
                Text("\\\""),
                Sign(')'),
            ],
            vec![Sign('-'), Word("if"), Sign('{'), Text("a"), Sign(':'), Sign('{'), Sign('}'), Sign('}')],
        ];
        assert_eq!(tags.iter().map(|tag| tag.tokens.clone()).collect::<Vec<_>>(), expected);
        assert_eq!(tags.iter().map(|tag| tag.line).collect::<Vec<_>>(), [2, 2]);
        assert_eq!(tags[1].keyword(), Some("if"));
    }

    #[test]
    fn text_comments_and_raw_blocks_have_no_tags() {
        assert_eq!(tags("{a} {# {{ b }} #}{% raw %}{{ c }}{% endraw %}{{ d }}").len(), 2);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(\\{\\{|\\}\\}|\\{%|%\\}|\\{#|'|\"|\\\\|é|raw|\n|\\PC){0,40}") {
            prop_assert!(tags(&text).iter().all(|tag| tag.line >= 1));
        }
    }
}
