//! What differs between operating systems.

mod linux;

pub use linux::{open, zone_offset};
