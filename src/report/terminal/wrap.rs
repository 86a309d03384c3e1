//! Columns of text on a terminal, and lines of a given width.

/// Splits a text at blanks, except between a pair of backticks: code and commands are copied from there.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let (mut start, mut is_code) = (0, false);
    for (at, c) in text.char_indices() {
        match c {
            '`' => is_code = !is_code && text[at + 1..].contains('`'),
            ' ' if !is_code => {
                words.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    words.push(&text[start..]);
    words
}

/// Breaks `text` at blanks into lines of at most `width` columns. The first begins after `start` columns, the others with `indent`
/// blanks.
///
/// A word that is longer than a line is not broken, so that it can be copied; the terminal folds it.
pub fn wrap(text: &str, width: usize, start: usize, indent: usize) -> String {
    let leading = text.len() - text.trim_start_matches(' ').len();
    let mut wrapped = text[..leading].to_owned();
    let mut column = start + leading;
    let mut is_first = true;
    for word in words(&text[leading..]) {
        let length = columns(word);
        if is_first {
            is_first = false;
        } else if column + 1 + length > width {
            wrapped.push('\n');
            wrapped.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        } else {
            wrapped.push(' ');
            column += 1;
        }
        wrapped.push_str(word);
        column += length;
    }
    wrapped
}

/// The columns of a text without control characters.
pub fn columns(text: &str) -> usize {
    text.chars().map(columns_of).sum()
}

pub fn columns_of(c: char) -> usize {
    if is_wide(c) { 2 } else { 1 }
}

/// True for the blocks whose characters are two columns wide (East Asian Width, UAX #11), and for emoji.
fn is_wide(c: char) -> bool {
    matches!(
        c,
        '\u{1100}'..='\u{115f}'
            | '\u{2e80}'..='\u{a4cf}'
            | '\u{ac00}'..='\u{d7a3}'
            | '\u{f900}'..='\u{faff}'
            | '\u{fe30}'..='\u{fe6f}'
            | '\u{ff00}'..='\u{ff60}'
            | '\u{ffe0}'..='\u{ffe6}'
            | '\u{1f300}'..='\u{1faff}'
            | '\u{20000}'..='\u{3fffd}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_fits_stays_on_one_line() {
        assert_eq!(wrap("one two", 10, 3, 2), "one two");
        assert_eq!(wrap("", 10, 3, 2), "");
    }

    #[test]
    fn a_text_breaks_at_the_last_blank_that_fits_and_is_indented() {
        assert_eq!(wrap("one two", 9, 3, 2), "one\n  two");
        assert_eq!(wrap("one two three four", 10, 0, 2), "one two\n  three\n  four");
    }

    #[test]
    fn a_word_longer_than_the_line_is_not_broken() {
        assert_eq!(wrap("a arn:aws:secretsmanager b", 10, 0, 2), "a\n  arn:aws:secretsmanager\n  b");
        assert_eq!(wrap("arn:aws:secretsmanager", 5, 0, 2), "arn:aws:secretsmanager");
        assert_eq!(wrap("a b", 0, 0, 1), "a\n b");
    }

    #[test]
    fn code_between_backticks_is_not_broken() {
        assert_eq!(wrap("log in: `aws sso login`, or", 22, 0, 2), "log in:\n  `aws sso login`, or");
        assert_eq!(wrap("one ` two", 6, 0, 2), "one `\n  two");
    }

    #[test]
    fn blanks_at_the_start_and_in_between_are_kept() {
        assert_eq!(wrap("  one  two", 20, 0, 2), "  one  two");
    }

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!(wrap("日本 日本", 8, 0, 1), "日本\n 日本");
        assert_eq!(wrap("日本 日本", 9, 0, 1), "日本 日本");
    }

    proptest::proptest! {
        #[test]
        fn nothing_but_blanks_is_lost_and_no_line_with_several_words_is_too_long(text in "[a-c日 ]{0,60}", width in 0_usize..30) {
            let wrapped = wrap(&text, width, 5, 3);
            proptest::prop_assert!(wrapped.split_whitespace().eq(text.split_whitespace()));
            for line in wrapped.lines().skip(1).filter(|line| line.split_whitespace().count() > 1) {
                proptest::prop_assert!(columns(line) <= width, "{line:?}");
            }
        }
    }
}
