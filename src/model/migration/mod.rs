//! The move of a file's variables into one secret: the variables, the secret's JSON object with them, and the declaration.

mod declaration;
mod error;
mod notice;
mod object;
mod setting;

pub use declaration::declaration;
pub use error::{MigrationError, Operation, Unsuitable};
pub use notice::{FileNotice, Left, Outcome};
pub use object::{MOST_BYTES, Merged, NotMergeable, is_stored, merge};
pub use setting::Setting;
