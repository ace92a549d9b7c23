//! One program with a target for each parser of foreign bytes; the environment
//! variable `MIG_FUZZ_TARGET` chooses. One program, because each would be
//! linked with most of MIG.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

mod netstat;
mod probes;
mod proxies;
mod record;
mod targets;

fuzz_target!(|data: &[u8]| {
    static TARGET: OnceLock<fn(&[u8])> = OnceLock::new();
    TARGET.get_or_init(|| {
        let name = std::env::var("MIG_FUZZ_TARGET").expect("MIG_FUZZ_TARGET names the target");
        targets::named(&name).unwrap_or_else(|| panic!("no fuzz target `{name}`"))
    })(data);
});
