//! Declarations: what they may contain, which mistakes are refused with their place, and the JSON
//! schema, which must agree.

mod accepted;
mod empty {
    rows::rows!("tests/it/declaration/empty.rows");
}
mod huge;
mod refused;
mod schema;
