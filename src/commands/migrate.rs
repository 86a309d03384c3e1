//! `secrets-exec migrate`
use crate::model::inherited::Inherited;
use crate::model::options::{MigrateOptions, TypedOptions};
use crate::report::Report;
pub fn migrate(_: &MigrateOptions, _: TypedOptions, _: &Inherited) -> Result<(), Report> {
    Ok(())
}
