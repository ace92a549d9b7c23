//! What was found.

mod element;
mod errors;
mod finds;
mod print;

pub use errors::ErrorLog;
pub use finds::Finds;
pub use print::lines;
