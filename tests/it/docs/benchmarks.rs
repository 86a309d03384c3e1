//! Figures of docs/benchmarks.md that another page repeats.

use crate::support::sandbox::repository_file;

#[test]
fn the_page_on_containers_has_the_figures_of_the_simulated_fleet() {
    let benchmarks = repository_file("docs/benchmarks.md");
    let row = benchmarks.lines().find(|line| line.starts_with("| 100000 | 100000 | ")).unwrap();
    let cells: Vec<&str> = row.split(" | ").collect();
    let [_, _, half, last, mean, _] = cells[..] else { panic!("{row}") };
    let figures = format!("half of them have it within {half} and the last after {last}, with {mean} requests each");
    let containers = repository_file("docs/containers.md").replace('\n', " ");
    assert!(containers.contains(&figures), "{figures}");
}
