//! What is special about the operating system.

mod linux;

pub use linux::{Memory, ProcessDirectory, page_size, reason};
