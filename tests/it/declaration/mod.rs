//! Declarations: what they may say, what is refused with its place, and the schema that says the same.

mod accepted;
mod empty {
    rows::rows!("tests/it/declaration/empty.rows");
}
mod huge;
mod refused;
mod schema;
