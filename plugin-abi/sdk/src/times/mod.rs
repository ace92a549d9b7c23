//! Times and durations as texts, in the form that the original's documents and
//! printed lines have: that of the Go library.

mod calendar;
mod duration;
#[cfg(test)]
mod tests;

pub use calendar::{rfc3339, utc};
pub use duration::{DurationError, duration, parse_duration, signed_duration};
