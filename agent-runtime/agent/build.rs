//! Leaves the unwind tables out of the agent's small build. That build aborts on
//! a panic, so nothing ever unwinds through it, and the tables would be an eighth
//! of the program. They come with the standard library and the C parts too, so
//! the linker is asked.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// Drops the sections; everything else stays as the linker's own script has it.
const SCRIPT: &str = "\
SECTIONS { /DISCARD/ : { *(.eh_frame) *(.eh_frame_hdr) } }
INSERT BEFORE .text;
";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-check-cfg=cfg(no_unwind_tables)");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let linux = env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux");
    if !linux || !is_agent_profile(&out) {
        return;
    }
    let script = out.join("no-unwind-tables.ld");
    if let Err(error) = fs::write(&script, SCRIPT) {
        panic!("cannot write {}: {error}", script.display());
    }
    // Checked in the program: an unwinding build must never lack its tables.
    println!("cargo:rustc-cfg=no_unwind_tables");
    println!("cargo:rustc-link-arg-bins=-Wl,-T,{}", script.display());
}

/// Cargo does not tell build scripts how a profile panics, only where it puts
/// its files: `target/<profile>/build/<package>/out`.
fn is_agent_profile(out: &Path) -> bool {
    out.ancestors()
        .nth(3)
        .and_then(Path::file_name)
        .is_some_and(|profile| profile == "agent")
}
