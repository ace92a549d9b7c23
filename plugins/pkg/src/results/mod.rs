//! What was found, as lines for people.

mod duration;
mod print;

pub use duration::duration;
pub use print::lines;
