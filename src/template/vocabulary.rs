//! The words a template can use besides its aliases, so that a misspelt one is found before anything is read.

use minijinja::machinery::Span;
use minijinja::machinery::ast::{CallArg, Expr};

use crate::suggest;

/// MiniJinja's own filters and ours; `resolve::template` defines every one of them.
pub(super) const FILTERS: &[&str] = &[
    "abs",
    "attr",
    "b64decode",
    "b64encode",
    "batch",
    "bool",
    "capitalize",
    "chain",
    "count",
    "d",
    "default",
    "dictsort",
    "e",
    "escape",
    "first",
    "float",
    "format",
    "fromjson",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "pprint",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "safe",
    "select",
    "selectattr",
    "slice",
    "sort",
    "split",
    "string",
    "sum",
    "title",
    "tojson",
    "trim",
    "unique",
    "upper",
    "urlencode",
    "zip",
];

/// MiniJinja's tests, also by the signs that `select` takes.
pub(super) const TESTS: &[&str] = &[
    "!=",
    "<",
    "<=",
    "==",
    ">",
    ">=",
    "boolean",
    "defined",
    "divisibleby",
    "endingwith",
    "eq",
    "equalto",
    "escaped",
    "even",
    "false",
    "filter",
    "float",
    "ge",
    "greaterthan",
    "gt",
    "in",
    "int",
    "integer",
    "iterable",
    "le",
    "lessthan",
    "lower",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "safe",
    "sameas",
    "sequence",
    "startingwith",
    "string",
    "test",
    "true",
    "undefined",
    "upper",
];

/// MiniJinja's functions, but for `debug`, which would put every value there is into one variable.
pub(super) const FUNCTIONS: &[&str] = &["dict", "namespace", "range"];

/// A word that the template language does not have.
#[derive(Debug)]
pub(super) struct Unknown {
    pub(super) offset: usize,
    pub(super) kind: &'static str,
    pub(super) word: String,
    pub(super) nearest: Option<&'static str>,
}

/// `map('upper')` and `select('odd')` name a filter or a test as text.
pub(super) fn named_by_argument(filter: &str, arguments: &[CallArg<'_>]) -> Result<(), Unknown> {
    let (kind, words, at) = match filter {
        "map" => ("filter", FILTERS, 0),
        "select" | "reject" => ("test", TESTS, 0),
        "selectattr" | "rejectattr" => ("test", TESTS, 1),
        _ => return Ok(()),
    };
    match arguments.get(at) {
        Some(CallArg::Pos(Expr::Const(constant))) => match constant.value.as_str() {
            Some(word) => known(kind, word, words, constant.span()),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

/// Whether `word` is one of `words`.
pub(super) fn known(kind: &'static str, word: &str, words: &[&'static str], span: Span) -> Result<(), Unknown> {
    if words.contains(&word) { Ok(()) } else { Err(unknown(kind, word, words, span)) }
}

/// The error for `word`.
pub(super) fn unknown(kind: &'static str, word: &str, words: &[&'static str], span: Span) -> Unknown {
    let nearest = suggest::nearest(word, words.iter().copied());
    Unknown { offset: span.start_offset as usize, kind, word: word.to_owned(), nearest }
}

#[cfg(test)]
mod tests {
    use minijinja::{Environment, ErrorKind};

    use super::*;

    #[test]
    fn every_word_is_one_of_minijinja_or_ours() {
        let environment = Environment::new();
        let mut state = environment.empty_state();
        let ours = ["b64decode", "b64encode", "fromjson", "tojson", "urlencode"];
        for filter in FILTERS.iter().filter(|filter| !ours.contains(filter)) {
            let error = state.apply_filter(filter, &[]).err();
            assert_ne!(error.map(|error| error.kind()), Some(ErrorKind::UnknownFilter), "{filter}");
        }
        for test in TESTS {
            let error = state.perform_test(test, &[]).err();
            assert_ne!(error.map(|error| error.kind()), Some(ErrorKind::UnknownTest), "{test}");
        }
        for function in FUNCTIONS {
            assert!(environment.globals().any(|(name, _)| name == *function), "{function}");
        }
    }
}
