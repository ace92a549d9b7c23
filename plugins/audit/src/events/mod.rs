//! From the kernel's audit records to finished events.
//!
//! ```text
//! kind + text ──> Assembler ──> records of one serial together ──> Event ──> JSON
//!                 (text)         time-out, bounds                  (interpret)
//! ```
//!
//! Every record that is handed over ends up in exactly one event, whatever is
//! in it: what cannot be read is delivered as it is and counted.

mod assembler;
mod constants;
mod counters;
mod event;
mod execve;
pub mod fuzzing;
mod interpret;
mod json;
mod kinds;
pub mod names;
pub mod tables;
mod text;

#[cfg(test)]
mod tests;

pub use assembler::{Assembler, Options};
#[cfg(test)]
pub use counters::Counters;
#[cfg(test)]
pub use event::Event;
