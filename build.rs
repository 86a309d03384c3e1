//! What only the linker can do for a fast start.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("linux") {
        return;
    }
    match env::var("CARGO_CFG_TARGET_ENV").as_deref() {
        // The unwinder, where it can be had as an archive. The library asks the CPU for its features whenever it is loaded; on
        // a virtual machine the hypervisor answers that, in a tenth of what a launch takes.
        Ok("gnu") if has_archive() => println!("cargo::rustc-link-lib=static:-bundle=gcc_eh"),
        // Relocations in a hundredth of the space. With glibc only 2.36 and newer could start the binary.
        Ok("musl") => println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs"),
        _ => {}
    }
}

/// A linker that has the archive tells its place; another repeats the name.
fn has_archive() -> bool {
    let linker = env::var_os("RUSTC_LINKER").unwrap_or_else(|| "cc".into());
    let told = Command::new(linker).arg("-print-file-name=libgcc_eh.a").output();
    told.is_ok_and(|told| told.stdout.starts_with(b"/"))
}
