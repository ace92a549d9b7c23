//! What was found, on its way out.

mod document;
mod errors;
mod finds;
mod format;
mod print;

pub use document::emit;
pub use errors::ErrorLog;
pub use finds::{Finds, paths};
pub use format::mode_string;
pub use print::lines;
