//! Declarations: what they may contain, which mistakes are refused with their place, and the JSON
//! schema, which must agree.

mod accepted;
mod huge;
mod refused;
mod schema;

::rows::files!("tests/it/declaration", empty);
