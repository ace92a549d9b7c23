//! The `agentdestroy` module: ends another agent of this machine and removes
//! its program file.
//!
//! Whether a process is the agent that is meant is found out by looking at its
//! program file, never by running it. The process is held by a descriptor from
//! before the first look until it is gone, so that its number cannot come to
//! mean another process in between. When anything is not as it should be,
//! nothing is changed.
//!
//! | Part | Knows |
//! |---|---|
//! | `parameters` | what can be asked |
//! | `process` | processes: which are ours, what they run, how one is ended |
//! | `identity` | program files: which are agents, of which version |
//! | `removal` | when a program file may be removed |
//! | `order` | the sequence of all that |

mod identity;
mod module;
mod order;
mod parameters;
mod process;
mod removal;
mod sys;

pub use module::AgentdestroyModule;
pub use parameters::Parameters;

mig_plugin_sdk::declare_plugin!(AgentdestroyModule);

/// For the fuzzer: parsers of what stands in foreign program files.
#[doc(hidden)]
pub mod fuzzing {
    /// Judges any bytes as a program file.
    pub fn identify(data: &[u8]) {
        let never = || false;
        let _ = crate::identity::identify(&data, "20240517-0.abc1234.prod", &never);
    }
}
