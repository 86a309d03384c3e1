//! What only the linker can do for a fast start and a small binary.

use std::env;
use std::process::{Command, Output};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=RUSTC_LINKER");
    // Who chooses a linker by flags is not second-guessed: only the one that is configured can be asked here.
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    if ["linker", "fuse-ld"].iter().any(|choice| flags.contains(choice)) {
        return;
    }
    let target = |key: &str| env::var(format!("CARGO_CFG_TARGET_{key}")).unwrap_or_default();
    match (target("OS").as_str(), target("ENV").as_str()) {
        // The unwinder, where it can be had as an archive. The library asks the CPU for its features whenever it is loaded; on
        // a virtual machine the hypervisor answers that, which takes 0.1 to 0.2 ms. GCC's archive, from its version 12 on, wants
        // glibc 2.35.
        ("linux", "gnu") if has_archive() => {
            println!("cargo::rustc-link-lib=static:-bundle=gcc_eh");
            println!("cargo::rustc-env=UNWINDER=archive");
        }
        // Relocations in a hundredth of the space. What loads a dynamic binary may be too old for them; one for musl is static,
        // unless a distribution's own target or a flag says otherwise.
        ("linux", "musl") if target("VENDOR") == "unknown" && !flags.contains("-crt-static") && packs_relocations() => {
            println!("cargo::rustc-link-arg-bins={PACK_RELOCATIONS}");
        }
        _ => {}
    }
}

/// A linker that has the archive tells its place; another repeats the name.
fn has_archive() -> bool {
    linker(&["-print-file-name=libgcc_eh.a"]).is_some_and(|told| told.stdout.starts_with(b"/"))
}

const PACK_RELOCATIONS: &str = "-Wl,-z,pack-relative-relocs";

/// gold and lld by itself refuse what they do not know, an old GNU ld only warns.
fn packs_relocations() -> bool {
    linker(&[PACK_RELOCATIONS, "-Wl,--version"]).is_some_and(|told| told.status.success())
}

fn linker(arguments: &[&str]) -> Option<Output> {
    let linker = env::var_os("RUSTC_LINKER").unwrap_or_else(|| "cc".into());
    Command::new(linker).args(arguments).output().ok()
}
