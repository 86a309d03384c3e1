//! TODO

pub mod launch;
pub mod prepare;
