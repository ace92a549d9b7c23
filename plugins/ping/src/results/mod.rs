//! What a run found out.

mod document;
mod print;

pub use document::Report;
pub use print::lines;

/// Stands for an attempt that nobody answered in time.
pub const TIMED_OUT: f64 = 9_999_999.0;
/// Stands for an attempt that was refused or could not get there.
pub const UNREACHABLE: f64 = -1.0;
/// Stands for an attempt that failed otherwise.
pub const FAILED: f64 = 0.0;
