//! The module in C that leaves a mark and takes its time, under two names:
//! `linger`, which may be run again after an interruption, and `once`, which may
//! not.

use std::path::PathBuf;

use mig_acceptance::Site;

use super::compiling::compile;

/// May be run again.
pub const LINGER: &str = "linger";
/// May not.
pub const ONCE: &str = "once";

/// Compiles and installs both.
pub fn install(site: &Site) {
    for (name, repeatable) in [(LINGER, true), (ONCE, false)] {
        let built = site.path(&format!("{name}.so"));
        let repeatable = format!("-DREPEATABLE=\"{repeatable}\"");
        compile(&built, "marks.c", name, &[&repeatable]);
        site.add_plugin(name, &built).unwrap();
    }
}

/// The file to which runs of the module append.
pub fn file(site: &Site) -> PathBuf {
    site.path("marks")
}

/// How often a line was left there.
pub fn count(site: &Site, line: &str) -> usize {
    let text = std::fs::read_to_string(file(site)).unwrap_or_default();
    text.lines().filter(|mark| *mark == line).count()
}
