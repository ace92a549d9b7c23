//! What differs between operating systems.

mod linux;

pub use linux::{Kind, Ready, Socket, is_missing_right, says_unreachable};
