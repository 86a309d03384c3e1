//! Tests that aren't Rust functions. `rows!("FILE")` makes a test of each row of a file,
//! `files!("FOLDER", NAME NAME)` does so for several files, and `pages!("FOLDER", TEST)` makes a
//! test of each paragraph of the pages in a folder. CONTRIBUTING.md explains what rows and pages
//! look like, and `tests/it/support` runs them (`rows.rs`, `console.rs`).

mod file;

use std::path::{Path, PathBuf};
use std::{env, fs};

use proc_macro::TokenStream;

/// Makes the tests of a file. Its path begins at the folder of the package.
#[proc_macro]
pub fn rows(file: TokenStream) -> TokenStream {
    let file = file.to_string().trim_matches('"').to_owned();
    let path = in_package(&file);
    let text = text_of(&path);
    let (words, rows) = file::read(&text).unwrap_or_else(|mistakes| {
        let lines = mistakes.iter();
        let lines = lines.map(|(number, mistake)| format!("\n{file}:{number}: {mistake}"));
        panic!("{}", lines.collect::<String>())
    });

    // This tells the compiler that the tests depend on the file.
    let mut tests = format!(
        "const _: &str = include_str!({path:?}); const WORDS: &[(&str, &str)] = &{words:?};"
    );
    for row in rows {
        let (number, name, launch) = (row.number, row.name, row.launch);
        let (seen, given, own) = (row.seen, row.given, row.own);
        let test = identifier(&name);
        tests += &format!(
            "#[test] fn {test}() {{ crate::support::rows::test_row(&crate::support::rows::Row {{ \
                place: \"{file}:{number}\", name: {name:?}, launch: {launch:?}, seen: {seen:?}, words: WORDS, \
                given: &{given:?}, own: &{own:?} }}) }}"
        );
    }
    let parsed = tests.parse();
    parsed.expect("the name of a row begins with a letter")
}

/// Makes a module with the tests of each of these files in a folder. NAME is the name of the file
/// without `.rows`, and of the module.
#[proc_macro]
pub fn files(arguments: TokenStream) -> TokenStream {
    let arguments = arguments.to_string();
    let (folder, names) = arguments.split_once(',').expect("a folder and names");
    let folder = folder.trim_matches('"');
    let modules = names
        .split_whitespace()
        .map(|name| format!("mod {name} {{ ::rows::rows!(\"{folder}/{name}.rows\"); }}"));
    let parsed = modules.collect::<String>().parse();
    parsed.expect("each name can be that of a module")
}

/// Makes the tests of the pages in a folder, whose path begins at the folder of the package. The
/// test of a paragraph calls the function TEST with it. It is in a module with the name of the page
/// and, below it, in one with the sentence of the page.
#[proc_macro]
pub fn pages(arguments: TokenStream) -> TokenStream {
    let arguments = arguments.to_string();
    let (folder, function) = arguments.split_once(',').expect("a folder and a function");
    let (folder, function) = (folder.trim().trim_matches('"'), function.trim());
    let files =
        fs::read_dir(in_package(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
    let mut pages: Vec<PathBuf> = files
        .map(|file| file.expect("the folder can be read").path())
        .filter(|path| path.extension().is_some_and(|end| end == "console"))
        .collect();
    pages.sort();

    let subject = folder.trim_start_matches("tests/it/");
    let mut modules = format!(
        "#[test] fn every_page_in_this_folder_has_tests() {{ \
            assert_eq!(crate::support::console::pages_in({subject:?}), {pages:?}.map(std::path::PathBuf::from), \
                \"touch {folder}/mod.rs, because a page is new or gone\") }}"
    );
    for page in &pages {
        let text = text_of(page);
        let mut sentences = text.split("\n\n").map(first_sentence);
        let promise = identifier(&sentences.next().expect("the sentence of the page"));
        let tests: String = (1..)
            .zip(sentences)
            .map(|(number, sentence)| {
                let test = identifier(&sentence);
                format!(
                    "#[test] fn {test}() {{ super::super::{function}(&crate::support::console::Situation {{ \
                        page: {page:?}, number: {number} }}) }}"
                )
            })
            .collect();
        let name = page.file_stem().expect("a page").to_string_lossy();
        modules += &format!(
            "mod {name} {{ const _: &str = include_str!({page:?}); mod {promise} {{ {tests} }} }}"
        );
    }
    let parsed = modules.parse();
    parsed.expect("the comment of a paragraph begins with a letter")
}

/// The first sentence of the comment at the head of a paragraph, without its full stop.
fn first_sentence(paragraph: &str) -> String {
    let comment = paragraph.lines().map_while(|line| line.strip_prefix('#'));
    let comment: String = comment.collect();
    let sentence = comment
        .split_once(". ")
        .map_or(&*comment, |(first, _)| first);
    sentence.trim().trim_end_matches('.').to_owned()
}

/// The path of a file, which is given from the folder of the package.
fn in_package(path: &str) -> PathBuf {
    Path::new(&env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it")).join(path)
}

fn text_of(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A sentence as the name of a function.
fn identifier(sentence: &str) -> String {
    sentence
        .to_lowercase()
        .replace(|c: char| !c.is_ascii_alphanumeric(), "_")
}
