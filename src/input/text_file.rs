//! Opens the files that the user names, reads declarations and files for `--local`, and finds files
//! with similar names. Errors never show a line of a file.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::Path;

use crate::model::entry::shell_quoted;
use crate::model::environment::env_file_name;
use crate::model::fault::{did_you_mean, is_utf16, nearest, not_a_path};
use crate::model::problem::{Problem, Status};
use crate::model::shown::{file_name, is_in_quotes};
use crate::system::os_error::{read_file, unreadable_from};

/// Opens a file for reading.
///
/// # Errors
/// If the file can't be opened. If the file doesn't exist, the help suggests a file with a similar
/// name in the same directory, if there is one. If `path` is a URL or the content of a file, the
/// error shows `option` instead, such as `-f or SECRETS_EXEC_FILE`. `from` follows the path in the
/// other errors: ` (from SECRETS_EXEC_FILE)`, or nothing.
pub fn open(path: &Path, option: &str, from: &str) -> Result<File, Problem> {
    File::open(path).map_err(|error| {
        if let Some(fault) = not_a_path(&path.to_string_lossy()) {
            return Problem::from_fault(Status::Configuration, fault.about(option));
        }
        let mut problem = unreadable_from(path.display(), from, &error);
        // For a path in quotes, `unreadable_from` has better help: it says to remove the quotes. A
        // symbolic link has the right name, even if its target doesn't exist.
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

/// The path with the most similar name in the directory of `path`, if one is similar.
pub(super) fn similar_file(path: &Path) -> Option<String> {
    let directory = path.parent()?;
    let names = names_in(directory);
    let name = path.file_name()?.to_str()?;
    // The similar file must be of the same kind: both are for `--local`, or neither is.
    let is_local = name.contains(".local.");
    let nearest = nearest(
        name,
        names
            .iter()
            .map(String::as_str)
            .filter(|other| other.contains(".local.") == is_local),
    )?;
    Some(directory.join(nearest).to_str()?.to_owned())
}

/// Finds the path of a file for `--local` in a directory: of all names that end with
/// `.local.yaml`, the first in alphabetical order.
pub fn find_local_file(directory: &Path) -> Option<String> {
    let names = names_in(directory);
    let name = names.iter().find(|name| name.ends_with(".local.yaml"))?;
    Some(directory.join(name).to_str()?.to_owned())
}

/// Lists the names of everything in a directory, except those that aren't UTF-8. The result is
/// empty if the directory can't be read.
fn names_in(directory: &Path) -> BTreeSet<String> {
    // The directory of `secrets.yaml` is an empty path, which `read_dir` doesn't accept.
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

/// Reads the text of a YAML or JSON file from `source`. `path`, which is `-` for standard input, is
/// only for messages.
pub(super) fn read_yaml(path: &Path, source: impl Read, kind: FileKind) -> Result<String, Problem> {
    let (mebibytes, option, migrate_option) = match kind {
        FileKind::Declaration => (1, "-f", ""),
        FileKind::LocalSecrets => (64, "--local", " --for-local -o secrets.local.yaml"),
    };
    let file = file_name(path);
    let bytes = read_file(&file, source, mebibytes)?;
    let path_unless_stdin = path.to_str().filter(|path| *path != "-");
    refuse_encoded(&bytes, &file, &format!("{option} "), path_unless_stdin)?;
    let content = String::from_utf8(bytes)
        .map_err(|_| Problem::configuration(format!("{file} isn't UTF-8 text")))?;
    // A file that begins with `NAME=VALUE` is a .env file, because neither a declaration nor a file
    // for `--local` can begin like this.
    if env_file_name(&content).is_none() {
        return Ok(content);
    }

    let text = format!("{file} has NAME=VALUE lines, but must be YAML or JSON");
    let migrated = path_unless_stdin.unwrap_or(".env");
    Err(Problem::configuration(text).help(format!(
        "convert it: secrets-exec migrate {migrated} --secret ID{migrate_option}"
    )))
}

/// Refuses a file that is in UTF-16 or encrypted. Messages call the file `file`. `option` is the
/// option that names the file, with a space after it, or empty for the argument of `migrate`.
/// `path` is `None` for standard input.
pub(super) fn refuse_encoded(
    bytes: &[u8],
    file: &str,
    option: &str,
    path: Option<&str>,
) -> Result<(), Problem> {
    if is_utf16(bytes) {
        return Err(Problem::configuration(format!("{file} is UTF-16")).help("save it as UTF-8"));
    }
    let Some((tool, command)) = encryption(bytes) else {
        return Ok(());
    };
    let argument = shell_quoted(path.unwrap_or("FILE"));
    let problem = Problem::configuration(format!("{file} is encrypted with {tool}"));
    Err(problem.help(format!("decrypt it: {option}<({command} {argument})")))
}

/// For each kind of encrypted file: its first bytes, the tool, and the start of the command that
/// decrypts the file. A binary message of gpg begins with the header of a session key packet (RFC
/// 9580, section 4.2), and UTF-8 text can't begin with such a byte.
const ENCRYPTED_FILES: [(&[u8], &str, &str); 8] = [
    (b"$ANSIBLE_VAULT;", "ansible-vault", "ansible-vault view"),
    (b"age-encryption.org/", "age", "age --decrypt -i KEY"),
    (b"-----BEGIN AGE ", "age", "age --decrypt -i KEY"),
    (b"-----BEGIN PGP MESSAGE", "PGP", "gpg --decrypt"),
    (b"\x84", "PGP", "gpg --decrypt"),
    (b"\x85", "PGP", "gpg --decrypt"),
    (b"\x8c", "PGP", "gpg --decrypt"),
    (b"\0GITCRYPT\0", "git-crypt", "git-crypt unlock && cat"),
];

/// Recognizes the tool that encrypted the file or values in it. Also returns the command that
/// decrypts the file, to which the path has to be added.
fn encryption(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    for (start, tool, command) in ENCRYPTED_FILES {
        if bytes.starts_with(start) {
            return Some((tool, command));
        }
    }
    // sops and ansible-vault can also encrypt only the values in a file.
    match String::from_utf8_lossy(bytes) {
        text if text.contains("ENC[AES256_GCM,") => Some(("sops", "sops decrypt")),
        text if text.contains("$ANSIBLE_VAULT;") => Some(("ansible-vault", "COMMAND")),
        _ => None,
    }
}
