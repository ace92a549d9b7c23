//! What the operating system offers, one file per system.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub use linux::*;

#[cfg(not(target_os = "linux"))]
compile_error!("the pkg module knows Linux only; add a sibling of sys/linux.rs");
