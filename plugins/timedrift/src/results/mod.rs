//! What a run found out.

mod document;
mod print;

pub use document::{Report, local_time};
pub use print::lines;
