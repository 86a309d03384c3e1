//! Imports between files, and what files name of other crates.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::Graph;
use super::module::{Mention, ModulePath};
use super::names::{Found, Target};
use super::tree::{File, Tree};

/// One file's use of another, with the place in the text that says so.
pub struct Import<'a> {
    pub from: &'a File,
    pub to: &'a File,
    /// The file with the re-export that leads there.
    pub through: Option<&'a File>,
    /// The imported item; `None` for the module itself.
    pub item: Option<String>,
    pub line: usize,
    /// As written: `use super::credentials::find`.
    pub text: String,
}

impl Import<'_> {
    /// Returns true if the importing file lives in the imported module.
    pub fn is_of_ancestor(&self) -> bool {
        // The binary is a crate of its own.
        self.from.path != "main.rs" && self.from.module.starts_with(&self.to.module)
    }

    /// The place and the text, with paths relative to a folder.
    pub fn evidence(&self, folder: &[String]) -> String {
        let prefix = folder.iter().map(|name| format!("{name}/")).collect::<String>();
        let path = self.from.path.strip_prefix(&prefix).unwrap_or(&self.from.path);
        let defined = match self.through {
            Some(through) if through.path != self.to.path => format!(", defined in {}", self.to.path),
            Some(_) | None => String::new(),
        };
        format!("{path}:{}: {}{defined}", self.line, self.text)
    }
}

/// A path into another crate.
pub struct Foreign<'a> {
    pub from: &'a File,
    pub path: Vec<String>,
    pub line: usize,
}

impl Foreign<'_> {
    pub fn place(&self) -> String {
        format!("{}:{}", self.from.path, self.line)
    }

    /// Returns true for `std::fs::read` below `std::fs`, and for `aws_config` below `aws_*`.
    pub fn is_below(&self, wanted: &str) -> bool {
        let mut segments = self.path.iter();
        wanted.split("::").all(|wanted| match (segments.next(), wanted.strip_suffix('*')) {
            (Some(segment), Some(start)) => segment.starts_with(start),
            (Some(segment), None) => segment == wanted,
            (None, _) => false,
        })
    }
}

/// `src` or `backend/aws`.
pub fn folder_name(folder: &[String]) -> String {
    if folder.is_empty() { "src".to_owned() } else { folder.join("/") }
}

impl Tree {
    fn file(&self, module: &ModulePath) -> Option<&File> {
        self.modules.get(module).map(|module| &self.files[module.file])
    }

    /// Every import, re-exports followed: the module that is named counts, and so does the one that defines the item.
    pub fn imports(&self) -> Vec<Import<'_>> {
        let mut imports = Vec::new();
        let mut known = BTreeSet::new();
        for from in &self.files {
            for (mention, found) in from.mentions.iter().flat_map(|mention| self.meanings(mention)) {
                let (defining, item) = match found.target {
                    Target::Module(module) => (self.file(&module), None),
                    Target::Item(module, name) => (self.file(&module), Some(name)),
                    Target::External(_) => (None, None),
                };
                let named = found.via.and_then(|module| self.file(&module));
                for (to, through) in [(named, None), (defining, named)] {
                    let Some(to) = to.filter(|to| to.path != from.path) else { continue };
                    if known.insert((&from.path, &to.path, item.clone())) {
                        let text = mention.written();
                        imports.push(Import { from, to, through, item: item.clone(), line: mention.line, text });
                    }
                }
            }
        }
        imports
    }

    fn meanings<'a>(&'a self, mention: &'a Mention) -> impl Iterator<Item = (&'a Mention, Found)> {
        self.resolve(mention).into_iter().map(move |found| (mention, found))
    }

    /// Every path into another crate.
    pub fn foreign(&self) -> Vec<Foreign<'_>> {
        let mut foreign = Vec::new();
        for from in &self.files {
            for (mention, found) in from.mentions.iter().flat_map(|mention| self.meanings(mention)) {
                if let Target::External(path) = found.target {
                    foreign.push(Foreign { from, path, line: mention.line });
                }
            }
        }
        foreign
    }

    /// The imports between the modules of each folder, each module with all that is below it. The root's folder is the empty path.
    pub fn folders(&self) -> BTreeMap<ModulePath, Graph> {
        let mut folders: BTreeMap<ModulePath, Graph> = BTreeMap::new();
        for file in &self.files {
            for depth in 0..file.module.len() {
                folders.entry(file.module[..depth].to_vec()).or_default().node(&file.module[depth]);
            }
        }
        for import in self.imports() {
            let (from, to) = (&import.from.module, &import.to.module);
            let common = from.iter().zip(to).take_while(|(from, to)| from == to).count();
            let is_told = import.through.is_some_and(|file| file.module.starts_with(&to[..to.len().min(common + 1)]));
            if let (false, Some(here), Some(there), Some(graph)) =
                (is_told, from.get(common), to.get(common), folders.get_mut(&from[..common]))
            {
                graph.edge(here, there, import.evidence(&from[..common]));
            }
        }
        folders
    }

    /// The circles of all folders.
    pub fn circles(&self) -> Vec<String> {
        let folders = self.folders().into_iter();
        folders
            .flat_map(|(folder, graph)| {
                graph.circles().into_iter().map(move |circle| format!("{}: {circle}", folder_name(&folder)))
            })
            .collect()
    }

    /// The imports of files from modules that they live in.
    pub fn imports_of_ancestors(&self) -> Vec<String> {
        let imports = self.imports().into_iter().filter(Import::is_of_ancestor);
        imports.map(|import| format!("{} (lives in {})", import.evidence(&[]), import.to.path)).collect()
    }

    /// The imports between files.
    pub fn file_graph(&self) -> Graph {
        let mut graph = Graph::default();
        for import in self.imports() {
            let folder = &import.from.module[..import.from.module.len().saturating_sub(1)];
            graph.edge(&import.from.path, &import.to.path, import.evidence(folder));
        }
        graph
    }
}
