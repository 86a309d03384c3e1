//! Checks the table of tiers in ARCHITECTURE.md and the rules below it by reading the tokens of
//! `src/`.
//!
//! A path is an import of the module that it names. If that module only re-exports the item, the
//! re-export isn't followed any further.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::support::assert_same;

const DOCUMENT: &str = include_str!("../../ARCHITECTURE.md");

/// The first row of the table of tiers.
const HEADING: &str = "| tier | may import | may touch |";

/// The tiers that the word `steps` in the table means.
const STEPS: &str = "input, backend, resolve, deliver, exec, supervise";

/// The parts of the outside world, and the beginnings of the paths that reach them.
const WORLD: [(&str, &[&str]); 9] = [
    ("environ", &["std::env"]),
    ("files", &["std::fs", "tokio::fs"]),
    ("network", &["std::net", "tokio::net"]),
    ("kernel", &["nix", "libc"]),
    (
        "processes",
        &["std::process", "std::os::unix::process", "tokio::process"],
    ),
    ("runtime", &["tokio", "async"]),
    // This leaves out aws_lc_rs, which is cryptography.
    ("sdk", &["aws_c", "aws_r", "aws_s", "aws_t"]),
    ("clap", &["clap"]),
    ("terminal", &["std::io::stdout", "std::io::stderr"]),
];

/// Types in those parts that are only data, and the pipe from a child process.
const HARMLESS: [&str; 5] = [
    "nix::sys::signal::Signal",
    "std::net::Ip",
    "std::net::SocketAddr",
    "std::process::ExitCode",
    "tokio::net::unix::pipe",
];

/// The path of a module from the root of its crate, such as `["model", "reference"]`. The root of
/// the binary is `["main"]`.
type Module = Vec<String>;

/// A source file without its tests.
#[derive(Default)]
struct File {
    /// The path of the file below `src`.
    path: String,
    module: Module,
    /// The paths that the code names, each with its line.
    named: Vec<(Vec<String>, usize)>,
    /// The modules in their own files that are compiled only for tests.
    tests: Vec<Module>,
}

impl File {
    /// Adds the paths in the code. In the group of a `use`, `prefix` comes before each path.
    fn read(&mut self, tokens: TokenStream, prefix: &[String]) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let is_punct = |at: usize, wanted: char| matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == wanted);
        let mut path = prefix.to_vec();
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            at += 1;
            let is_path = path.len() > prefix.len();
            match token {
                TokenTree::Ident(ident) if ident == "as" && !prefix.is_empty() => at += 1,
                TokenTree::Ident(ident) if ident == "use" => {}
                TokenTree::Ident(ident) => {
                    path.push(ident.to_string().trim_start_matches("r#").to_owned());
                    if is_punct(at, ':') && is_punct(at + 1, ':') {
                        at += 2;
                    } else {
                        self.name(token, std::mem::replace(&mut path, prefix.to_vec()));
                    }
                }
                TokenTree::Group(group) if is_path && group.delimiter() == Delimiter::Brace => {
                    self.read(group.stream(), &path);
                    path = prefix.to_vec();
                }
                TokenTree::Group(group) => self.read(group.stream(), &[]),
                TokenTree::Punct(punct) if punct.as_char() == '#' && is_test(tokens.get(at)) => {
                    at = self.skip(&tokens, at);
                }
                // These are `use path::*` and `path::<T>`.
                TokenTree::Punct(_) | TokenTree::Literal(_) if is_path => {
                    path.push("*".to_owned());
                    self.name(token, std::mem::replace(&mut path, prefix.to_vec()));
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }

    /// Records a path, which ends with this token, if it has several segments. A single name is
    /// recorded only if it is `async`.
    fn name(&mut self, token: &TokenTree, path: Vec<String>) {
        if path.len() > 1 || path == ["async"] {
            self.named.push((path, token.span().start().line));
        }
    }

    /// Returns the index after the item whose attribute is at this index.
    fn skip(&mut self, tokens: &[TokenTree], attribute: usize) -> usize {
        let is_end = |token: &TokenTree| match token {
            TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
            TokenTree::Punct(punct) => punct.as_char() == ';',
            TokenTree::Ident(_) | TokenTree::Literal(_) => false,
        };
        let end = tokens[attribute..].iter().position(is_end);
        let end = end.map_or(tokens.len(), |length| attribute + length);
        if let [.., TokenTree::Ident(word), TokenTree::Ident(name)] = &tokens[..end]
            && word == "mod"
        {
            self.tests.push(child(&self.module, &name.to_string()));
        }
        end + 1
    }
}

/// Returns true for the brackets of `#[test]` and `#[cfg(test)]`.
fn is_test(brackets: Option<&TokenTree>) -> bool {
    let text = brackets.map(TokenTree::to_string).unwrap_or_default();
    let text = text.replace(' ', "");
    text == "[test]" || text.starts_with("[cfg(test)") || text.starts_with("[cfg(all(test,")
}

/// The module of a file: `model/reference.rs` and `model/reference/mod.rs` are `["model",
/// "reference"]`, and `lib.rs` is the root.
fn module_path(path: &str) -> Module {
    let stem = path.strip_suffix(".rs").unwrap().trim_end_matches("/mod");
    if stem == "lib" {
        Vec::new()
    } else {
        stem.split('/').map(str::to_owned).collect()
    }
}

pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The paths of the files below a directory that have this extension.
fn files(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let mut files = all_files(directory);
    files.retain(|path| path.extension().is_some_and(|found| found == extension));
    files
}

/// Returns all files in a folder and in the folders below it.
pub fn all_files(directory: &Path) -> Vec<PathBuf> {
    let paths = glob::glob(&format!("{}/**/*", directory.display())).unwrap();
    let paths = paths.map(Result::unwrap);
    paths.filter(|path| path.is_file()).collect()
}

fn parse(root: &Path, file: &Path) -> File {
    let path = file.strip_prefix(root).unwrap().display().to_string();
    let mut parsed = File {
        module: module_path(&path),
        path,
        ..File::default()
    };
    let text = fs::read_to_string(file).unwrap();
    parsed.read(text.parse().expect(&parsed.path), &[]);
    parsed
}

/// The files by their modules, without those of tests.
fn sources() -> &'static BTreeMap<Module, File> {
    static SOURCES: OnceLock<BTreeMap<Module, File>> = OnceLock::new();
    SOURCES.get_or_init(|| {
        let root = repository("src");
        let files = files(&root, "rs");
        let mut files: Vec<File> = files.iter().map(|path| parse(&root, path)).collect();
        let tests: Vec<Module> = files.iter().flat_map(|file| file.tests.clone()).collect();
        files.retain(|file| !tests.iter().any(|test| file.module.starts_with(test)));
        let files = files.into_iter().map(|file| (file.module.clone(), file));
        files.collect()
    })
}

/// A path of this crate that a file names.
struct Import {
    from: &'static File,
    to: &'static File,
    /// The place and the path, for a message.
    text: String,
}

/// The paths of this crate that files name, except for those within a file's own module.
fn imports() -> Vec<Import> {
    let mut imports = Vec::new();
    for from in sources().values() {
        for (path, line) in &from.named {
            let Some((mut module, mut rest)) = start(from, path) else {
                continue;
            };
            while let Some((next, after)) = rest.split_first()
                && sources().contains_key(&child(&module, next))
            {
                (module, rest) = (child(&module, next), after);
            }
            let to = &sources()[&module];
            if to.path != from.path {
                let text = format!("{}:{line}: {}", from.path, path.join("::"));
                imports.push(Import { from, to, text });
            }
        }
    }
    imports
}

fn child(module: &[String], name: &str) -> Module {
    [module, &[name.to_owned()]].concat()
}

/// The module that a path begins in, and the rest of the path. `None` if the path begins in another
/// crate.
fn start<'p>(from: &File, path: &'p [String]) -> Option<(Module, &'p [String])> {
    let is_up = |segment: &&String| *segment == "super";
    let ups = path.iter().take_while(is_up).count();
    let own = &from.module;
    let above = &own[..own.len().saturating_sub(ups)];
    match path[0].as_str() {
        "super" => Some((above.to_vec(), &path[ups..])),
        "crate" | "secrets_exec" => Some((Vec::new(), &path[1..])),
        "self" => Some((own.clone(), &path[1..])),
        first if sources().contains_key(&child(own, first)) => Some((own.clone(), path)),
        _ => None,
    }
}

/// One row of the table. Its cells are lists, separated by commas.
struct Tier {
    name: &'static str,
    imports: &'static str,
    touches: &'static str,
}

fn tiers() -> impl Iterator<Item = Tier> {
    let (_, table) = DOCUMENT.split_once(HEADING).unwrap();
    let rows = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, name, imports, touches, _] = cells[..] else {
            panic!("{row}")
        };
        Tier {
            name,
            imports,
            touches,
        }
    })
}

fn items(cell: &'static str) -> impl Iterator<Item = &'static str> {
    cell.split(", ").filter(|item| !item.is_empty())
}

/// The tier to which a file belongs. Fails the test if the table doesn't have it.
fn tier_of(file: &File) -> Tier {
    let name = file.module.first().map_or("lib", String::as_str);
    tiers()
        .find(|tier| tier.name == name)
        .unwrap_or_else(|| panic!("{}: no tier of the table", file.path))
}

/// Returns true if the file belongs to one of these tiers or modules.
fn includes(modules: &'static str, file: &File) -> bool {
    items(modules).any(|module| match module {
        "steps" => includes(STEPS, file),
        "lib" => file.path == "lib.rs",
        module => format!("{}::", file.module.join("::")).starts_with(&format!("{module}::")),
    })
}

fn assert_none(offences: impl IntoIterator<Item = String>) {
    let offences: BTreeSet<String> = offences.into_iter().collect();
    assert!(offences.is_empty(), "{offences:#?}");
}

#[test]
fn architecture_md_lists_exactly_the_tiers_that_exist() {
    let known: BTreeSet<&str> = tiers().map(|tier| tier.name).collect();
    let used = sources().values().map(|file| tier_of(file).name);
    assert_same(&used.collect(), &known, "the modules of src, and the table");
    let mut parts = WORLD.map(|(part, _)| part).to_vec();
    parts.push("nothing");
    for tier in tiers() {
        let lists = [tier.imports, STEPS].into_iter();
        for module in lists.flat_map(items) {
            let is_known = known.contains(module) || ["input::cli", "steps"].contains(&module);
            assert!(is_known, "{}: {module}", tier.name);
        }
        assert_ne!(tier.touches, "", "{}", tier.name);
        for part in items(tier.touches) {
            assert!(parts.contains(&part), "{}: {part}", tier.name);
        }
    }
}

#[test]
fn a_tier_imports_other_tiers_only_as_architecture_md_allows() {
    let is_refused = |import: &Import| !includes(tier_of(import.from).imports, import.to);
    let refused = imports().into_iter().filter(is_refused);
    assert_none(refused.map(|import| format!("{}: not of {}", import.text, import.to.path)));
}

#[test]
fn a_tier_uses_files_network_or_environment_only_as_architecture_md_allows() {
    let begins = |path: &str, starts: &[&str]| starts.iter().any(|start| path.starts_with(start));
    let mut refused = Vec::new();
    for file in sources().values() {
        let touches = tier_of(file).touches;
        for (path, line) in &file.named {
            if start(file, path).is_some() {
                continue;
            }
            let path = path.join("::");
            for (part, beginnings) in WORLD {
                // A type that is only data in its part still needs tokio.
                let is_harmless = part != "runtime" && begins(&path, &HARMLESS);
                let is_allowed = is_harmless || items(touches).any(|touched| touched == part);
                if begins(&path, beginnings) && !is_allowed {
                    let file = &file.path;
                    refused.push(format!("{file}:{line}: {path}: not for {part}"));
                }
            }
        }
    }
    assert_none(refused);
}

#[test]
fn modules_in_one_folder_of_src_do_not_import_each_other_in_a_circle() {
    // For each import, the modules in the deepest folder that has both files.
    let mut edges = BTreeSet::new();
    for Import { from, to, .. } in imports() {
        let (from, to) = (&from.module, &to.module);
        let common = from.iter().zip(to).take_while(|(a, b)| a == b).count();
        if from.len() > common && to.len() > common {
            edges.insert((&from[..=common], &to[..=common]));
        }
    }
    // An edge that isn't on a circle, or between two circles, begins or ends outside all others.
    loop {
        let (begins, ends): (BTreeSet<_>, BTreeSet<_>) = edges.iter().copied().unzip();
        let count = edges.len();
        edges.retain(|(from, to)| ends.contains(from) && begins.contains(to));
        if edges.len() == count {
            break;
        }
    }
    assert_none(edges.iter().map(|edge| format!("{edge:?}")));
}

#[test]
fn no_module_in_src_imports_from_a_module_that_contains_it() {
    // The binary is a crate of its own.
    let contained = imports().into_iter().filter(|Import { from, to, .. }| {
        from.path != "main.rs" && from.module.starts_with(&to.module)
    });
    assert_none(contained.map(|import| import.text));
}

/// The types of a `static` that can change.
const STATE: [&str; 6] = ["Atomic", "Cell", "Mutex", "Once", "RwLock", "thread_local!"];

#[test]
fn no_static_in_model_and_resolve_has_state_that_one_step_leaves_for_another() {
    let mut offences = Vec::new();
    for folder in ["src/model", "src/resolve"] {
        for path in files(&repository(folder), "rs") {
            for line in fs::read_to_string(&path).unwrap().lines() {
                let is_declaration = line.contains("static ") && line.contains(": ");
                let is_local = line.trim_start().starts_with("thread_local!");
                if (is_declaration || is_local) && STATE.iter().any(|state| line.contains(state)) {
                    offences.push(format!("{}: {line}", path.display()));
                }
            }
        }
    }
    assert_none(offences);
}

#[test]
fn every_rust_file_of_tests_is_compiled_into_the_test_binary() {
    let folders = ["tests/it", "tests/peers", "tests/hosts"].map(repository);
    let sources = Vec::from_iter(folders.iter().flat_map(|folder| files(folder, "rs")));
    let read = |path: &PathBuf| fs::read_to_string(path).unwrap();
    let texts: String = sources.iter().map(read).collect();
    let left_out = sources.iter().filter(|file| {
        let is_folder = file.ends_with("mod.rs");
        let module = if is_folder {
            file.parent().unwrap()
        } else {
            file
        };
        let name = module.file_stem().unwrap().display();
        name.to_string() != "main" && !texts.contains(&format!("mod {name};"))
    });
    assert_none(left_out.map(|file| format!("no module {}", file.display())));
    let rows = files(&folders[0], "rows").into_iter();
    let rows = rows.map(|file| {
        file.strip_prefix(repository(""))
            .unwrap()
            .display()
            .to_string()
    });
    let unread = rows.filter(|rows| {
        let (folder, name) = rows.trim_end_matches(".rows").rsplit_once('/').unwrap();
        let lists = texts
            .split("files!(")
            .filter_map(|list| list.split(')').next());
        let mut lists = lists.filter(|list| list.contains(&format!("\"{folder}\",")));
        let is_listed = lists.any(|list| list.split_whitespace().any(|word| word == name));
        !is_listed && !texts.contains(&format!("rows!(\"{rows}\")"))
    });
    assert_none(unread.map(|rows| format!("nobody reads {rows}")));
}

#[test]
fn the_pages_for_contributors_and_cargo_toml_name_only_files_that_exist() {
    let folders = [
        ".cargo",
        ".ci",
        ".github",
        "benches",
        "docs",
        "examples",
        "fuzz",
        "packaging",
        "src",
        "tests",
    ];
    let mut existing = String::new();
    for file in folders
        .map(|folder| all_files(&repository(folder)))
        .concat()
    {
        let path = file
            .strip_prefix(repository(""))
            .unwrap()
            .display()
            .to_string();
        existing += &format!("/{path}/{}/\n", path.trim_end_matches(".rs"));
    }

    for page in [
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "RELEASING.md",
        "Cargo.toml",
    ] {
        let text = fs::read_to_string(repository(page)).unwrap();
        // Every second part of the text is in backticks, such as `commands/worker`.
        for quoted in text.split('`').skip(1).step_by(2) {
            let path = quoted.split(' ').next().unwrap().trim_end_matches('/');
            let is_path = path.contains('/')
                && path
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_./-".contains(c));
            let is_elsewhere = ["/", "target/", ".venv/"]
                .iter()
                .any(|start| path.starts_with(start));
            if is_path && !is_elsewhere {
                assert!(existing.contains(&format!("/{path}/")), "{page}: {path}");
            }
        }
    }
}
