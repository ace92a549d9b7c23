//! The program as a whole.

mod agent;
mod investigation;
mod process;
mod refusals;
