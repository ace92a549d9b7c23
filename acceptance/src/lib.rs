//! A site of the real programs in one directory: certificates, keys, plugins,
//! configuration, a server and its agents. The tests of the whole use it, and
//! so does `cargo xtask demo`.

#![forbid(unsafe_code)]

mod certificates;
mod configuration;
mod process;
mod programs;
mod sink;
mod site;

pub use configuration::Configuration;
pub use process::Process;
pub use programs::{PLUGINS, Programs};
pub use sink::Sink;
pub use site::{Investigator, Ports, Site};

/// What goes wrong, as one line for the person who runs it.
pub type Outcome<T> = Result<T, String>;
