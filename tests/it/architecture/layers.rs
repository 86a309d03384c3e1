//! The table of layers: what each may import, and which parts of the world it may touch.

use super::imports::Import;
use super::tree::{File, Tree};

/// ARCHITECTURE.md, whose table of layers is the one that these tests read. A layer is a file or a folder of `src`.
const DOCUMENT: &str = include_str!("../../../ARCHITECTURE.md");

/// The first row of that table.
const HEADING: &str = "| layer | may import | may import types of | may touch |";

/// The folders that `stages` stands for in the table.
const STAGES: &str = "input, backend, resolve, deliver, exec, supervise";

/// One row of the table. Its cells are lists, separated by commas.
struct Layer {
    name: &'static str,
    imports: &'static str,
    types_of: &'static str,
    touches: &'static str,
}

fn layers() -> impl Iterator<Item = Layer> {
    let rows = DOCUMENT.lines().skip_while(|line| *line != HEADING).take_while(|line| line.starts_with('|')).skip(2);
    rows.map(|row| match row.split('|').map(str::trim).collect::<Vec<_>>()[..] {
        [_, name, imports, types_of, touches, _] => Layer { name, imports, types_of, touches },
        _ => panic!("{row}"),
    })
}

fn items(cell: &'static str) -> impl Iterator<Item = &'static str> {
    cell.split(", ").filter(|item| !item.is_empty())
}

/// The parts of the world, and the paths that reach them.
const WORLD: [(&str, &[&str]); 9] = [
    ("environ", &["std::env"]),
    ("files", &["std::fs", "tokio::fs"]),
    ("network", &["std::net", "tokio::net"]),
    ("kernel", &["nix", "libc"]),
    ("processes", &["std::process", "std::os::unix::process", "tokio::process"]),
    ("runtime", &["tokio"]),
    // Not aws_lc_rs, which is cryptography.
    ("sdk", &["aws_c*", "aws_r*", "aws_s*", "aws_t*"]),
    ("clap", &["clap"]),
    ("terminal", &["std::io::stdout", "std::io::stderr"]),
];

/// Paths below those that reach nothing: types that are data, and the pipe from a child process.
const HARMLESS: [&str; 8] = [
    "std::net::IpAddr",
    "std::net::Ipv4Addr",
    "std::net::Ipv6Addr",
    "std::net::SocketAddr",
    "std::net::SocketAddrV4",
    "std::net::SocketAddrV6",
    "std::process::ExitCode",
    "tokio::net::unix::pipe",
];

fn layer_of(file: &File) -> Option<Layer> {
    let name = file.module.first().map_or("lib", String::as_str);
    layers().find(|layer| layer.name == name)
}

/// Returns true if one of these layers or modules holds the file.
fn holds(modules: &'static str, file: &File) -> bool {
    items(modules).any(|module| match module {
        "stages" => holds(STAGES, file),
        "lib" => file.path == "lib.rs",
        module => file.is_in(module),
    })
}

/// Files that the table does not know.
pub fn strangers(tree: &Tree) -> Vec<String> {
    let strangers = tree.files.iter().filter(|file| layer_of(file).is_none());
    strangers.map(|file| format!("{}: no layer of the table", file.path)).collect()
}

/// Layers of the table that the sources do not have.
pub fn absent(tree: &Tree) -> Vec<String> {
    let is_there = |layer: &Layer| tree.files.iter().any(|file| layer_of(file).is_some_and(|is| is.name == layer.name));
    let absent = layers().filter(|layer| !is_there(layer));
    absent.map(|layer| format!("there is no layer {}", layer.name)).collect()
}

/// Imports that the table does not allow.
pub fn forbidden_imports(tree: &Tree) -> Vec<String> {
    let mut offences = Vec::new();
    for import in tree.imports() {
        let Some(layer) = layer_of(import.from) else { continue };
        let is_told = import
            .through
            .is_some_and(|file| layer_of(file).map(|is| is.name) == layer_of(import.to).map(|is| is.name));
        let allowed =
            holds(layer.imports, import.to) || holds(layer.types_of, import.to) && names_a_type(&import) || is_told;
        if !allowed {
            let what = if holds(layer.types_of, import.to) { ", of which only types" } else { "" };
            let (name, to) = (layer.name, &import.to.path);
            offences.push(format!("{}: {name} may not import {to}{what}", import.evidence(&[])));
        }
    }
    offences
}

fn names_a_type(import: &Import) -> bool {
    let Some(item) = &import.item else { return false };
    item.starts_with(|first: char| first.is_uppercase()) && item.contains(|letter: char| letter.is_lowercase())
}

/// Paths into other crates, and `async`, that the table does not allow.
pub fn forbidden_touches(tree: &Tree) -> Vec<String> {
    let mut offences = Vec::new();
    let may = |layer: &Layer, part: &str| items(layer.touches).any(|touched| touched == part);
    for foreign in tree.foreign() {
        let Some(layer) = layer_of(foreign.from) else { continue };
        // A path that is harmless in its part of std or tokio still needs the whole of tokio.
        let is_harmless =
            |path: &str| path.contains("::") && HARMLESS.iter().any(|harmless| foreign.is_below(harmless));
        for (part, paths) in WORLD {
            let reaches = |path: &&str| foreign.is_below(path) && !is_harmless(path);
            if !may(&layer, part) && paths.iter().any(reaches) {
                let (path, place) = (foreign.path.join("::"), foreign.place());
                offences.push(format!("{place}: {} may not touch {part}: {path}", layer.name));
            }
        }
    }
    for file in &tree.files {
        let Some(layer) = layer_of(file).filter(|layer| !may(layer, "runtime")) else { continue };
        for word in file.words.iter().filter(|word| word.text == "async") {
            offences.push(format!("{}:{}: {} may not be async", file.path, word.line, layer.name));
        }
    }
    offences
}

#[test]
fn the_table_names_only_layers_and_parts_that_exist() {
    let known: Vec<&str> = layers().map(|layer| layer.name).chain(["input::cli", "stages"]).collect();
    let parts: Vec<&str> = WORLD.iter().map(|(part, _)| *part).chain(["nothing"]).collect();
    assert!(layers().count() > 10, "ARCHITECTURE.md has no table that begins with {HEADING}");
    for Layer { name, imports, types_of, touches } in layers() {
        let mut layers = [imports, types_of, STAGES].into_iter().flat_map(items);
        assert!(layers.all(|layer| known.contains(&layer)), "{name}: {imports} | {types_of}");
        assert!(!touches.is_empty() && items(touches).all(|part| parts.contains(&part)), "{name}: {touches}");
    }
}
