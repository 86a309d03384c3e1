//! systemd's credentials: the `request` of a unit, the `names` in declarations, and the `selection` of the entry that answers.

mod names;
mod request;
mod selection;

pub use names::{is_credential_name, parse_unit};
pub use request::CredentialRequest;
pub use selection::{NotSelected, select};

/// The longest credential that systemd accepts, in bytes (systemd.exec(5)).
pub const MAX_LENGTH: usize = 1024 * 1024;
