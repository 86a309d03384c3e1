//! The types of functions in filters (RFC 9535, section 2.4.3), which jsonpath-rust checks in part.

use jsonpath_rust::parser::model::{
    Comparable, Filter, FilterAtom, FnArg, JpQuery, Segment, Selector, Test, TestFunction,
};

/// Checks every function in the filters of a query.
///
/// # Errors
/// The first one that is not RFC 9535's, is used where its result has no meaning, or has an argument of another type.
pub fn check_query(query: &JpQuery) -> Result<(), String> {
    check_segments(&query.segments)
}

fn check_segments(segments: &[Segment]) -> Result<(), String> {
    segments.iter().try_for_each(|segment| match segment {
        Segment::Descendant(segment) => check_segments(std::slice::from_ref(segment)),
        Segment::Selector(selector) => check_selector(selector),
        Segment::Selectors(selectors) => selectors.iter().try_for_each(check_selector),
    })
}

fn check_selector(selector: &Selector) -> Result<(), String> {
    match selector {
        Selector::Filter(filter) => check_filter(filter),
        Selector::Name(_) | Selector::Wildcard | Selector::Index(_) | Selector::Slice(..) => Ok(()),
    }
}

fn check_filter(filter: &Filter) -> Result<(), String> {
    match filter {
        Filter::Or(filters) | Filter::And(filters) => filters.iter().try_for_each(check_filter),
        Filter::Atom(FilterAtom::Filter { expr, .. }) => check_filter(expr),
        Filter::Atom(FilterAtom::Test { expr, .. }) => match &**expr {
            Test::Function(function) => check_function(function, Use::Test),
            query => check_test_query(query),
        },
        Filter::Atom(FilterAtom::Comparison(comparison)) => {
            let (left, right) = comparison.vals();
            [left, right].into_iter().try_for_each(|comparable| match comparable {
                Comparable::Function(function) => check_function(function, Use::Value),
                Comparable::Literal(_) | Comparable::SingularQuery(_) => Ok(()),
            })
        }
    }
}

/// The place where a function is used, which decides the type that its result must have.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    /// A test by itself: LogicalType.
    Test,
    /// A side of a comparison, or an argument: ValueType.
    Value,
}

fn check_function(function: &TestFunction, used: Use) -> Result<(), String> {
    let (name, result) = match function {
        TestFunction::Length(_) => ("length", Use::Value),
        TestFunction::Count(_) => ("count", Use::Value),
        TestFunction::Value(_) => ("value", Use::Value),
        TestFunction::Match(..) => ("match", Use::Test),
        TestFunction::Search(..) => ("search", Use::Test),
        TestFunction::Custom(name, _) => {
            return Err(format!("has a function {name}(), which RFC 9535 does not define"));
        }
    };
    match (used, result) {
        (Use::Test, Use::Value) => return Err(format!("uses {name}() without comparing its result with a value")),
        (Use::Value, Use::Test) => return Err(format!("uses {name}(), which is true or false, as a value")),
        (Use::Test, Use::Test) | (Use::Value, Use::Value) => {}
    }
    match function {
        TestFunction::Length(argument) => check_value_argument(name, argument),
        TestFunction::Count(argument) | TestFunction::Value(argument) => check_nodes_argument(name, argument),
        TestFunction::Match(text, pattern) | TestFunction::Search(text, pattern) => {
            [text, pattern].into_iter().try_for_each(|argument| check_value_argument(name, argument))
        }
        TestFunction::Custom(..) => Ok(()),
    }
}

/// Checks an argument of ValueType: a literal, a path that matches at most one value, or a function with such a result.
fn check_value_argument(name: &str, argument: &FnArg) -> Result<(), String> {
    let wrong = || Err(format!("gives {name}() something else than one value"));
    match argument {
        FnArg::Literal(_) => Ok(()),
        FnArg::Filter(_) => wrong(),
        FnArg::Test(test) => match &**test {
            Test::Function(function) => check_function(function, Use::Value),
            Test::RelQuery(segments) | Test::AbsQuery(JpQuery { segments }) if is_singular(segments) => Ok(()),
            Test::RelQuery(_) | Test::AbsQuery(_) => wrong(),
        },
    }
}

/// Checks an argument of NodesType: a path.
fn check_nodes_argument(name: &str, argument: &FnArg) -> Result<(), String> {
    match argument {
        FnArg::Test(test) if !matches!(**test, Test::Function(_)) => check_test_query(test),
        FnArg::Test(_) | FnArg::Literal(_) | FnArg::Filter(_) => {
            Err(format!("gives {name}() something else than a path"))
        }
    }
}

/// Checks the filters within a path of a filter.
fn check_test_query(test: &Test) -> Result<(), String> {
    match test {
        Test::RelQuery(segments) | Test::AbsQuery(JpQuery { segments }) => check_segments(segments),
        Test::Function(_) => Ok(()),
    }
}

/// True for a path that matches at most one value.
fn is_singular(segments: &[Segment]) -> bool {
    segments.iter().all(|segment| matches!(segment, Segment::Selector(Selector::Name(_) | Selector::Index(_))))
}
