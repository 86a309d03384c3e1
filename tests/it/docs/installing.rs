//! `docs/installing.md`. `tests/hosts/packages.rs` has its packages.

use crate::support::sandbox::repository_file;

#[test]
fn a_build_elsewhere_gets_the_variables_of_cargos_configuration() {
    let configuration = repository_file(".cargo/config.toml");
    let variables = configuration.lines().filter_map(|line| line.strip_prefix("AWS_LC_SYS_")?.split_once(" = "));
    let variables: Vec<_> = variables.map(|(name, value)| (name, value.trim_matches('"'))).collect();
    assert_eq!(variables.len(), 3, "{configuration}");
    let page = repository_file("docs/installing.md");
    for (name, value) in variables {
        let written = [format!("AWS_LC_SYS_{name}={value} "), format!("AWS_LC_SYS_{name}='{value}' ")];
        assert!(written.iter().any(|written| page.contains(written)), "{name}");
    }
}
