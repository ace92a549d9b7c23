//! ICMP echo: what is sent, and what comes back (RFC 792, RFC 4443).

mod answer;
mod echo;
#[cfg(test)]
mod tests;

pub use answer::{Answer, read_anything};
pub use echo::{Echo, Version};
