//! Everything that differs between operating systems, behind one set of names.
//! Only Linux exists so far; another system gets a folder beside `linux` with
//! the same functions.

#[cfg(target_os = "linux")]
mod linux;

#[cfg(target_os = "linux")]
pub(crate) use linux::*;
