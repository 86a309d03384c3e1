//! `rows!("FILE")` makes a test of each row of a file, named by the first column. CONTRIBUTING.md has the grammar of the file, and
//! `tests/it/support/rows.rs` launches a row.

use std::path::Path;
use std::{env, fs};

use proc_macro::TokenStream;

/// Makes the tests of a file below the package's directory.
#[proc_macro]
pub fn rows(file: TokenStream) -> TokenStream {
    let file = file.to_string().trim_matches('"').to_owned();
    let path = Path::new(&env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it")).join(&file);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
    let mut tests = format!("const ROWS: &str = include_str!({path:?});");
    for (number, line) in text.lines().enumerate() {
        let (name, _) = line.split_once(" | ").unwrap_or_default();
        // Lines with words and fixtures, and comments, may have a bar, too.
        if !name.is_empty()
            && !name.contains(": ")
            && !name.contains(" = ")
            && !name.starts_with('#')
        {
            let test = name
                .to_lowercase()
                .replace(|c: char| !c.is_ascii_alphanumeric(), "_");
            tests += &format!(
                "#[test] fn {test}() {{ crate::support::rows::test_row({file:?}, ROWS, {number}) }}"
            );
        }
    }
    tests.parse().expect("a name begins with a letter")
}
