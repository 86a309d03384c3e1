//! The move of a file's variables into one secret: the variables, the reasons against it, and the declaration.

mod declaration;
mod error;
mod notice;
mod setting;

pub use declaration::declaration;
pub use error::{MOST_BYTES, MigrationError, NotMergeable, Operation, Unsuitable};
pub use notice::{FileNotice, Left, Outcome};
pub use setting::Setting;
