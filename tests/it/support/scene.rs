//! The scene of a run, which a failed assertion shows: commands that run it again, and its files.

use std::ffi::OsString;
use std::fmt::{self, Display, Formatter};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use super::directory::Directory;

/// The number of bytes of a text that are shown.
const LONGEST: usize = 2000;

#[derive(Default)]
pub struct Scene {
    line: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    working: PathBuf,
    /// The files, which are kept until the last outcome of the sandbox has been dropped.
    pub files: Option<Arc<Directory>>,
}

impl Scene {
    pub fn from_command(command: &Command, files: Option<Arc<Directory>>) -> Self {
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let variables = command
            .get_envs()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
        let working = command.get_current_dir().map(Path::to_owned);
        Self {
            line: words.map(OsString::from).collect(),
            environment: variables.collect(),
            working: working.unwrap_or_default(),
            files,
        }
    }
}

impl Display for Scene {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let words = self.line.iter();
        let words: Vec<String> = words.map(|word| quoted(&word.to_string_lossy())).collect();
        let line = shortened(&words.join(" "));
        writeln!(f, "$ cd {}\n$ env -i \\", self.working.display())?;
        for (name, value) in &self.environment {
            let value = quoted(&shortened(&value.to_string_lossy()));
            writeln!(f, "    {}={value} \\", name.display())?;
        }
        writeln!(f, "    {line}")?;
        let mut files = self.files.iter();
        files.try_for_each(|files| write_files(f, files.path(), files.path()))
    }
}

fn write_files(f: &mut Formatter<'_>, top: &Path, directory: &Path) -> fmt::Result {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = path.strip_prefix(top).unwrap_or(&path).display();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => write_files(f, top, &path)?,
            Ok(kind) if kind.is_file() => {
                let content = fs::read(&path).unwrap_or_default();
                let text = str::from_utf8(&content).map(shortened);
                let text = text.unwrap_or_else(|_| format!("{} bytes", content.len()));
                writeln!(f, "  {name}: {}", text.trim_end())?;
            }
            kind => writeln!(f, "  {name}: {kind:?}")?,
        }
    }
    Ok(())
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_=:/.,@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// The beginning of a text. If the text is longer, its length is added.
fn shortened(text: &str) -> String {
    let shown = &text[..text.floor_char_boundary(LONGEST)];
    if shown.len() < text.len() {
        format!("{shown}… ({} bytes)", text.len())
    } else {
        shown.to_owned()
    }
}
