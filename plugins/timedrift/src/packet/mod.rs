//! NTP packets (RFC 5905, RFC 4330 for clients that only look at the time).

mod answer;
#[cfg(test)]
mod tests;
mod timestamp;

pub use answer::{Answer, LARGEST, question, read_anything};
pub use timestamp::Timestamp;
