//! What comes out: entries and the lines people see.

mod entry;
mod print;

pub use entry::{Entry, SubResult};
pub use print::lines;
