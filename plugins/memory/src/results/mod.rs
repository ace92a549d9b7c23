//! What was found and what was not, as JSON and as printed lines.

mod document;
mod losses;
mod print;

pub use document::{Find, emit};
pub use losses::{Losses, Reason};
pub use print::lines;
