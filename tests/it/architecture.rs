//! Proves the structure of `src/` from its text: the table of ARCHITECTURE.md, no circles of modules, and the size of files.
//!
//! `SECRETS_EXEC_SRC=DIRECTORY` names other sources than this package's, whose module graph is then printed:
//! `SECRETS_EXEC_SRC=src cargo test --test it architecture -- --nocapture`.

mod graph;
mod imports;
mod layers;
mod module;
mod names;
mod reader;
mod syntax;
mod synthetic;
mod tree;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use imports::{Foreign, folder_name};
use tree::{File, Tree};

/// A file with more lines before its tests holds two ideas.
const MOST_LINES: usize = 250;

/// A folder with more files is not grasped at a glance.
const MOST_FILES: usize = 14;

fn other_sources() -> Option<PathBuf> {
    std::env::var_os("SECRETS_EXEC_SRC").map(PathBuf::from)
}

fn sources() -> &'static Tree {
    static SOURCES: OnceLock<Tree> = OnceLock::new();
    SOURCES.get_or_init(|| {
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let tree = Tree::of_directory(&other_sources().unwrap_or(own));
        assert!(tree.files.len() > 50, "the sources are not where they belong");
        tree
    })
}

/// Fails with a line for each offence.
fn none(offences: &[String]) {
    assert!(offences.is_empty(), "{} offences:\n{}", offences.len(), offences.join("\n"));
}

/// Files outside of these modules that name one of the paths of other crates.
fn named_outside(modules: &[&str], paths: &[&str]) -> Vec<String> {
    let is_outside = |file: &File| !modules.iter().any(|module| file.is_in(module));
    let is_named = |foreign: &Foreign| paths.iter().any(|path| foreign.is_below(path));
    let found = sources().foreign().into_iter().filter(|foreign| is_outside(foreign.from) && is_named(foreign));
    found.map(|foreign| format!("{}: {}", foreign.place(), foreign.path.join("::"))).collect()
}

/// Files that use one of these macros (`print!`) or methods (`.unwrap`).
fn words(wanted: &[&str]) -> Vec<String> {
    let mut offences = Vec::new();
    for file in &sources().files {
        let found = file.words.iter().filter(|word| wanted.contains(&word.text.as_str()));
        offences.extend(found.map(|word| format!("{}:{}: {}", file.path, word.line, word.text)));
    }
    offences
}

#[test]
fn every_source_is_rust_that_the_reader_understands() {
    let files = sources().files.iter();
    let errors = files.filter_map(|file| Some(format!("{}: {}", file.path, file.error.as_ref()?)));
    none(&errors.collect::<Vec<_>>());
}

#[test]
fn every_file_belongs_to_a_layer_of_the_table() {
    none(&layers::strangers(sources()));
}

#[test]
fn every_layer_of_the_table_has_a_file() {
    none(&layers::absent(sources()));
}

#[test]
fn a_layer_imports_only_what_the_table_allows() {
    none(&layers::forbidden_imports(sources()));
}

#[test]
fn a_layer_touches_only_what_the_table_allows() {
    none(&layers::forbidden_touches(sources()));
}

#[test]
fn modules_of_a_folder_do_not_import_each_other_in_a_circle() {
    let folders = sources().folders();
    if other_sources().is_some() {
        for (folder, graph) in &folders {
            println!("{}:\n  {}", folder_name(folder), graph.lines().join("\n  "));
        }
    }
    none(&sources().circles());
}

#[test]
fn files_do_not_import_each_other_in_a_circle() {
    none(&sources().file_graph().circles());
}

#[test]
fn no_file_imports_from_a_module_that_it_lives_in() {
    none(&sources().imports_of_ancestors());
}

#[test]
fn no_folder_has_more_files_than_fourteen() {
    let mut folders: BTreeMap<&Path, usize> = BTreeMap::new();
    for file in &sources().files {
        *folders.entry(Path::new(&file.path).parent().unwrap()).or_default() += 1;
    }
    let large = folders.into_iter().filter(|(_, files)| *files > MOST_FILES);
    none(&large.map(|(folder, files)| format!("src/{}: {files} files", folder.display())).collect::<Vec<_>>());
}

#[test]
fn no_file_has_more_lines_before_its_tests_than_250() {
    let large = sources().files.iter().filter(|file| file.code_lines > MOST_LINES);
    none(&large.map(|file| format!("{}: {} lines", file.path, file.code_lines)).collect::<Vec<_>>());
}

#[test]
fn only_the_command_line_names_clap() {
    none(&named_outside(&["input::cli"], &["clap"]));
}

#[test]
fn only_the_reader_of_syntax_names_the_parser_of_yaml() {
    none(&named_outside(&["input::yaml"], &["granit_parser"]));
}

#[test]
fn nothing_panics_on_purpose() {
    let panics = ["panic!", "todo!", "unimplemented!", "unreachable!", "dbg!"];
    let methods = [".unwrap", ".unwrap_err", ".expect", ".expect_err"];
    none(&words(&[panics.as_slice(), &methods].concat()));
}

#[test]
fn only_the_terminal_of_reports_prints() {
    let mut offences = words(&["print!", "println!", "eprint!", "eprintln!"]);
    offences.extend(named_outside(&["report::terminal"], &["std::io::stdout", "std::io::stderr"]));
    none(&offences);
}

#[test]
fn only_main_changes_the_environment_of_the_process() {
    let changes = ["std::env::set_var", "std::env::remove_var", "std::env::set_current_dir"];
    none(&named_outside(&["main"], &changes));
}

#[test]
fn every_file_opens_with_a_sentence() {
    let silent = sources().files.iter().filter(|file| !file.text.starts_with("//! "));
    none(&silent.map(|file| file.path.clone()).collect::<Vec<_>>());
}
