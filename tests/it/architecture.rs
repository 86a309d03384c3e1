//! Holds the sources against the layers of the design: who may import whom, and who may name which crate.

use std::fs;
use std::path::{Path, PathBuf};

/// Data and its invariants: nothing here may touch the world.
const WORDS: [&str; 15] = [
    "alias",
    "binding",
    "command",
    "environment",
    "expansion",
    "fetched",
    "markup",
    "options",
    "plan",
    "reference",
    "resolved",
    "secret",
    "suggest",
    "target",
    "template",
];

/// One part of the world each: they never import each other.
const STAGES: [&str; 7] = ["cli", "manifest", "inherited", "source", "resolve", "deliver", "exec"];

/// One source file, without its tests, comments and the blanks between tokens that hide a path.
struct Source {
    /// Relative to `src`.
    path: PathBuf,
    code: String,
}

impl Source {
    /// The module below the crate's root that the file belongs to.
    fn module(&self) -> &str {
        let first = self.path.components().next().unwrap();
        let name = Path::new(first.as_os_str()).file_stem().unwrap();
        name.to_str().unwrap()
    }

    fn is_in(&self, path: &str) -> bool {
        let stem = self.path.with_extension("");
        stem.starts_with(path)
    }

    fn names(&self, word: &str) -> bool {
        let mut rest = self.code.as_str();
        while let Some(at) = rest.find(word) {
            let before = rest[..at].chars().next_back();
            let after = rest[at + word.len()..].chars().next();
            let inside = |next: Option<char>| next.is_some_and(|c| c.is_alphanumeric() || c == '_');
            let open = word.ends_with(['_', '(', '!']) || !inside(after);
            if !inside(before) && open {
                return true;
            }
            rest = &rest[at + word.len()..];
        }
        false
    }

    /// Whether the file imports a module of the crate's root.
    fn imports(&self, module: &str) -> bool {
        let grouped = self.code.split("crate::{").skip(1).any(|group| {
            let group = group.split(';').next().unwrap_or_default();
            let mut names = group.split(|c: char| !(c.is_alphanumeric() || c == '_'));
            names.any(|name| name == module)
        });
        grouped || self.names(&format!("crate::{module}"))
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources = Vec::new();
    let mut directories = vec![root.clone()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                sources.push(Source {
                    code: code(&fs::read_to_string(&path).unwrap()),
                    path: path.strip_prefix(&root).unwrap().to_owned(),
                });
            }
        }
    }
    assert!(sources.len() > WORDS.len(), "the sources are not where they belong");
    sources
}

/// The lines before the tests, without comments.
fn code(text: &str) -> String {
    let lines = text.lines().take_while(|line| line.trim() != "#[cfg(test)]");
    let lines = lines.filter(|line| !line.trim_start().starts_with("//"));
    lines.map(|line| format!("{line}\n")).collect()
}

/// Fails with every offence that a rule finds.
fn nobody(offence: impl Fn(&Source) -> Option<String>) {
    let sources = sources();
    let offences = sources.iter().filter_map(|source| {
        let offence = offence(source)?;
        Some(format!("{}: {offence}", source.path.display()))
    });
    let offences: Vec<String> = offences.collect();
    assert!(offences.is_empty(), "{offences:#?}");
}

fn names_one_of(source: &Source, words: &[&str]) -> Option<String> {
    let named = words.iter().find(|word| source.names(word))?;
    Some(format!("names {named}"))
}

#[test]
fn every_word_of_the_design_is_a_module() {
    let sources = sources();
    for word in WORDS.iter().chain(&STAGES) {
        let there = sources.iter().any(|source| source.module() == *word);
        assert!(there, "there is no module {word}");
    }
}

#[test]
fn words_import_no_stage() {
    nobody(|source| {
        let stage = STAGES.iter().find(|stage| source.imports(stage))?;
        let is_word = WORDS.contains(&source.module());
        is_word.then(|| format!("a word imports the stage {stage}"))
    });
}

#[test]
fn words_touch_nothing() {
    nobody(|source| {
        let world = ["std::env", "std::fs", "std::net", "std::process", "tokio", "clap", "aws_", "async"];
        let is_word = WORDS.contains(&source.module());
        is_word.then(|| names_one_of(source, &world))?
    });
}

#[test]
fn stages_do_not_import_each_other() {
    nobody(|source| {
        let others = STAGES.iter().filter(|stage| **stage != source.module());
        let is_stage = STAGES.contains(&source.module());
        let imported = others.into_iter().find(|stage| source.imports(stage))?;
        is_stage.then(|| format!("a stage imports the stage {imported}"))
    });
}

#[test]
fn only_the_command_line_names_clap() {
    nobody(|source| match source.is_in("cli") {
        true => None,
        false => names_one_of(source, &["clap"]),
    });
}

#[test]
fn only_readers_of_files_name_yaml_and_toml() {
    nobody(|source| {
        let reader = ["manifest", "source/local", "markup"];
        match reader.iter().any(|path| source.is_in(path)) {
            true => None,
            false => names_one_of(source, &["granit_parser", "toml::", "serde_saphyr"]),
        }
    });
}

#[test]
fn only_the_source_names_the_sdk() {
    nobody(|source| match source.is_in("source") {
        true => None,
        false => names_one_of(source, &["aws_"]),
    });
}

#[test]
fn nothing_panics_on_purpose_or_prints_by_itself() {
    nobody(|source| {
        names_one_of(
            source,
            &[
                "unwrap()",
                "expect(",
                "panic!",
                "todo!",
                "unimplemented!",
                "unreachable!",
                "println!",
                "eprintln!",
                "print!",
                "eprint!",
                "dbg!",
            ],
        )
    });
}

#[test]
fn nobody_changes_the_environment_of_the_process() {
    // But for the main function, which takes away what the SDK must not see, and says why.
    nobody(|source| {
        if source.is_in("main") { None } else { names_one_of(source, &["set_var", "remove_var", "set_current_dir"]) }
    });
}

#[test]
fn every_file_opens_with_a_sentence() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for source in sources() {
        let text = fs::read_to_string(root.join(&source.path)).unwrap();
        assert!(text.starts_with("//! "), "{}", source.path.display());
    }
}
