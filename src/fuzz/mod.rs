//! TODO

mod declaration;
mod extraction;
mod inherited;
mod reference;
mod response;
mod support;
mod template;
