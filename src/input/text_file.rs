//! Opens the files that the user names, and reads the text of declarations and `--local` files. If
//! a file doesn't exist, suggests one with a similar name. Errors never show a line of a file.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::Path;

use crate::model::environment::env_file_name;
use crate::model::fault::{did_you_mean, nearest, not_a_path};
use crate::model::message::{Problem, Status};
use crate::model::shown::{file_name, is_in_quotes, shell_word};
use crate::system::os_error::{read_file, unreadable_from, utf8_text};

/// Opens a file for reading. Errors show the path, followed by `from`, which is empty or says where
/// the path came from, such as ` (from SECRETS_EXEC_FILE)`. If the path is really a URL or a file's
/// content, which may be secret, the error names `option` instead.
pub fn open(path: &Path, option: &str, from: &str) -> Result<File, Problem> {
    File::open(path).map_err(|error| {
        if let Some(fault) = not_a_path(&path.to_string_lossy()) {
            return Problem::configuration(fault.about(option));
        }
        let mut problem = unreadable_from(path.display(), from, &error);
        // Suggest no other name for a symbolic link, because its target is what is missing. Suggest
        // none for a path in quotes, either, because `unreadable_from` says to remove them.
        if error.kind() == ErrorKind::NotFound
            && !path.is_symlink()
            && !is_in_quotes(&path.to_string_lossy())
            && let Some(file) = similar_file(path)
        {
            problem = problem.help(did_you_mean(&file));
        }
        problem
    })
}

/// The path of the file next to `path` whose name is most similar.
pub(super) fn similar_file(path: &Path) -> Option<String> {
    let directory = path.parent()?;
    let names = names_in(directory);
    let name = path.file_name()?.to_str()?;
    // Both files must be for `--local`, or neither.
    let is_local = name.contains(".local.");
    // Otherwise, the binary `secrets-exec` could be suggested for a missing `secrets-exec.yaml`.
    let needs_extension = path.extension().is_some();
    let nearest = nearest(
        name,
        names.iter().map(String::as_str).filter(|other| {
            let has_extension = Path::new(other).extension().is_some();
            other.contains(".local.") == is_local && (has_extension || !needs_extension)
        }),
    )?;
    Some(directory.join(nearest).to_str()?.to_owned())
}

fn names_in(directory: &Path) -> BTreeSet<String> {
    // A bare file name such as `secrets.yaml` has the empty path as its parent. Put `.` before it,
    // because `read_dir` rejects an empty path.
    fs::read_dir(Path::new(".").join(directory))
        .into_iter()
        .flatten()
        .filter_map(|file| file.ok()?.file_name().into_string().ok())
        .collect()
}

pub(super) enum FileKind {
    Declaration,
    LocalSecrets,
}

/// Reads the text of a YAML or JSON file, but refuses a .env file. `path` is only for messages, and
/// is `-` for standard input.
pub(super) fn read_yaml(path: &Path, source: impl Read, kind: FileKind) -> Result<String, Problem> {
    let (mebibytes, option, migrate_option) = match kind {
        FileKind::Declaration => (1, "-f", ""),
        FileKind::LocalSecrets => (64, "--local", " --for-local -o secrets.local.yaml"),
    };
    let file = file_name(path);
    let bytes = read_file(&file, source, mebibytes)?;
    let path_unless_stdin = path.to_str().filter(|path| *path != "-");
    let content = decode(&bytes, &file, &format!("{option} "), path_unless_stdin)?;
    // Neither a declaration nor a file for `--local` can begin with `NAME=VALUE`, so a text that
    // does is a .env file.
    if env_file_name(content).is_none() {
        return Ok(content.to_owned());
    }

    let text = format!("{file} has NAME=VALUE lines, but must be YAML or JSON");
    let migrated = shell_word("FILE", path_unless_stdin.unwrap_or(".env"));
    Err(Problem::configuration(text).help(format!(
        "convert it: secrets-exec migrate {migrated} --secret ID{migrate_option}"
    )))
}

/// Converts a file's bytes to text. Refuses a file that isn't UTF-8 or is encrypted with sops. The
/// help about sops shows `option` and `path`. `option` is empty for `migrate`, and otherwise ends
/// with a space. `path` is `None` for standard input.
pub(super) fn decode<'b>(
    bytes: &'b [u8],
    file: &str,
    option: &str,
    path: Option<&str>,
) -> Result<&'b str, Problem> {
    let text = utf8_text(bytes, file, Status::Configuration)?;
    if text.contains("ENC[AES256_GCM,") {
        let argument = shell_word("FILE", path.unwrap_or("FILE"));
        let help = format!("decrypt it: {option}<(sops decrypt {argument})");
        let text = format!("{file} is encrypted with sops");
        return Err(Problem::configuration(text).help(help));
    }
    Ok(text)
}
