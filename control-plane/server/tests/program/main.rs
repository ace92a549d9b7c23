//! The program as a whole.

mod agent;
mod events;
mod investigation;
mod process;
mod refusals;
