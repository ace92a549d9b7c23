//! The program as a whole.

mod agent;
mod events;
mod investigation;
mod limits;
mod process;
mod refusals;
mod virtual_hosts;
