//! The value of a variable: references, templates, objects, absences, and the sources that name
//! them.

mod env_from;
mod json;
mod layers;
mod local;
mod misplaced;
mod references;

::rows::files!(
    "tests/it/values",
    absence expansion pattern resolve_env template_faults templates warnings
);
