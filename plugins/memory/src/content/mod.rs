//! Patterns over a stream of memory. Where a match lies does not matter, only
//! whether there is one, so every pattern ends with its first match.
//!
//! A stretch of readable memory is handed over piece by piece. Fixed byte
//! sequences see each piece together with the end of the one before; regular
//! expressions are automata that carry their state from piece to piece, so that
//! a match may be of any length and lie across any number of borders.

mod literals;
mod prefilter;
mod regex;
mod utf8;

pub use literals::{Literals, needle_of};
pub use regex::{Regex, RegexStream};

#[cfg(test)]
mod tests;
