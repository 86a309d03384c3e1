//! The value of a variable: references, templates, objects, absences, and the sources that name
//! them.

mod absence {
    rows::rows!("tests/it/values/absence.rows");
}
mod env_from;
mod expansion {
    rows::rows!("tests/it/values/expansion.rows");
}
mod json;
mod layers;
mod local;
mod misplaced;
mod pattern {
    rows::rows!("tests/it/values/pattern.rows");
}
mod references;
mod resolve_env {
    rows::rows!("tests/it/values/resolve_env.rows");
}
mod template_faults {
    rows::rows!("tests/it/values/template_faults.rows");
}
mod templates {
    rows::rows!("tests/it/values/templates.rows");
}
mod warnings {
    rows::rows!("tests/it/values/warnings.rows");
}
