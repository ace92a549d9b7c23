//! The `ping` module: whether a machine answers, as seen from the endpoint,
//! through ICMP, TCP or UDP.
//!
//! The destination is resolved once, and every attempt goes to that address.
//! Attempts wait in short slices, so that a run ends soon after it is asked to
//! and says what it found until then.
//!
//! | Folder | Knows |
//! |---|---|
//! | `parameters` | what can be asked, its validation, the command line |
//! | `packet` | echo requests, and what comes back |
//! | `probe` | one attempt with each protocol |
//! | `sys` | sockets |
//! | `results` | latencies, as JSON and as printed lines |

mod module;
mod packet;
mod parameters;
mod probe;
mod resolve;
mod results;
mod sys;

pub use module::PingModule;
pub use parameters::{Parameters, Protocol};

mig_plugin_sdk::declare_plugin!(PingModule);

/// Entry for the fuzz target of what machines answer.
#[doc(hidden)]
pub mod fuzzing {
    /// Reads bytes as every kind of answer.
    pub fn answers(data: &[u8]) {
        crate::packet::read_anything(data);
    }
}
