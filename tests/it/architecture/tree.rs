//! The source files of a directory as a tree of modules.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::module::{Mention, Module, ModulePath, Word};
use super::reader::Reader;

/// One source file, read without its tests.
pub struct File {
    /// Relative to `src`.
    pub path: String,
    pub module: ModulePath,
    pub text: String,
    /// The number of lines before the first test module.
    pub code_lines: usize,
    pub mentions: Vec<Mention>,
    pub words: Vec<Word>,
    /// The error of the parser, if this is no Rust.
    pub error: Option<String>,
}

impl File {
    /// Returns true if a module (`input::cli`) holds the file.
    pub fn is_in(&self, module: &str) -> bool {
        let mut segments = self.module.iter();
        module.split("::").all(|wanted| segments.next().is_some_and(|segment| segment == wanted))
    }
}

/// All files, and all modules by their path (inline ones, too).
#[derive(Default)]
pub struct Tree {
    pub files: Vec<File>,
    pub modules: BTreeMap<ModulePath, Module>,
}

impl Tree {
    /// Reads every `.rs` file below a directory.
    pub fn of_directory(root: &Path) -> Self {
        let mut texts = BTreeMap::new();
        let mut directories = vec![root.to_owned()];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display())) {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    directories.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                    texts.insert(name, fs::read_to_string(&path).unwrap());
                }
            }
        }
        Self::of_texts(texts)
    }

    /// The same from texts by their path relative to `src`.
    pub fn of_texts(texts: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut tree = Self::default();
        let mut tests = Vec::new();
        for (path, text) in texts {
            let file = tree.files.len();
            let module = module_path(&path);
            let mut reader = Reader::new(module.clone());
            let error = syn::parse_file(&text).map(|syntax| reader.read(&syntax)).err();
            let error = error.map(|error| format!("line {}: {error}", error.span().start().line));
            for (path, module) in reader.modules {
                tree.modules.insert(path, Module { file, ..module });
            }
            tests.extend(reader.tests);
            let code_lines = reader.first_test_line.map_or_else(|| text.lines().count(), |line| line - 1);
            let (mentions, words) = (reader.mentions, reader.words);
            tree.files.push(File { path, module, text, code_lines, mentions, words, error });
        }
        tree.forget_tests(&tests);
        tree
    }

    /// Empties the files of `#[cfg(test)] mod name;`.
    fn forget_tests(&mut self, tests: &[ModulePath]) {
        for file in &mut self.files {
            if tests.iter().any(|test| file.module.starts_with(test)) {
                file.mentions.clear();
                file.words.clear();
                file.code_lines = 0;
            }
        }
    }
}

/// `model/reference.rs` and `model/reference/mod.rs` are `["model", "reference"]`; `lib.rs` is the root.
fn module_path(path: &str) -> ModulePath {
    let stem = path.strip_suffix(".rs").unwrap_or(path);
    if stem == "lib" {
        return Vec::new();
    }
    let stem = stem.strip_suffix("/mod").unwrap_or(stem);
    stem.split('/').map(str::to_owned).collect()
}
