//! `rows!("FILE")` makes a test of each row of a file. CONTRIBUTING.md explains what a row looks
//! like, and `tests/it/support/rows.rs` launches it.

mod file;

use std::path::Path;
use std::{env, fs};

use proc_macro::TokenStream;

/// Makes the tests of a file. Its path begins at the folder of the package.
#[proc_macro]
pub fn rows(file: TokenStream) -> TokenStream {
    let file = file.to_string().trim_matches('"').to_owned();
    let path = Path::new(&env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it")).join(&file);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
    let (words, rows) = file::read(&text).unwrap_or_else(|error| panic!("{file}:{error}"));

    // This tells the compiler that the tests depend on the file.
    let mut tests = format!(
        "const _: &str = include_str!({path:?}); const WORDS: &[(&str, &str)] = &{words:?};"
    );
    for row in rows {
        let file::Row {
            number,
            name,
            launch,
            seen,
            given,
            own,
        } = row;
        let test = name
            .to_lowercase()
            .replace(|c: char| !c.is_ascii_alphanumeric(), "_");
        tests += &format!(
            "#[test] fn {test}() {{ crate::support::rows::test_row(&crate::support::rows::Row {{ \
                place: \"{file}:{number}\", name: {name:?}, launch: {launch:?}, seen: {seen:?}, words: WORDS, \
                given: &{given:?}, own: &{own:?} }}) }}"
        );
    }
    tests
        .parse()
        .expect("the name of a row begins with a letter")
}
