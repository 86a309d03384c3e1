//! Keeps secrets off the terminal, and writes them to a file, for `export`, `get` and `migrate`.

use std::path::PathBuf;

use crate::deliver::{Delivery, Files};
use crate::model::answer::SecretValue;
use crate::model::entry::{Argument, DeclaredPath, EntryId, FileTarget, Mode, Subject};
use crate::model::message::Problem;
use crate::model::outcome::FileValue;
use crate::report::{Report, terminal};

/// Fails if values would be printed on a terminal. `remedy` becomes the help.
pub(super) fn refuse_terminal(remedy: &str) -> Result<(), Problem> {
    if !terminal::is_output_terminal() {
        return Ok(());
    }
    let text = "standard output is a terminal, so secrets would be visible on the screen";
    Err(Problem::usage(text).help(remedy))
}

/// `None` means standard output: there is no `--output`, or it is `-`.
pub(super) fn output_file(output: Option<&PathBuf>) -> Option<PathBuf> {
    output.filter(|path| path.as_os_str() != "-").cloned()
}

/// Writes a file completely or not at all. Doesn't warn about secrets on disk, because a `.env`
/// file belongs in the project's directory.
pub(super) fn write_file(path: PathBuf, value: SecretValue, mode: Mode) -> Result<(), Report> {
    let subject = Subject::for_file(&path, Argument::Output);
    let target = FileTarget {
        path: Some(DeclaredPath::new(&path)),
        mode,
        ..FileTarget::default()
    };
    let files = Files::open_directories([FileValue {
        // Only `Files::undeliverable`, which isn't called here, uses the id.
        id: EntryId::default(),
        target: &target,
        value: &value,
        subject: &subject,
    }]);
    Delivery::write_temporary(files)?.rename_all()?.keep();
    Ok(())
}
