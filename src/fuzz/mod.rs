//! The functions behind the fuzz targets in `fuzz/`. Each of them accepts any bytes, and panics if
//! a property doesn't hold.
//!
//! The functions are compiled with `cfg(fuzzing)` and for the unit tests, which run each function
//! on its seeds in `fuzz/seeds`.

mod answers;
mod input_files;
mod references;
mod support;

pub use answers::{cache_entry, response};
pub use input_files::{config_file, declaration, env_file, inherited};
pub use references::{extraction, reference, template};

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    /// Runs a fuzz target on each of its seeds, and on both halves of each seed.
    fn replay(name: &str, target: fn(&[u8])) {
        let seeds = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fuzz/seeds")
            .join(name);
        let mut count = 0;
        for seed in fs::read_dir(seeds).unwrap() {
            let seed = fs::read(seed.unwrap().path()).unwrap();
            let (first, second) = seed.split_at(seed.len() / 2);
            [&seed, first, second].into_iter().for_each(target);
            count += 1;
        }
        assert!(count > 4, "{name} has {count} seeds");
    }

    #[test]
    fn every_seed_of_every_fuzz_target_passes_its_checks() {
        replay("reference", super::reference);
        replay("declaration", super::declaration);
        replay("inherited", super::inherited);
        replay("extraction", super::extraction);
        replay("response", super::response);
        replay("template", super::template);
        replay("env_file", super::env_file);
        replay("config_file", super::config_file);
        replay("cache_entry", super::cache_entry);
    }
}
