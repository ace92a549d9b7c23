//! The `timedrift` module: the endpoint's time, and how far it is from that of
//! several NTP servers.
//!
//! Which servers: those a run names, or those that the machine's own time
//! service is configured with, or, when none of these answers, public ones. No
//! configuration file is needed.
//!
//! | Folder | Knows |
//! |---|---|
//! | `parameters` | what can be asked, its validation, the command line |
//! | `sources` | where time services say which servers they use |
//! | `packet` | NTP: the question, and which answers count |
//! | `asking` | several servers at once |
//! | `results` | the verdict, as JSON and as printed lines |
//! | `sys` | time zone, files |

mod asking;
mod module;
mod packet;
mod parameters;
mod results;
mod server;
mod sources;
mod sys;
#[cfg(test)]
mod tests;

pub use module::TimedriftModule;
pub use parameters::Parameters;

mig_plugin_sdk::declare_plugin!(TimedriftModule);

/// Entries for the fuzz target of what servers answer and files say.
#[doc(hidden)]
pub mod fuzzing {
    /// Reads bytes as an answer.
    pub fn answer(data: &[u8]) {
        crate::packet::read_anything(data);
    }

    /// Reads bytes as each kind of configuration file.
    pub fn configuration(data: &[u8]) {
        crate::sources::read_anything(data);
    }
}
