//! The `dispatch` module: takes the alerts of the other modules and brings them
//! to a collector behind HTTP or HTTPS, or to a topic of AWS's SNS.
//!
//! One thread takes alerts in and puts them into a buffer on the disk, in
//! groups; only then does the agent hear that they are safe. Another one
//! empties the buffer, in order, a batch at a time, until somebody has taken
//! it. Either may die at any moment: what was stored is delivered at least
//! once, and what becomes of every alert is counted.
//!
//! | Place | Knows |
//! |---|---|
//! | `configuration` | the file, checked |
//! | `record` | what is sent of an alert |
//! | `intake` | the host's messages |
//! | `spool` | the buffer on the disk |
//! | `delivery` | batches, attempts, pauses |
//! | `sink` | HTTP, SNS, what their answers mean |
//! | `shared` | counters of the status page |

mod configuration;
mod delivery;
mod intake;
mod module;
mod record;
mod shared;
mod sink;
mod spool;
mod sys;

pub use configuration::{Configuration, Section};
pub use module::{DispatchModule, Parameters};

mig_plugin_sdk::declare_plugin!(persistent DispatchModule);

/// Entry for the fuzz target of the files in the buffer's directory, and of
/// what a receiver says in a header.
#[doc(hidden)]
pub mod fuzzing {
    /// Reads bytes as every kind of file that the buffer has.
    pub fn buffer(data: &[u8]) {
        crate::spool::read_anything(data);
        if let Ok(text) = std::str::from_utf8(data) {
            let _wait = crate::sink::retry_after(text, time::OffsetDateTime::UNIX_EPOCH);
        }
    }
}
