//! The tester itself, held against small made-up sources.

use std::collections::BTreeMap;

use super::layers;
use super::tree::Tree;

/// The tree of these files; parents that are not among them are empty.
fn tree(texts: &[(&str, &str)]) -> Tree {
    let mut files = BTreeMap::from([("lib.rs".to_owned(), String::new())]);
    for (path, _) in texts {
        let parents = path.match_indices('/').map(|(end, _)| format!("{}.rs", &path[..end]));
        files.extend(parents.map(|parent| (parent, String::new())));
    }
    files.extend(texts.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())));
    let tree = Tree::of_texts(files);
    for file in &tree.files {
        assert_eq!(file.error, None, "{}", file.path);
    }
    tree
}

fn circles(texts: &[(&str, &str)]) -> Vec<String> {
    tree(texts).circles()
}

#[test]
fn two_modules_that_import_each_other_are_a_circle_with_its_imports() {
    let found = circles(&[
        ("backend/aws/session.rs", "use super::credentials::find;"),
        ("backend/aws/credentials.rs", "\nuse super::session::Session;"),
        ("backend/aws/session/role.rs", ""),
    ]);
    let circle = "backend/aws: credentials -> session (credentials.rs:2: use super::session::Session) -> credentials \
                  (session.rs:1: use super::credentials::find)";
    assert_eq!(found, [circle]);
}

#[test]
fn imports_in_one_direction_are_no_circle() {
    let found = circles(&[
        ("a.rs", "mod b; use crate::c::C; use self::b::B;"),
        ("a/b.rs", "use crate::c::C; pub struct B;"),
        ("c.rs", "pub struct C;"),
    ]);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn a_circle_of_three_modules_is_found_once() {
    let found = circles(&[("a.rs", "use crate::b;"), ("b.rs", "use crate::c;"), ("c.rs", "use crate::a;")]);
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn a_re_export_leads_to_the_module_that_defines_the_item() {
    // b names nothing of a: what a's facade gives it is defined in c, which imports b.
    let found = circles(&[
        ("a.rs", "pub use crate::c::Item;"),
        ("b.rs", "use crate::a::Item;"),
        ("c.rs", "use crate::b::Other; pub struct Item;"),
    ]);
    assert!(found.iter().any(|circle| circle.starts_with("src: b -> c (b.rs:1: use crate::a::Item, defined in c.rs)")));
}

#[test]
fn a_re_export_under_another_name_and_one_by_glob_are_followed() {
    let found = tree(&[
        ("a.rs", "pub use crate::b::Item as Renamed; pub use crate::c::*;"),
        ("b.rs", "pub struct Item;"),
        ("c.rs", "pub struct Third;"),
        ("d.rs", "use crate::a::{Renamed, Third};"),
    ])
    .folders();
    assert!(found[&Vec::new()].lines().contains(&"d -> a, b, c".to_owned()));
}

#[test]
fn items_that_a_glob_brings_count_where_they_are_defined() {
    let found = tree(&[
        ("a.rs", "pub use crate::b::Item;"),
        ("b.rs", "pub struct Item;"),
        ("c.rs", "use crate::a::*; fn f() -> Item { todo!() }"),
    ]);
    assert!(found.folders()[&Vec::new()].lines().contains(&"c -> a, b".to_owned()));
}

#[test]
fn re_exports_in_a_circle_end() {
    let found = circles(&[("a.rs", "pub use crate::b::*; use crate::b::X;"), ("b.rs", "pub use crate::a::*;")]);
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn a_child_that_imports_from_its_parent_is_found_in_every_way_to_write_it() {
    for import in [
        "use super::Item;",
        "use super::*;",
        "use super::{self};",
        "use crate::a::{Item as _};",
        "use crate::a;",
        "use super::super::Item;",
        "fn f() { super::item(); }",
        "fn f() { crate::item(); }",
        "use super::sibling::Item;",
    ] {
        let parent = "mod child; mod sibling; pub use sibling::Item;";
        let found =
            tree(&[("a.rs", parent), ("a/child.rs", import), ("a/sibling.rs", "pub struct Item;"), ("lib.rs", "")]);
        let is_found = !found.imports_of_ancestors().is_empty();
        assert_eq!(is_found, !import.contains("sibling"), "{import}");
    }
}

#[test]
fn a_parent_and_a_child_that_import_each_other_are_a_circle_of_files() {
    let found = tree(&[("a.rs", "use child::Child;"), ("a/child.rs", "use super::Parent; pub struct Child;")]);
    let found = found.file_graph().circles();
    assert_eq!(found, ["a.rs -> a/child.rs (a.rs:1: use child::Child) -> a.rs (child.rs:1: use super::Parent)"]);
}

#[test]
fn a_child_that_gets_its_parents_item_through_another_module_imports_from_its_parent() {
    let found = tree(&[
        ("a.rs", "pub struct Item;"),
        ("a/child.rs", "use crate::b::Item;"),
        ("b.rs", "pub use crate::a::Item;"),
    ]);
    let found = found.imports_of_ancestors();
    assert_eq!(found, ["a/child.rs:1: use crate::b::Item, defined in a.rs (lives in a.rs)"]);
}

#[test]
fn two_folders_are_a_circle_through_files_that_know_nothing_of_each_other() {
    let found = circles(&[
        ("net/tls/roots.rs", "use crate::time::deadline::Deadline;"),
        ("net/dns.rs", ""),
        ("time/deadline.rs", "pub struct Deadline;"),
        ("time/retry.rs", "use crate::net::dns;"),
    ]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("src: net -> time (net/tls/roots.rs:1"), "{found:?}");
}

#[test]
fn inline_paths_count_wherever_code_names_them() {
    for code in [
        "fn f() { crate::b::f(); }",
        "fn f() { super::b::f(); }",
        "fn f(x: crate::b::X) {}",
        "fn f() -> Vec<crate::b::X> { Vec::new() }",
        "impl crate::b::T for X {}",
        "fn f(x: u8) { match x { crate::b::X => {} _ => {} } }",
        "fn f() { println!(\"{}\", crate::b::f()); }",
        "fn f() { vec![(1, crate::b::f())]; }",
        "fn f() { crate::b::call!(); }",
        "#[derive(crate::b::D)] struct X;",
        "struct X { x: Option<crate::b::X> }",
        "const X: u8 = crate::b::X;",
        "macro_rules! m { () => { $crate::b::f() } }",
        "mod inner { fn f() { super::super::b::f(); } }",
    ] {
        let found = circles(&[("a.rs", code), ("b.rs", "use crate::a;")]);
        assert_eq!(found.len(), 1, "{code}");
    }
}

#[test]
fn every_form_of_use_counts() {
    for import in [
        "use crate::{c::C, b::{f, X}};",
        "use crate::{b};",
        "use crate::{c, b::{self}};",
        "use super::b::X as Y;",
        "use super::{b as c};",
        "use crate::b::X as _;",
        "use crate::b::*;",
        "use crate::b::nested::X;",
        "pub(crate) use crate::b::X;",
        "fn f() { use crate::b::X; }",
        "use self::super::b::X;",
        "use crate::r#b::X;",
    ] {
        let found = circles(&[("a.rs", import), ("b.rs", "use crate::a;"), ("b/nested.rs", ""), ("c.rs", "")]);
        assert_eq!(found.len(), 1, "{import}");
    }
}

#[test]
fn a_path_through_an_imported_module_counts_for_the_module_that_defines_its_end() {
    for code in ["use crate::b; fn f() { b::f(); }", "fn f() { use crate::b as x; x::f(); }"] {
        let found = tree(&[("a.rs", code), ("b.rs", "pub use crate::c::f;"), ("c.rs", "pub fn f() {}")]);
        assert!(found.folders()[&Vec::new()].lines().contains(&"a -> b, c".to_owned()), "{code}");
    }
}

#[test]
fn names_that_are_no_imports_do_not_count() {
    for code in [
        "// use crate::b;",
        "/// [`crate::b::X`]\nstruct X;",
        "/* crate::b::f() */",
        "const X: &str = \"crate::b::f()\";",
        "const X: &str = r#\"use crate::b;\"#;",
        "#[cfg(test)]\nmod tests { use crate::b; }",
        "#[cfg(test)]\nuse crate::b;",
        "#[cfg(all(test, unix))]\nfn f() { crate::b::f(); }",
        "#[test]\nfn f() { crate::b::f(); }",
        "struct X; impl X { #[cfg(test)] fn f() { crate::b::f(); } }",
        "#![cfg(test)]\nuse crate::b;",
        "pub(in crate::b) struct X;",
        "use ::b::X;",
        "fn f(b: u8) -> u8 { b }",
    ] {
        let found = circles(&[("a.rs", code), ("b.rs", "use crate::a;")]);
        assert!(found.is_empty(), "{code}: {found:?}");
    }
}

#[test]
fn the_file_of_a_test_module_does_not_count() {
    let found = circles(&[
        ("a.rs", "#[cfg(test)]\nmod tests;"),
        ("a/tests.rs", "use crate::b;"),
        ("a/tests/more.rs", "use crate::b;"),
        ("b.rs", "use crate::a;"),
    ]);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn code_after_a_test_module_and_code_for_fuzzing_counts() {
    for code in ["#[cfg(test)]\nmod tests {}\nuse crate::b;", "#[cfg(any(fuzzing, test))]\nuse crate::b;"] {
        let found = circles(&[("a.rs", code), ("b.rs", "use crate::a;")]);
        assert_eq!(found.len(), 1, "{code}");
    }
}

#[test]
fn a_function_and_a_module_of_one_name_both_count() {
    let found = tree(&[
        ("a.rs", "pub use launch::launch; mod launch;"),
        ("a/launch.rs", "pub fn launch() {}"),
        ("b.rs", "use crate::a::launch;"),
    ]);
    let imports: Vec<String> = found.imports().iter().map(|import| import.to.path.clone()).collect();
    assert!(imports.contains(&"a/launch.rs".to_owned()), "{imports:?}");
}

#[test]
fn lines_are_counted_up_to_the_test_module() {
    let found = tree(&[("a.rs", "fn f() {}\n#[cfg(test)]\nconst X: u8 = 1;\n\n#[cfg(test)]\nmod tests {\n}\n")]);
    assert_eq!(found.files[0].code_lines, 4);
}

#[test]
fn a_stage_must_not_import_another_stage() {
    let found = tree(&[("deliver/disk.rs", "use crate::exec::Program;"), ("exec.rs", "pub struct Program;")]);
    let found = layers::forbidden_imports(&found);
    assert_eq!(found, ["deliver/disk.rs:1: use crate::exec::Program: deliver may not import exec.rs"]);
}

#[test]
fn a_layer_must_not_import_through_a_re_export_what_the_table_forbids() {
    let found = tree(&[
        ("input.rs", "use crate::model::Session;"),
        ("model.rs", "pub use crate::backend::Session;"),
        ("backend.rs", "pub struct Session;"),
    ]);
    let found = layers::forbidden_imports(&found);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("input.rs:1: use crate::model::Session, defined in backend.rs: "), "{found:?}");
}

#[test]
fn a_report_may_import_errors_of_stages_but_call_no_stage() {
    let backend = ("backend.rs", "pub enum SetupError { Lost } pub fn fetch() {}");
    let allowed = tree(&[("report.rs", "use crate::backend::SetupError; use SetupError::Lost;"), backend]);
    assert!(layers::forbidden_imports(&allowed).is_empty());
    for import in ["use crate::backend::fetch;", "fn f() { crate::backend::fetch(); }", "use crate::backend;"] {
        let forbidden = tree(&[("report.rs", import), backend]);
        assert_eq!(layers::forbidden_imports(&forbidden).len(), 1, "{import}");
    }
}

#[test]
fn a_row_of_the_table_that_names_a_module_allows_that_module_alone() {
    let cli = ("input/cli.rs", "pub fn parse() {}");
    let dotenv = ("input/dotenv.rs", "pub fn parse() {}");
    let allowed = tree(&[("lib.rs", "use input::cli::parse;"), cli, dotenv]);
    assert!(layers::forbidden_imports(&allowed).is_empty());
    let forbidden = tree(&[("lib.rs", "use input::dotenv::parse;"), cli, dotenv]);
    assert_eq!(layers::forbidden_imports(&forbidden).len(), 1);
}

#[test]
fn the_model_touches_nothing_however_it_is_written() {
    for code in [
        "use std::fs;",
        "use std::{collections::BTreeMap, env};",
        "use std as s; fn f() { s::fs::read(\"\"); }",
        "fn f() { std::process::exit(1); }",
        "use std::net::TcpStream;",
        "use tokio::time::sleep;",
        "use aws_types::region::Region;",
        "use ::clap::Parser;",
        "async fn f() {}",
        "fn f() { async {}; }",
        "fn f() { matches!(async {}, x); }",
        "use crate::model::files::read;",
    ] {
        let files = ("model/files.rs", "pub use std::fs::read;");
        let found = layers::forbidden_touches(&tree(&[("model/a.rs", code), files]));
        let own = found.iter().filter(|offence| offence.starts_with("model/a.rs:1: model may not")).count();
        assert!(own > 0, "{code}: {found:?}");
    }
}

#[test]
fn what_only_looks_like_the_world_may_be_named() {
    for code in [
        "// std::fs::read",
        "const X: &str = \"std::fs::read\";",
        "#[cfg(test)]\nmod tests { use std::fs; }",
        "use std::net::IpAddr;",
        "mod fs { pub fn read() {} } fn f() { fs::read(); }",
    ] {
        let found = layers::forbidden_touches(&tree(&[("model/a.rs", code)]));
        assert!(found.is_empty(), "{code}: {found:?}");
    }
}

#[test]
fn a_file_outside_of_the_table_is_found() {
    let found = layers::strangers(&tree(&[("utils.rs", ""), ("model.rs", ""), ("lib.rs", ""), ("main.rs", "")]));
    assert_eq!(found, ["utils.rs: no layer of the table"]);
}

#[test]
fn the_binary_names_the_library_by_its_crate() {
    let found = tree(&[("main.rs", "fn main() { secrets_exec::run() }"), ("lib.rs", "pub fn run() {}")]);
    let imports: Vec<String> = found.imports().iter().map(|import| import.evidence(&[])).collect();
    assert_eq!(imports, ["main.rs:1: secrets_exec::run"]);
}

#[test]
fn panics_and_prints_are_found_in_code_and_inside_of_macros() {
    for (code, word) in [
        ("fn f() { x.unwrap(); }", ".unwrap"),
        ("fn f() { format!(\"{}\", x.unwrap()); }", ".unwrap"),
        ("fn f() { std::println!(); }", "println!"),
        ("fn f() { vec![todo!()]; }", "todo!"),
    ] {
        let found = tree(&[("a.rs", code)]);
        assert!(found.files[0].words.iter().any(|found| found.text == word), "{code}");
    }
}
