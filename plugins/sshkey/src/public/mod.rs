//! Public keys in files.

mod block;
mod line;

pub use block::keys as blocks;
pub use line::{Line, Options, read as line};
