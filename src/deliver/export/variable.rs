//! A variable to export.

use crate::model::entry::Subject;
use crate::model::env_name::EnvName;
use crate::model::problem::Problem;

/// A variable that a launch would set.
#[derive(Clone, Copy)]
pub struct Variable<'a> {
    pub name: &'a EnvName,
    pub value: &'a [u8],
    /// The entry that sets it, also of a file whose path it has.
    pub subject: &'a Subject,
}

impl<'a> Variable<'a> {
    /// Returns the value as text, for a format whose files must be UTF-8.
    ///
    /// # Errors
    /// When it is not UTF-8.
    pub fn text(self, format: &str) -> Result<&'a str, Problem> {
        str::from_utf8(self.value).map_err(|_| {
            Problem::configuration(format!("the value is not UTF-8, as {format} must be"))
                .help("use --format shell, or `encode: base64`")
        })
    }
}

/// Returns the reason that a format of one line for each variable cannot hold a value.
pub fn unfit(why: &str) -> Problem {
    Problem::configuration(why).help("use --format shell or json")
}
