//! TODO

pub mod answer;
pub mod command_line;
pub mod entry;
pub mod env_name;
pub mod environment;
pub mod inherited;
pub mod library_text;
pub mod name_patterns;
pub mod options;
pub mod plan;
pub mod quoting;
pub mod reference;
pub mod resolved;
pub mod retention;
pub mod secret_value;
pub mod suggest;
pub mod template;
pub mod tree;
pub mod url;
