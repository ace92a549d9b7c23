//! The `memory` module: finds processes by executable, mapped libraries and
//! the content of their memory.
//!
//! Every process is looked at once for all searches, cheap checks first: names,
//! then libraries, then memory, which is read in large blocks that all patterns
//! see. Nothing of what is read leaves the machine: results are process names,
//! numbers and yes or no.
//!
//! | Folder | Knows |
//! |---|---|
//! | `parameters` | what can be asked, its validation, the command line |
//! | `plan` | what is asked, compiled |
//! | `content` | patterns over a stream of memory, in bounded memory |
//! | `processes` | `/proc`: who runs, memory maps, libraries, our own family |
//! | `scan` | which memory is read, block by block, on a few threads |
//! | `results` | what was found, as JSON and as printed lines |

mod content;
mod module;
mod parameters;
mod plan;
mod processes;
mod results;
mod scan;
mod sys;

pub use module::MemoryModule;
pub use parameters::{Parameters, Search, SearchOptions};

mig_plugin_sdk::declare_plugin!(MemoryModule);

/// Entry points for the fuzzer: parsers of bytes that other processes control.
#[doc(hidden)]
pub mod fuzzing {
    /// Reads a text as `/proc/PID/maps`, and the rest of the bytes as the
    /// memory of an ELF image that is mapped at an address.
    pub fn read_maps_and_image(data: &[u8]) {
        let mut last = 0;
        for line in data.split(|byte| *byte == b'\n') {
            if let Some(mapping) = crate::processes::maps::parse_line(line) {
                assert!(mapping.start < mapping.end, "an empty mapping");
                last = mapping.start;
            }
        }
        let mut memory = |address: u64, into: &mut [u8]| {
            let offset = usize::try_from(address.wrapping_sub(last)).ok()?;
            let bytes = data.get(offset..)?.get(..into.len())?;
            into.copy_from_slice(bytes);
            Some(())
        };
        let name = crate::processes::elf::soname(&mut memory, last);
        assert!(name.is_none_or(|name| !name.is_empty() && name.len() <= 255));
    }
}
